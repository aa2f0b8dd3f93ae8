import { availableParallelism } from "node:os";
import { parseSecretKeys, type SecretKeys } from "../crypto/keys.ts";
import { type Networks, parseNetworks } from "../http/client-address.ts";
import {
  parseAddressAndPort,
  parseClearing,
  parseImageAddress,
  parseInteger,
  parseOrigin,
  parseOrigins,
  parseSwitch,
  type SocketAddress,
} from "./parse-setting.ts";

export interface Option<T> {
  /** The environment variable. */
  name: string;
  /** As it would be written; null where there is none and the value is null. */
  default: string | null;
  /** Null where the text is not what it should be. */
  parse: (text: string) => T | null;
  /** Completes the sentence "expected …". */
  expected: string;
  /** Whether it may hold a password, and so is never repeated. */
  isSecret?: true;
  about: string;
}

/** A file, a database in memory, or a Postgres. `sqlite://x` would be read as `//x`, and `sqlite:file:x` as no URI. */
const DATABASE_URL = /^(sqlite:(:memory:|(?!:|file:|\/\/[^/]).+)|postgres(ql)?:\/\/.+)$/;

const DATABASE_POOLERS = ["session", "transaction"] as const;

const PASSWORD_RULES = ["asvs", "nist", "none"] as const;

/** Every setting. The README's table is made from this one. */
export const OPTIONS = {
  port: {
    name: "PORT",
    default: "8000",
    parse: (text) => parseInteger(text, 0, 65535),
    expected: "a whole number from 0 to 65535",
    about: "The port to listen on; 0 takes a free one.",
  } satisfies Option<number>,
  host: {
    name: "HOST",
    default: "127.0.0.1",
    parse: (text) => text,
    expected: "an address or a host name",
    about: "The address to listen on; `0.0.0.0` for every IPv4 one, `::` for every one.",
  } satisfies Option<string>,
  workers: {
    name: "POSTERN_WORKERS",
    default: "1",
    parse: (text) => (text === "auto" ? availableParallelism() : parseInteger(text, 1, 256)),
    expected: "a whole number from 1 to 256, or auto",
    about: "How many processes share the port, on Linux; `auto` is one for each core.",
  } satisfies Option<number>,
  databaseUrl: {
    name: "DATABASE_URL",
    default: "sqlite:postern.db",
    parse: (text) => (DATABASE_URL.test(text) ? text : null),
    expected: "sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME",
    isSecret: true,
    about:
      "Where users and sessions are kept: `sqlite:PATH`, made where it is missing, or `postgres://USER:PASSWORD@HOST/NAME`.",
  } satisfies Option<string>,
  databasePoolSize: {
    name: "POSTERN_DATABASE_POOL_SIZE",
    default: "10",
    parse: (text) => parseInteger(text, 1, 1000),
    expected: "a whole number from 1 to 1000",
    about: "How many connections to a Postgres this process opens at the most.",
  } satisfies Option<number>,
  secretKey: {
    name: "POSTERN_SECRET_KEY",
    default: null,
    parse: parseSecretKeys,
    expected: "keys as generate-key prints them, with commas between them",
    isSecret: true,
    about:
      "The secret that the database does not hold: it signs the audit trail. `generate-key` prints one. To rotate it, put " +
      "the new key in front of the old ones, with commas: the first one signs, all of them verify. Every node has the " +
      "same. If it is unset, SQLite keeps one in `postern.key` beside the database; Postgres needs it.",
  } satisfies Option<SecretKeys>,
  databasePooler: {
    name: "POSTERN_DATABASE_POOLER",
    default: "session",
    parse: (text) => DATABASE_POOLERS.find((name) => name === text) ?? null,
    expected: "session or transaction",
    about:
      "How a connection pooler before the Postgres works, such as PgBouncer (`pool_mode`). `session` is right without " +
      "one, too. With `transaction`, nothing is kept on a connection from one transaction to the next.",
  } satisfies Option<(typeof DATABASE_POOLERS)[number]>,
  publicUrl: {
    name: "PUBLIC_URL",
    default: null,
    parse: parseOrigin,
    expected: "an origin such as https://example.com, without a path",
    about:
      "The origin people reach this server under. With it, requests for another Host are refused; " +
      "where it is https, cookies are Secure and the session cookie is named `__Host-sessionid`.",
  } satisfies Option<string>,
  sessionMaxAgeSeconds: {
    name: "POSTERN_SESSION_MAX_AGE_SECONDS",
    default: "1209600",
    parse: (text) => parseInteger(text, 60, 34_560_000),
    expected: "a whole number from 60 to 34560000 (400 days, the most a browser keeps a cookie)",
    about: "How long a session lasts from its login, used or not. 14 days.",
  } satisfies Option<number>,
  sessionIdleSeconds: {
    name: "POSTERN_SESSION_IDLE_SECONDS",
    default: "604800",
    parse: (text) => parseInteger(text, 300, 34_560_000),
    expected: "a whole number from 300 to 34560000",
    about: "How long a session lasts unused. 7 days; kept to within a minute.",
  } satisfies Option<number>,
  sessionsPerUser: {
    name: "POSTERN_SESSIONS_PER_USER",
    default: "100",
    parse: (text) => parseInteger(text, 1, 10_000),
    expected: "a whole number from 1 to 10000",
    about: "How many live sessions a user may have. A login that exceeds this ends the least recently used ones.",
  } satisfies Option<number>,
  sessionCookieName: {
    name: "POSTERN_SESSION_COOKIE_NAME",
    default: null,
    // RFC 6265 §4.1.1: a token of RFC 9110 §5.6.2.
    parse: (text) => (/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text) ? text : null),
    expected: "a cookie name",
    about: "The session cookie's name, where `sessionid` (on https `__Host-sessionid`) will not do.",
  } satisfies Option<string>,
  cookieDomain: {
    name: "POSTERN_COOKIE_DOMAIN",
    default: null,
    parse: (text) => (/^\.?([a-z0-9-]+\.)*[a-z0-9-]+$/i.test(text) ? text.replace(/^\./, "").toLowerCase() : null),
    expected: "a domain such as example.com",
    about:
      "Sends the cookies to every host of this domain, each of which can then read and plant them. " +
      "Only where the back ends of several hosts must be sent the session; a front end on a sibling host does not need it.",
  } satisfies Option<string>,
  trustedOrigins: {
    name: "POSTERN_TRUSTED_ORIGINS",
    default: "",
    parse: parseOrigins,
    expected: "origins such as https://app.example.com, with commas between them",
    about:
      "Origins of front ends on sibling hosts (of the same site, or browsers keep the cookies back): " +
      "they pass the cross-site check and get CORS with credentials.",
  } satisfies Option<ReadonlySet<string>>,
  trustedProxies: {
    name: "POSTERN_TRUSTED_PROXIES",
    default: "",
    parse: parseNetworks,
    expected: "addresses and networks such as 127.0.0.1, 10.0.0.0/8 or fd00::/8, with commas between them",
    about:
      "Reverse proxies whose X-Forwarded-For, -Proto and -Host and X-Request-Id are believed; from anybody else they are " +
      "ignored. They must set these headers themselves, and the last one must not pass a client's own X-Forwarded-Host on.",
  } satisfies Option<Networks>,
  opsAddress: {
    name: "POSTERN_OPS_ADDRESS",
    default: null,
    parse: parseAddressAndPort,
    expected: "an address and a port, such as 127.0.0.1:9464 or [::1]:9464",
    about:
      "Where `/healthz`, `/readyz` and `/metrics` are answered, and nothing else is. Unset, they are answered beside the " +
      "rest: the first two to everybody, `/metrics` only to clients on this machine (loopback) that no proxy speaks for " +
      "and that name this machine as the Host.",
  } satisfies Option<SocketAddress>,
  shutdownSeconds: {
    name: "POSTERN_SHUTDOWN_SECONDS",
    default: "10",
    parse: (text) => parseInteger(text, 0, 3600),
    expected: "a whole number from 0 to 3600",
    about: "How long requests under way may take to finish when the server is told to stop.",
  } satisfies Option<number>,
  shutdownDelaySeconds: {
    name: "POSTERN_SHUTDOWN_DELAY_SECONDS",
    default: "0",
    parse: (text) => parseInteger(text, 0, 3600),
    expected: "a whole number from 0 to 3600",
    about:
      "How long the server goes on as before when it is told to stop, but for `/readyz`, which answers 503: " +
      "time for a load balancer to look elsewhere.",
  } satisfies Option<number>,
  bodyTimeoutSeconds: {
    name: "POSTERN_BODY_TIMEOUT_SECONDS",
    default: "10",
    parse: (text) => parseInteger(text, 1, 120),
    expected: "a whole number from 1 to 120",
    about: "How long a request's body may take to arrive before it is answered 408.",
  } satisfies Option<number>,
  idleTimeoutSeconds: {
    name: "POSTERN_IDLE_TIMEOUT_SECONDS",
    // nginx and AWS keep an idle connection for 60 seconds. If we close it first, a request may be on its way on it.
    default: "75",
    // The most that Bun's idleTimeout takes.
    parse: (text) => parseInteger(text, 1, 255),
    expected: "a whole number from 1 to 255",
    about:
      "How long a connection may go without a request's end or an answer before it is closed, to within 4 seconds; " +
      "more than a body's time, and more than the balancer in front keeps an idle connection. On Deno it does nothing.",
  } satisfies Option<number>,
  passwordQueue: {
    name: "POSTERN_PASSWORD_QUEUE",
    default: "100",
    parse: (text) => parseInteger(text, 0, 100_000),
    expected: "a whole number from 0 to 100000",
    about:
      "How many logins may wait for a core to hash their password on; the next is answered 503. " +
      "One network may take half of the places, and an IPv4 address or an IPv6 /64 a quarter; " +
      "devices that have logged in before have a quarter more for themselves.",
  } satisfies Option<number>,
  siteName: {
    name: "POSTERN_SITE_NAME",
    default: "Postern",
    parse: (text) => (text.length <= 60 ? text : null),
    expected: "at most 60 characters",
    about: "What the pages call this site.",
  } satisfies Option<string>,
  logoUrl: {
    name: "POSTERN_LOGO_URL",
    default: null,
    parse: parseImageAddress,
    expected: "an https address, or a path on this origin such as /logo.svg",
    about: "A square picture that the pages show beside the site's name, 28 pixels wide.",
  } satisfies Option<string>,
  clearSiteData: {
    name: "POSTERN_CLEAR_SITE_DATA",
    default: null,
    parse: parseClearing,
    expected: "cache, storage or both, with a comma between them",
    about:
      "What a logout has a browser on https forget (`Clear-Site-Data`): `cache`, `storage`, or `cache,storage`. " +
      "It forgets that of the whole origin, so `storage` empties the front end's localStorage and IndexedDB too.",
  } satisfies Option<string>,
  securityContact: {
    name: "POSTERN_SECURITY_CONTACT",
    default: null,
    // RFC 9116 §2.5.3.
    parse: (text) => (/^(mailto:|https:\/\/|tel:)[!-~]+$/.test(text) ? text : null),
    expected: "mailto:…, https://… or tel:…",
    about: "Whom `/.well-known/security.txt` tells people to write to who have found a hole; without it there is none.",
  } satisfies Option<string>,
  auditDays: {
    name: "POSTERN_AUDIT_DAYS",
    default: "365",
    parse: (text) => parseInteger(text, 0, 36_500),
    expected: "a whole number from 0 to 36500",
    about: "How long the audit trail is kept, in days; `0` is for ever.",
  } satisfies Option<number>,
  passwordRules: {
    name: "POSTERN_PASSWORD_RULES",
    default: "asvs",
    parse: (text) => PASSWORD_RULES.find((name) => name === text) ?? null,
    expected: "asvs, nist or none",
    about:
      "What a new password must be: at least 8 characters long with `asvs`, 15 with `nist`, and with both neither " +
      "common nor like the user's names; with `none`, not blank. Passwords that are set already stay as they are.",
  } satisfies Option<(typeof PASSWORD_RULES)[number]>,
  breachedPasswords: {
    name: "POSTERN_BREACHED_PASSWORDS",
    default: null,
    parse: parseOrigin,
    expected: "an origin such as https://api.pwnedpasswords.com",
    about:
      "Where new passwords are looked up among those of known breaches: `https://api.pwnedpasswords.com`, or another " +
      "origin with its range API, which is told 5 digits of the password's SHA-1. Where it does not answer within a " +
      "second, the password passes, and the log tells.",
  } satisfies Option<string>,
  throttle: {
    name: "POSTERN_THROTTLE",
    default: "on",
    parse: parseSwitch,
    expected: "on or off",
    about: "Whether logins are throttled, by account, device and network; `off` is for load tests.",
  } satisfies Option<boolean>,
};
