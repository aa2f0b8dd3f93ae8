import type { Config } from "./config.ts";

/** What no single setting is wrong about, a sentence each. */
export function contradictions(config: Config): string[] {
  return [...workerContradictions(config), ...timeContradictions(config), ...cookieContradictions(config)];
}

/** Bun counts from the head of a request to its answer, whatever arrives meanwhile. */
function timeContradictions({ idleTimeoutSeconds, bodyTimeoutSeconds }: Config): string[] {
  if (idleTimeoutSeconds > bodyTimeoutSeconds) return [];
  return [
    `POSTERN_IDLE_TIMEOUT_SECONDS is ${idleTimeoutSeconds}, and POSTERN_BODY_TIMEOUT_SECONDS is ${bodyTimeoutSeconds}: ` +
      "a slow body would be cut off before it is answered.",
  ];
}

function workerContradictions({ workers, port, databaseUrl }: Config): string[] {
  const mistakes: string[] = [];
  if (workers > 1 && port === 0) {
    mistakes.push(`PORT is 0, and POSTERN_WORKERS asks for ${workers} processes: a port that is shared must be named.`);
  }
  if (workers > 1 && databaseUrl === "sqlite::memory:") {
    mistakes.push(
      `DATABASE_URL is in memory, and POSTERN_WORKERS asks for ${workers} processes: each would have its own.`,
    );
  }
  return mistakes;
}

/** RFC 6265bis §4.1.3: the cookie name prefixes. */
function cookieContradictions({ sessionCookieName: name, secureCookies, cookieDomain, publicUrl }: Config): string[] {
  const mistakes: string[] = [];
  if (/^__(host|secure)-/i.test(name) && !secureCookies) {
    mistakes.push(
      `POSTERN_SESSION_COOKIE_NAME is "${name}": browsers take that prefix only over https, so PUBLIC_URL must be an https one.`,
    );
  }
  if (["csrftoken", "devicecookie", "__Host-devicecookie"].includes(name)) {
    mistakes.push(`POSTERN_SESSION_COOKIE_NAME is "${name}": that is another cookie.`);
  }
  if (/^__host-/i.test(name) && cookieDomain !== null) {
    mistakes.push(
      `POSTERN_SESSION_COOKIE_NAME is "${name}": a __Host- cookie has no domain, so POSTERN_COOKIE_DOMAIN must go.`,
    );
  }
  const host = publicUrl === null ? null : new URL(publicUrl).hostname;
  if (cookieDomain !== null && host !== null && host !== cookieDomain && !host.endsWith(`.${cookieDomain}`)) {
    mistakes.push(`POSTERN_COOKIE_DOMAIN is "${cookieDomain}": browsers refuse it from ${host}, which is not in it.`);
  }
  return mistakes;
}
