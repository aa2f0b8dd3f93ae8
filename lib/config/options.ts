import { availableParallelism } from "node:os";
import { parseSecretKeys, type SecretKeys } from "../crypto/keys.ts";
import { type Networks, parseNetworks } from "../http/client-address.ts";
import { FACTOR_OPTIONS } from "./factor-options.ts";
import { MAIL_OPTIONS } from "./mail-options.ts";
import type { Option } from "./option.ts";
import {
  parseAddressAndPort,
  parseClearing,
  parseHost,
  parseImageAddress,
  parseInteger,
  parseOrigin,
  parseOrigins,
  parseSwitch,
  type SocketAddress,
} from "./parse-setting.ts";

/** `sqlite://x` is not accepted: it would name the file `//x`. Nor is `sqlite:file:x`: SQLite's URI names are off. */
const DATABASE_URL = /^(sqlite:(:memory:|(?!:|file:|\/\/[^/]).+)|postgres(ql)?:\/\/.+)$/;

const DATABASE_POOLERS = ["session", "transaction"] as const;

const PASSWORD_RULES = ["asvs", "nist", "none"] as const;

/** Every setting. The README's table is generated from this one. */
export const OPTIONS = {
  port: {
    name: "PORT",
    default: "8000",
    parse: (text) => parseInteger(text, 0, 65535),
    expected: "a whole number from 0 to 65535",
    about: "The port to listen on; `0` takes a free port.",
  } satisfies Option<number>,
  host: {
    name: "HOST",
    default: "127.0.0.1",
    parse: parseHost,
    expected: "an address, a host name, or unix: and an absolute path of at most 103 bytes",
    about:
      "The address to listen on: `0.0.0.0` for all IPv4 addresses, `::` for all addresses. `unix:/run/postern/postern.sock` " +
      "is a Unix socket; PORT does not count then, and the umask decides which users may connect.",
  } satisfies Option<string>,
  workers: {
    name: "POSTERN_WORKERS",
    default: "1",
    parse: (text) => (text === "auto" ? availableParallelism() : parseInteger(text, 1, 256)),
    expected: "a whole number from 1 to 256, or auto",
    about: "Number of processes that share the port (Linux only); `auto` is one per core.",
  } satisfies Option<number>,
  databaseUrl: {
    name: "DATABASE_URL",
    default: "sqlite:postern.db",
    parse: (text) => (DATABASE_URL.test(text) ? text : null),
    expected: "sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME",
    isSecret: true,
    about: "The database: `sqlite:PATH`, created if it is missing, or `postgres://USER:PASSWORD@HOST/NAME`.",
  } satisfies Option<string>,
  databasePoolSize: {
    name: "POSTERN_DATABASE_POOL_SIZE",
    default: "10",
    parse: (text) => parseInteger(text, 1, 1000),
    expected: "a whole number from 1 to 1000",
    about: "Maximum number of Postgres connections of this process, besides one for reads.",
  } satisfies Option<number>,
  secretKey: {
    name: "POSTERN_SECRET_KEY",
    default: null,
    parse: parseSecretKeys,
    expected: "keys from the command generate-key, separated by commas",
    isSecret: true,
    about:
      "The secret that signs the audit trail and seals authenticator apps; `generate-key` prints one. Every node needs the " +
      "same. To rotate it, put the new key before the old ones, separated by commas: the first signs and seals, all verify " +
      "and open. Then run `rotate-keys`. On Postgres it is required. On SQLite, if it is unset, the server creates " +
      "`postern.key` beside the database.",
  } satisfies Option<SecretKeys>,
  databasePooler: {
    name: "POSTERN_DATABASE_POOLER",
    default: "session",
    parse: (text) => DATABASE_POOLERS.find((name) => name === text) ?? null,
    expected: "session or transaction",
    about:
      "The mode (PgBouncer's `pool_mode`) of a connection pooler before Postgres. Without a pooler, keep `session`. With " +
      "`transaction`, nothing depends on a connection after its transaction.",
  } satisfies Option<(typeof DATABASE_POOLERS)[number]>,
  publicUrl: {
    name: "PUBLIC_URL",
    default: null,
    parse: parseOrigin,
    expected: "an origin such as https://example.com, without a path",
    about:
      "The origin of this server in the browser. If it is set, requests for another Host are denied. " +
      "If it is https, cookies are Secure and the session cookie is named `__Host-sessionid`.",
  } satisfies Option<string>,
  sessionMaxAgeSeconds: {
    name: "POSTERN_SESSION_MAX_AGE_SECONDS",
    default: "1209600",
    parse: (text) => parseInteger(text, 60, 34_560_000),
    expected: "a whole number from 60 to 34560000 (400 days, the most a browser keeps a cookie)",
    about: "A session ends this long after its login (14 days).",
  } satisfies Option<number>,
  sessionIdleSeconds: {
    name: "POSTERN_SESSION_IDLE_SECONDS",
    default: "604800",
    parse: (text) => parseInteger(text, 300, 34_560_000),
    expected: "a whole number from 300 to 34560000",
    about: "A session ends after this time without a request (7 days), exact to 60 seconds.",
  } satisfies Option<number>,
  sessionsPerUser: {
    name: "POSTERN_SESSIONS_PER_USER",
    default: "100",
    parse: (text) => parseInteger(text, 1, 10_000),
    expected: "a whole number from 1 to 10000",
    about: "Maximum number of live sessions per user. A login that exceeds it ends the least recently used ones.",
  } satisfies Option<number>,
  sessionCookieName: {
    name: "POSTERN_SESSION_COOKIE_NAME",
    default: null,
    // RFC 6265 §4.1.1: a token of RFC 9110 §5.6.2.
    parse: (text) => (/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text) ? text : null),
    expected: "a cookie name",
    about: "The name of the session cookie in place of `sessionid` (over https: `__Host-sessionid`).",
  } satisfies Option<string>,
  cookieDomain: {
    name: "POSTERN_COOKIE_DOMAIN",
    default: null,
    parse: (text) => (/^\.?([a-z0-9-]+\.)*[a-z0-9-]+$/i.test(text) ? text.replace(/^\./, "").toLowerCase() : null),
    expected: "a domain such as example.com",
    about:
      "Sends the cookies to every host of this domain. Each of them can then read and set them. " +
      "Needed only if back ends on several hosts must receive the session, not for a front end on a sibling host.",
  } satisfies Option<string>,
  trustedOrigins: {
    name: "POSTERN_TRUSTED_ORIGINS",
    default: "",
    parse: parseOrigins,
    expected: "origins such as https://app.example.com, separated by commas",
    about:
      "Origins of front ends on sibling hosts. They pass the cross-site check and get CORS with credentials. " +
      "They must be of the same site: otherwise browsers do not send the cookies.",
  } satisfies Option<ReadonlySet<string>>,
  trustedProxies: {
    name: "POSTERN_TRUSTED_PROXIES",
    default: "",
    parse: parseNetworks,
    expected: "addresses and networks such as 127.0.0.1, 10.0.0.0/8 or fd00::/8, or unix, separated by commas",
    about:
      "Reverse proxies whose X-Forwarded-For, -Proto, -Host and X-Request-Id are trusted. From any other peer these " +
      "headers are ignored. `unix` trusts each connection over a Unix socket. The proxies must set them, and the outermost must remove the client's own X-Forwarded-Host.",
  } satisfies Option<Networks>,
  opsAddress: {
    name: "POSTERN_OPS_ADDRESS",
    default: null,
    parse: parseAddressAndPort,
    expected: "an address and a port, such as 127.0.0.1:9464 or [::1]:9464",
    about:
      "A separate address for `/healthz`, `/readyz` and `/metrics`. If it is unset, the main address answers them: the " +
      "first two for every client; `/metrics` for clients on this machine (loopback), without a proxy, that name this " +
      "machine as the Host.",
  } satisfies Option<SocketAddress>,
  shutdownSeconds: {
    name: "POSTERN_SHUTDOWN_SECONDS",
    default: "10",
    parse: (text) => parseInteger(text, 0, 3600),
    expected: "a whole number from 0 to 3600",
    about: "After SIGTERM, requests in flight may take this long to finish.",
  } satisfies Option<number>,
  shutdownDelaySeconds: {
    name: "POSTERN_SHUTDOWN_DELAY_SECONDS",
    default: "0",
    parse: (text) => parseInteger(text, 0, 3600),
    expected: "a whole number from 0 to 3600",
    about:
      "After SIGTERM, `/readyz` answers 503 for this long before the server stops accepting connections. " +
      "A load balancer can then choose another node.",
  } satisfies Option<number>,
  bodyTimeoutSeconds: {
    name: "POSTERN_BODY_TIMEOUT_SECONDS",
    default: "10",
    parse: (text) => parseInteger(text, 1, 120),
    expected: "a whole number from 1 to 120",
    about: "A request body must arrive within this time, or the answer is 408.",
  } satisfies Option<number>,
  idleTimeoutSeconds: {
    name: "POSTERN_IDLE_TIMEOUT_SECONDS",
    // nginx and AWS keep an idle connection for 60 seconds. If we close it earlier, a request may be lost.
    default: "75",
    // The maximum of Bun's idleTimeout.
    parse: (text) => parseInteger(text, 1, 255),
    expected: "a whole number from 1 to 255",
    about:
      "A connection without a complete request or an answer for this long is closed, exact to 4 seconds. " +
      "Set it higher than the body timeout and the load balancer's keep-alive. Deno ignores it.",
  } satisfies Option<number>,
  passwordQueue: {
    name: "POSTERN_PASSWORD_QUEUE",
    default: "100",
    parse: (text) => parseInteger(text, 0, 100_000),
    expected: "a whole number from 0 to 100000",
    about:
      "Maximum number of logins that may wait for a core to hash their password. The next login is answered 503. " +
      "A network may fill half of the queue, an IPv4 address or an IPv6 /64 a quarter. " +
      "Known devices have additional places, a quarter of this number.",
  } satisfies Option<number>,
  siteName: {
    name: "POSTERN_SITE_NAME",
    default: "Postern",
    parse: (text) => (text.length <= 60 ? text : null),
    expected: "at most 60 characters",
    about: "The site's name on the pages.",
  } satisfies Option<string>,
  logoUrl: {
    name: "POSTERN_LOGO_URL",
    default: null,
    parse: parseImageAddress,
    expected: "an https address, or a path on this origin such as /logo.svg",
    about: "A square image beside the site's name on the pages, shown 28 pixels wide.",
  } satisfies Option<string>,
  clearSiteData: {
    name: "POSTERN_CLEAR_SITE_DATA",
    default: null,
    parse: parseClearing,
    expected: "cache, storage or both, separated by a comma",
    about:
      "The browser data that a logout over https clears (`Clear-Site-Data`): `cache`, `storage`, or `cache,storage`. " +
      "It applies to the whole origin: `storage` also clears the front end's localStorage and IndexedDB.",
  } satisfies Option<string>,
  ...MAIL_OPTIONS,
  ...FACTOR_OPTIONS,
  securityContact: {
    name: "POSTERN_SECURITY_CONTACT",
    default: null,
    // RFC 9116 §2.5.3.
    parse: (text) => (/^(mailto:|https:\/\/|tel:)[!-~]+$/.test(text) ? text : null),
    expected: "mailto:…, https://… or tel:…",
    about:
      "The contact in `/.well-known/security.txt` for reports of vulnerabilities. If it is unset, that path is 404.",
  } satisfies Option<string>,
  auditDays: {
    name: "POSTERN_AUDIT_DAYS",
    default: "365",
    parse: (text) => parseInteger(text, 0, 36_500),
    expected: "a whole number from 0 to 36500",
    about: "Days after which audit events are deleted; `0` keeps them for ever.",
  } satisfies Option<number>,
  passwordRules: {
    name: "POSTERN_PASSWORD_RULES",
    default: "asvs",
    parse: (text) => PASSWORD_RULES.find((name) => name === text) ?? null,
    expected: "asvs, nist or none",
    about:
      "The rules for new passwords. `asvs`: at least 8 characters. `nist`: at least 15, or 8 if the user has a second " +
      "factor. Both deny common passwords and those similar to the user's names. `none` denies only blank ones. Existing " +
      "passwords stay valid, also a short one after its user has removed the second factor.",
  } satisfies Option<(typeof PASSWORD_RULES)[number]>,
  breachedPasswords: {
    name: "POSTERN_BREACHED_PASSWORDS",
    default: null,
    parse: parseOrigin,
    expected: "an origin such as https://api.pwnedpasswords.com",
    about:
      "A service that knows breached passwords: `https://api.pwnedpasswords.com`, or another origin with its range API. " +
      "It receives 5 digits of the SHA-1 of each new password. If it does not answer within 1 second, the password is " +
      "accepted and the log has a warning.",
  } satisfies Option<string>,
  throttle: {
    name: "POSTERN_THROTTLE",
    default: "on",
    parse: parseSwitch,
    expected: "on or off",
    about: "Whether logins have rate limits per account, device and network. `off` is for load tests only.",
  } satisfies Option<boolean>,
};
