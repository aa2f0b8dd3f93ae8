import type { Config } from "./config.ts";

/** @returns a sentence for each pair of settings that exclude each other */
export function contradictions(config: Config): string[] {
  return [
    ...workerContradictions(config),
    ...timeContradictions(config),
    ...cookieContradictions(config),
    ...mailContradictions(config),
    ...passkeyContradictions(config),
  ];
}

function mailContradictions({ mailUrl, mailFrom, publicUrl, signup }: Config): string[] {
  if (mailUrl === null) {
    if (signup === "closed") return [];
    return [`POSTERN_SIGNUP is ${signup}: its links go out by mail. Set POSTERN_MAIL_URL.`];
  }
  if (mailUrl.kind === "console") return [];
  const errors: string[] = [];
  if (mailFrom === null) errors.push("POSTERN_MAIL_URL is set: every mail needs a sender. Set POSTERN_MAIL_FROM.");
  // The Host header of a request must not decide where a link leads.
  if (publicUrl === null) errors.push("POSTERN_MAIL_URL is set: the links in mails need an origin. Set PUBLIC_URL.");
  return errors;
}

/** An RP ID is the host of the page, or a parent domain of it that is no top-level domain (WebAuthn Level 3 §4, "RP ID"). */
function passkeyContradictions({ passkeyDomain, passkeyOrigins, publicUrl }: Config): string[] {
  if (publicUrl === null) {
    const given = [
      passkeyDomain === null ? [] : [`POSTERN_PASSKEY_DOMAIN is "${passkeyDomain}"`],
      passkeyOrigins.size === 0 ? [] : [`POSTERN_PASSKEY_ORIGINS is "${[...passkeyOrigins].join(",")}"`],
    ].flat();
    return given.map((setting) => `${setting}: passkeys need the origin of their pages. Set PUBLIC_URL.`);
  }
  const host = new URL(publicUrl).hostname;
  if (passkeyDomain === null || passkeyDomain === host) return [];
  if (passkeyDomain.includes(".") && host.endsWith(`.${passkeyDomain}`)) return [];
  return [
    `POSTERN_PASSKEY_DOMAIN is "${passkeyDomain}": it must be ${host}, the host of PUBLIC_URL, or a parent domain of it.`,
  ];
}

/** Bun's idle timer runs from the head of a request to its answer. A body that arrives does not reset it. */
function timeContradictions({ idleTimeoutSeconds, bodyTimeoutSeconds }: Config): string[] {
  if (idleTimeoutSeconds > bodyTimeoutSeconds) return [];
  return [
    `POSTERN_IDLE_TIMEOUT_SECONDS is ${idleTimeoutSeconds}, and POSTERN_BODY_TIMEOUT_SECONDS is ${bodyTimeoutSeconds}: ` +
      "the connection of a slow body would be closed without an answer. Set the first to more than the second.",
  ];
}

function workerContradictions({ workers, host, port, databaseUrl }: Config): string[] {
  const errors: string[] = [];
  if (workers > 1 && host.startsWith("unix:")) {
    errors.push(
      `HOST is ${host}, and POSTERN_WORKERS is ${workers}: processes cannot share a Unix socket. ` +
        "Set HOST to an address, or POSTERN_WORKERS to 1.",
    );
  } else if (workers > 1 && port === 0) {
    errors.push(`PORT is 0, and POSTERN_WORKERS is ${workers}: workers need one port to share. Set PORT.`);
  }
  if (workers > 1 && databaseUrl === "sqlite::memory:") {
    errors.push(
      `DATABASE_URL is sqlite::memory:, and POSTERN_WORKERS is ${workers}: workers need one database to share. ` +
        "Set DATABASE_URL to a file or to Postgres.",
    );
  }
  return errors;
}

/** RFC 6265bis §4.1.3: the cookie name prefixes. */
function cookieContradictions({ sessionCookieName: name, secureCookies, cookieDomain, publicUrl }: Config): string[] {
  const errors: string[] = [];
  if (/^__(host|secure)-/i.test(name) && !secureCookies) {
    errors.push(
      `POSTERN_SESSION_COOKIE_NAME is "${name}": browsers accept this prefix over https only. Set PUBLIC_URL to an https origin.`,
    );
  }
  if (/^(csrftoken|(__Host-)?(devicecookie|pendinglogin))$/.test(name)) {
    errors.push(`POSTERN_SESSION_COOKIE_NAME is "${name}": another cookie has this name. Choose another one.`);
  }
  if (/^__host-/i.test(name) && cookieDomain !== null) {
    errors.push(
      `POSTERN_SESSION_COOKIE_NAME is "${name}": a __Host- cookie has no domain. Unset POSTERN_COOKIE_DOMAIN.`,
    );
  }
  const host = publicUrl === null ? null : new URL(publicUrl).hostname;
  if (cookieDomain !== null && host !== null && host !== cookieDomain && !host.endsWith(`.${cookieDomain}`)) {
    errors.push(
      `POSTERN_COOKIE_DOMAIN is "${cookieDomain}": ${host}, the host of PUBLIC_URL, is outside of it, so browsers ` +
        "would reject the cookies.",
    );
  }
  return errors;
}
