import type { Arrival, Authenticated, CurrentSession } from "../context.ts";
import { deriveCsrfToken, equalSecrets } from "../crypto/token.ts";
import { findProvenance, type OwnOrigin } from "../http/origin.ts";
import { Problem } from "../http/problem.ts";
import { CSRF_COOKIE } from "../session/cookies.ts";
import type { MaybePromise } from "./maybe-promise.ts";

/** Safe methods (RFC 9110 §9.2.1) need no proof of origin. */
const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/**
 * Denies an unsafe request that a foreign page may have sent, login included. A browser proves its origin by
 * `Sec-Fetch-Site` or `Origin`. A program or an old browser sends neither. With a live session it must repeat its
 * csrftoken, as Django demands. Without a session only login CSRF is left, in a browser from before 2020.
 *
 * @throws Problem csrf_site, csrf_origin, csrf_cookie, csrf_token, and those of reading the body
 */
export function requireOwnOrigin(context: Authenticated): MaybePromise<void> {
  if (SAFE_METHODS.has(context.request.method)) return;
  const { auth, request } = context;
  if (isProven(request.headers, ownOrigin(context)) || auth.level === "anonymous") return;
  requireCookie(context);
  return formToken(context).then((fromForm) => requireToken(context, auth, fromForm));
}

/** One application must not send requests to another: POSTERN_TRUSTED_ORIGINS is about Postern's own endpoints. */
const NONE_TRUSTED: ReadonlySet<string> = new Set();

/**
 * The same for a request to an application, which a proxy asks about: from its headers alone. A WebSocket opens with a
 * GET, and a foreign page may open one (RFC 6455 §10.2), so it counts as unsafe.
 *
 * @throws Problem csrf_site, csrf_origin, csrf_cookie, csrf_token
 */
export function requireOriginalOrigin(
  context: Authenticated,
  { method, host, isHttps }: { method: string; host: string; isHttps: boolean },
): void {
  const { request, auth } = context;
  const { headers } = request;
  if (SAFE_METHODS.has(method) && !isWebSocket(headers)) return;
  const own = { publicOrigin: null, host, isHttps, trusted: NONE_TRUSTED };
  if (isProven(headers, own) || auth.level === "anonymous") return;
  requireCookie(context);
  requireToken(context, auth, "");
}

/** A proxy may drop `Upgrade`, which belongs to one connection alone. */
function isWebSocket(headers: Headers): boolean {
  return headers.has("upgrade") || headers.has("sec-websocket-key") || headers.get("sec-fetch-mode") === "websocket";
}

/** @returns false if the headers say nothing. @throws Problem csrf_site, csrf_origin */
function isProven(headers: Headers, own: OwnOrigin): boolean {
  const provenance = findProvenance(headers, own);
  if (provenance.kind !== "foreign") return provenance.kind === "own";
  const { header, value } = provenance;
  throw header === "Origin" ? new Problem("csrf_origin", { origin: value }) : new Problem("csrf_site", { site: value });
}

/**
 * Whether a foreign page sent the request to change something, or to open a WebSocket (RFC 6455 §10.2). For an application
 * that knows the user by the session cookie. A browser proves its origin; a program without the headers is let through.
 */
export function isForged(arrival: Arrival): boolean {
  const { method, headers } = arrival.request;
  const isUnsafe = !SAFE_METHODS.has(method) || isWebSocket(headers);
  return isUnsafe && findProvenance(headers, ownOrigin(arrival)).kind === "foreign";
}

function ownOrigin({ services, client: { host, isHttps } }: Arrival): OwnOrigin {
  const { publicUrl, trustedOrigins } = services.config;
  return { publicOrigin: publicUrl, host, isHttps, trusted: trustedOrigins };
}

/** Django checks the cookie before it reads the form. */
function requireCookie({ cookies }: Authenticated): void {
  if (!cookies.has(CSRF_COOKIE)) throw new Problem("csrf_cookie");
}

/** The token is bound to the session: a pair that a sibling host planted does not pass. */
function requireToken({ cookies, request }: Authenticated, { token }: CurrentSession, fromForm: string): void {
  const sent = fromForm || (request.headers.get("x-csrftoken") ?? "");
  const expected = deriveCsrfToken(token);
  const presented = cookies.get(CSRF_COOKIE) ?? [];
  if (!presented.some((cookie) => equalSecrets(cookie, expected)) || !equalSecrets(sent, expected))
    throw new Problem("csrf_token");
}

/** Django reads the token from form fields of a POST alone. */
async function formToken({ request, data }: Authenticated): Promise<string> {
  if (request.method !== "POST") return "";
  const body = await data();
  const token = body.kind === "form" ? body.fields.get("csrfmiddlewaretoken") : "";
  return typeof token === "string" ? token : "";
}
