import type { Arrival, Authenticated } from "../context.ts";
import { deriveCsrfToken, equalSecrets } from "../crypto/token.ts";
import { findProvenance, type Provenance } from "../http/origin.ts";
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
  const provenance = provenanceOf(context);
  if (provenance.kind === "own") return;
  if (provenance.kind === "unknown") return requireToken(context);
  const { header, value } = provenance;
  throw header === "Origin" ? new Problem("csrf_origin", { origin: value }) : new Problem("csrf_site", { site: value });
}

/**
 * Whether a foreign page sent the request to change something, or to open a WebSocket (RFC 6455 §10.2). For an application
 * that knows the user by the session cookie. A browser proves its origin; a program without the headers is let through.
 */
export function isForged(arrival: Arrival): boolean {
  const { method, headers } = arrival.request;
  return (!SAFE_METHODS.has(method) || headers.has("upgrade")) && provenanceOf(arrival).kind === "foreign";
}

function provenanceOf({ request, services, client }: Arrival): Provenance {
  const { publicUrl, trustedOrigins } = services.config;
  const own = { publicOrigin: publicUrl, host: client.host, isHttps: client.isHttps, trusted: trustedOrigins };
  return findProvenance(request.headers, own);
}

/** The token is bound to the session: a pair that a sibling host planted does not pass. */
async function requireToken(context: Authenticated): Promise<void> {
  const { cookies, auth, request } = context;
  if (auth.level === "anonymous") return;
  const presented = cookies.get(CSRF_COOKIE);
  if (presented === undefined) throw new Problem("csrf_cookie");
  const sent = (await formToken(context)) || (request.headers.get("x-csrftoken") ?? "");
  const expected = deriveCsrfToken(auth.token);
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
