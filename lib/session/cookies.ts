import type { Arrival } from "../context.ts";
import { deriveCsrfToken } from "../crypto/token.ts";
import { serializeCookie, serializeDeletion } from "../http/cookie.ts";

export const CSRF_COOKIE = "csrftoken";

/** 364 days, as Django's CSRF_COOKIE_AGE. */
const CSRF_COOKIE_SECONDS = 31_449_600;

/** The `Set-Cookie` values of a new session: the csrftoken, which scripts read, and the session cookie. */
export function sessionCookies(context: Arrival, token: string): string[] {
  const { config, now } = context.services;
  const common = commonAttributes(context);
  const readable = { ...common, maxAgeSeconds: CSRF_COOKIE_SECONDS, httpOnly: false };
  const hidden = { ...common, maxAgeSeconds: config.sessionMaxAgeSeconds, httpOnly: true };
  return [
    serializeCookie(CSRF_COOKIE, deriveCsrfToken(token), readable, now()),
    serializeCookie(config.sessionCookieName, token, hidden, now()),
  ];
}

/** The `Set-Cookie` values that expire both. */
export function expiredSessionCookies(context: Arrival): string[] {
  return [serializeDeletion(CSRF_COOKIE, commonAttributes(context)), expiredSessionCookie(context)];
}

/** The `Set-Cookie` value that expires the session cookie alone. */
export function expiredSessionCookie(context: Arrival): string {
  return serializeDeletion(context.services.config.sessionCookieName, commonAttributes(context));
}

function commonAttributes(context: Arrival): { secure: boolean; domain: string | null } {
  return { secure: isHttps(context), domain: context.services.config.cookieDomain };
}

/** Whether the client came by https, as the settings or a trusted proxy tell. */
export function isHttps({ client, services: { config } }: Pick<Arrival, "client" | "services">): boolean {
  return config.secureCookies || client.isHttps;
}
