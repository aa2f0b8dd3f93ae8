import type { RawResponse } from "./raw-http.ts";
import type { RecordedRequest, RecordedResponse } from "./recording.ts";

/** One replayed request, with Django's answer and Postern's. */
export interface Exchange {
  request: RecordedRequest;
  expected: RecordedResponse | null;
  actual: RawResponse | null;
  /** Whether the request's cookie named a live session. */
  hadSession: boolean;
  /** The time since that session was last used, from the hooks. */
  idleSeconds: number;
  /** Whether the user behind the session was deactivated or deleted. */
  userGone: boolean;
}

interface Deviation {
  /** The number in the table of differences in lib/http/README.md. */
  number: number;
  /** Depends on the request and on Postern's answer, never on the name of the case. */
  applies: (exchange: Exchange) => boolean;
}

/** The deliberate differences from Django that recorded requests can show. The first one that applies explains the answer. */
export const DEVIATIONS: Deviation[] = [
  { number: 18, applies: ({ request, expected, actual }) => isServersBusiness(request, expected, actual) },
  { number: 10, applies: ({ request, actual }) => contentLength(request) > 65536 && actual?.status === 413 },
  {
    number: 10,
    applies: ({ request, actual }) => /chunked/.test(header(request, "Transfer-Encoding")) && actual?.status === 202,
  },
  { number: 6, applies: ({ idleSeconds, actual }) => idleSeconds > 604_800 && actual?.status === 403 },
  { number: 5, applies: ({ userGone }) => userGone },
  {
    number: 1,
    applies: (exchange) => !exchange.hadSession && hasForeignOrigin(exchange.request) && isOriginRefusal(exchange),
  },
  {
    number: 2,
    applies: (exchange) => exchange.hadSession && hasForeignOrigin(exchange.request) && isOriginRefusal(exchange),
  },
  {
    number: 2,
    applies: ({ request, expected }) => header(request, "Origin") === "http://oracle.test" && isCsrfRefusal(expected),
  },
  {
    number: 3,
    applies: ({ hadSession, request, actual }) =>
      hadSession &&
      header(request, "Cookie").includes("csrftoken=") &&
      bodyOf(actual).includes("CSRF token missing or incorrect."),
  },
  {
    number: 21,
    applies: ({ request, actual }) =>
      /csrftoken=.*csrftoken=/.test(header(request, "Cookie")) && actual?.status === 202,
  },
  { number: 17, applies: ({ request }) => /charset=/i.test(header(request, "Content-Type")) },
  {
    number: 12,
    applies: ({ expected, actual }) =>
      ["JSON parse error - ", "Multipart form parse error - "].some((start) =>
        bothBegin(expected, actual, `{"detail":"${start}`),
      ),
  },
  {
    number: 13,
    applies: ({ request, actual }) =>
      /:-?\d+(\.\d+|\.?\d*e[+-]?\d+)\s*[,}]/i.test(request.body ?? "") && actual?.status !== 500,
  },
];

/** Deviation 19: the methods that a recorded `/profile/` allows, and PATCH with them. No other path has those three. */
export function withProfileEditing(allow: string | undefined): string | undefined {
  return allow === "GET, HEAD, OPTIONS" ? "GET, PATCH, HEAD, OPTIONS" : allow;
}

/** Lines and fields of the message that the server handles before the application. */
function isServersBusiness(
  request: RecordedRequest,
  expected: RecordedResponse | null,
  actual: RawResponse | null,
): boolean {
  // gunicorn believes X-Forwarded-Proto from loopback, and Django then asks for a Referer.
  if (header(request, "X-Forwarded-Proto") !== "") return bodyText(expected).includes("Referer checking failed");
  if (request.headers.filter(([name]) => name === "Cookie").length > 1) return true;
  if (request.headers.some(([name, value]) => value !== value.trim() || name.includes("_"))) return true;
  if (expected === null) return actual === null || actual.status >= 400;
  const isMalformed = request.host === "absent" || request.headers.some(([, value]) => /\p{Cc}/u.test(value));
  if (isMalformed) return actual === null || actual.status === 400;
  // The runtime's parser ends the connection at an unknown method.
  const isKnown = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE|PROPFIND)$/.test(request.method);
  // Methods are case-sensitive (RFC 9110 §9.1). If the parser passes a lower-case one on, no endpoint has it.
  const isRefused = request.method !== request.method.toUpperCase() && actual?.status === 405;
  return !isKnown && (actual === null || isRefused);
}

function header(request: RecordedRequest, wanted: string): string {
  return request.headers.findLast(([name]) => name.toLowerCase() === wanted.toLowerCase())?.[1] ?? "";
}

function contentLength(request: RecordedRequest): number {
  return Number(/^(\d+) bytes, sha1/.exec(request.body ?? "")?.[1] ?? 0);
}

function hasForeignOrigin(request: RecordedRequest): boolean {
  const origin = request.headers.find(([name]) => name === "Origin")?.[1];
  return origin !== undefined && origin !== "http://oracle.test" && origin !== "https://oracle.test";
}

function isOriginRefusal({ actual }: Exchange): boolean {
  return actual?.status === 403 && actual.body.startsWith('{"detail":"CSRF Failed: Origin checking failed - ');
}

function isCsrfRefusal(expected: RecordedResponse | null): boolean {
  return bodyText(expected).startsWith('{"detail":"CSRF Failed: ');
}

function bothBegin(expected: RecordedResponse | null, actual: RawResponse | null, start: string): boolean {
  return (
    expected?.status === actual?.status && bodyText(expected).startsWith(start) && bodyOf(actual).startsWith(start)
  );
}

function bodyOf(actual: RawResponse | null): string {
  return actual?.body ?? "";
}

export function bodyText(expected: RecordedResponse | null): string {
  return expected?.body.kind === "text" ? expected.body.text : "";
}
