import type { Arrival } from "../context.ts";
import { expiredSessionCookie, isHttps } from "../session/cookies.ts";
import { presentsOnlyShortKeys } from "../session/presented-tokens.ts";
import type { Reply } from "./reply.ts";
import { addSecurityHeaders } from "./security-headers.ts";

/** A year (RFC 6797), for this host alone: sibling hosts may not have https. */
const HSTS = "max-age=31536000";

/** Adds the headers of every answer: security headers, request id, cookies, `Allow`, `Vary`, CORS. */
export function finish(stage: Arrival, reply: Reply): void {
  const { headers } = reply.response;
  const { config } = stage.services;
  if (!reply.isPrepared) addSecurityHeaders(headers);
  headers.set("X-Request-Id", stage.requestId);
  if (isHttps(stage)) {
    headers.set("Strict-Transport-Security", HSTS);
    if (config.clearSiteData !== null && reply.isLoggedOut) headers.set("Clear-Site-Data", config.clearSiteData);
  }
  const cookies = cookiesOf(stage, reply);
  for (const cookie of cookies) headers.append("Set-Cookie", cookie);
  if (!reply.isPrepared && stage.endpoint !== null) headers.set("Allow", stage.endpoint.allow);
  addVary(headers, varyOf(stage, reply, cookies.length > 0));
  const origin = trustedOrigin(stage);
  if (origin === null) return;
  headers.set("Access-Control-Allow-Origin", origin);
  headers.set("Access-Control-Allow-Credentials", "true");
  // A script of another origin sees other headers only if they are named here (Fetch Standard §3.3.4).
  headers.set("Access-Control-Expose-Headers", "Link, Retry-After, X-Request-Id");
}

/** The reply's own cookies. If it has none, a session cookie that opens nothing is expired, as Django does. */
function cookiesOf(stage: Arrival, { cookies }: Reply): readonly string[] {
  if (cookies.length > 0 || !presentsStaleCookie(stage)) return cookies;
  return [expiredSessionCookie(stage)];
}

function presentsStaleCookie(stage: Arrival): boolean {
  const { auth, endpoint } = stage;
  if (endpoint?.surface.readsSession === false) return false;
  // If the session was not looked up, expire only a key that Django ignores: one with fewer than 8 characters.
  return auth === null ? presentsOnlyShortKeys(stage) : auth.level === "anonymous" && auth.staleCookie;
}

function varyOf({ endpoint, auth, services }: Arrival, { isPrepared }: Reply, hasCookies: boolean): string[] {
  const vary: string[] = [];
  if (!isPrepared && endpoint?.surface.negotiates) vary.push("Accept");
  if (!isPrepared && (auth !== null || hasCookies)) vary.push("Cookie");
  if (services.config.trustedOrigins.size > 0) vary.push("Origin");
  return vary;
}

function addVary(headers: Headers, vary: string[]): void {
  if (vary.length === 0) return;
  const own = headers.get("Vary"); // On Deno, `append` would make it two lines.
  headers.set("Vary", (own === null ? vary : [own, ...vary]).join(", "));
}

/** The request's Origin, if the settings trust it. */
export function trustedOrigin({ request, services: { config } }: Arrival): string | null {
  const origin = request.headers.get("origin");
  return origin !== null && config.trustedOrigins.has(origin) ? origin : null;
}
