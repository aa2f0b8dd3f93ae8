/**
 * `host[:port]`, an IPv6 address in brackets. Like Django's ALLOWED_HOSTS check, but with underscores (RFC 3986 §3.2.2):
 * container networks use them in names.
 */
const HOST = /^([a-z0-9._-]+|\[[a-f0-9]*:[a-f0-9.:]+\])(:\d+)?$/i;

export function isHost(text: string): boolean {
  return HOST.test(text);
}

/** A request target, not normalised: a URL object would resolve dot segments. */
export interface Target {
  /** Begins with `/`; percent-encoded. */
  path: string;
  /** Without the `?`; empty if there is none. */
  query: string;
}

/** @param url `http://host/path?query`, or a path if the Host is not valid in a URL */
export function parseTarget(url: string): Target {
  const start = url.startsWith("/") ? 0 : url.indexOf("/", url.indexOf("://") + 3);
  const [beforeFragment = ""] = (start < 0 ? "/" : url.slice(start)).split("#", 1);
  const mark = beforeFragment.indexOf("?");
  if (mark < 0) return { path: beforeFragment, query: "" };
  return { path: beforeFragment.slice(0, mark), query: beforeFragment.slice(mark + 1) };
}

/** The last value of a query parameter; null if it is missing. */
export function queryValue({ query }: Target, name: string): string | null {
  // URLSearchParams drops a leading `?`, which may be part of the first name. The `&` protects it.
  return query === "" ? null : (new URLSearchParams(`&${query}`).getAll(name).at(-1) ?? null);
}

/** Decodes percent escapes. @returns null if an escape is malformed or not UTF-8 */
export function decodePath(path: string): string | null {
  if (!path.includes("%")) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return null;
  }
}

/**
 * A backslash, or a segment `.` or `..`, with or without parameters. Proxies, URL parsers and back ends treat each of
 * these differently.
 */
const AMBIGUOUS = /\\|\/\.\.?(;[^/]*)?(\/|$)/;

/**
 * The decoded path of a request. A proxy may have checked another path than the one that the runtime reports, so an
 * ambiguous path is null.
 *
 * @param sent the decoded path in the request line; null if unknown, undefined if the target is known to be unchanged
 * @returns null for malformed escapes, dot segments, backslashes, and a target that differs from `sent`
 */
export function requestPath({ path }: Target, sent: string | null | undefined): string | null {
  const decoded = decodePath(path);
  const whole = sent === undefined ? decoded : sent;
  if (decoded === null || whole === null || AMBIGUOUS.test(whole)) return null;
  return whole === decoded || whole.startsWith(`${decoded}#`) ? decoded : null;
}

/** A placeholder for the own origin. */
const SELF = "http://self.invalid";

/**
 * Prevents open redirects (OWASP Unvalidated Redirects and Forwards) such as `//host`, `/\\host` and `/.//host`.
 *
 * @returns `/path?query#fragment`; null if the reference leaves this origin
 */
export function ownPath(reference: string): string | null {
  if (!reference.startsWith("/") || !URL.canParse(reference, SELF)) return null;
  const { origin, pathname, search, hash } = new URL(reference, SELF);
  return origin === SELF && !pathname.startsWith("//") ? pathname + search + hash : null;
}
