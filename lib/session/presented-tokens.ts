import type { Arrival } from "../context.ts";

// A browser sends every cookie whose domain and path match, so there may be several of one name (RFC 6265 §5.4). Each
// value counts: a planted cookie must neither log a user out nor keep a session alive at its logout.

/** The shape that `generateToken` gives. Cookies of other applications have another shape and cost no lookup. */
const TOKEN = /^[a-z2-7]{32}$/;

/**
 * The most values of one request that are looked up. Browsers send two or three. A sibling host can plant more, but a
 * browser keeps about 180 cookies for a domain with all its hosts, and a header has room for 370.
 */
const MAX_TOKENS = 200;

/** Django ignores a session key that is shorter. */
const MIN_KEY_CHARACTERS = 8;

type Request = Pick<Arrival, "cookies" | "services">;

/** The session tokens that the request presents under the configured name, in the order of its header. */
export function presentedTokens({ cookies, services }: Request): string[] {
  return selectTokens(cookies.get(services.config.sessionCookieName) ?? []);
}

/**
 * The same under every variant of the name. Only the configured name lets a user in: with a `__Host-` prefix no sibling
 * host can have set it (RFC 6265bis §4.1.3). To end a session, each variant will do.
 */
export function allPresentedTokens({ cookies, services }: Request): string[] {
  const configured = services.config.sessionCookieName;
  const name = configured.replace(/^__(Host|Secure)-/, "");
  // The configured name comes first, so that values planted under another name do not crowd it out.
  const names = [configured, name, `__Host-${name}`, `__Secure-${name}`];
  return selectTokens(names.flatMap((variant) => cookies.get(variant) ?? []));
}

/** Whether the request has a value under the configured name that cannot be a session key, and no other value. */
export function presentsOnlyShortKeys({ cookies, services }: Request): boolean {
  const values = cookies.get(services.config.sessionCookieName) ?? [];
  return values.length > 0 && values.every((value) => value.length < MIN_KEY_CHARACTERS);
}

/** The values that have the shape of a token, each once. */
export function selectTokens(values: readonly string[]): string[] {
  return [...new Set(values.filter((value) => TOKEN.test(value)))].slice(0, MAX_TOKENS);
}
