/**
 * `host[:port]`: a name, or an IPv6 address in brackets. As Django's ALLOWED_HOSTS check accepts it, and with underscores,
 * which names in container networks have (RFC 3986 §3.2.2 allows them).
 */
const HOST = /^([a-z0-9._-]+|\[[a-f0-9]*:[a-f0-9.:]+\])(:\d+)?$/i;

export function isHost(text: string): boolean {
  return HOST.test(text);
}

/** A request target cut at its marks, without a URL object: the parts are as the client sent them. */
export interface Target {
  /** From the first `/` of the path; still percent-encoded. */
  path: string;
  /** Without its `?`, empty where there is none. */
  query: string;
}

/** @param url absolute (`http://host/path?query`) or, where the Host made no URL, a bare path */
export function parseTarget(url: string): Target {
  const start = url.startsWith("/") ? 0 : url.indexOf("/", url.indexOf("://") + 3);
  const [beforeFragment = ""] = (start < 0 ? "/" : url.slice(start)).split("#", 1);
  const mark = beforeFragment.indexOf("?");
  if (mark < 0) return { path: beforeFragment, query: "" };
  return { path: beforeFragment.slice(0, mark), query: beforeFragment.slice(mark + 1) };
}

/** What a query parameter of a target holds, the last of equal names; null where there is none. */
export function queryValue({ query }: Target, name: string): string | null {
  // Without the mark in front, a question mark that begins the query itself would be taken for the one before it.
  return query === "" ? null : (new URLSearchParams(`&${query}`).getAll(name).at(-1) ?? null);
}

/** The path with its percent escapes decoded, null where they are no escapes or no UTF-8. */
export function decodePath(path: string): string | null {
  if (!path.includes("%")) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return null;
  }
}

/**
 * A backslash, or a segment `.` or `..`, with parameters or without: the URL parser rewrites the first two, some back
 * ends cut the parameters off, and proxies differ in what they do with each.
 */
const AMBIGUOUS = /\\|\/\.\.?(;[^/]*)?(\/|$)/;

/**
 * The path that a request asks for, decoded. Null if it names nothing: its escapes are malformed, it has dot segments or
 * backslashes, or the path of the target is not the one that the client sent. A proxy may have decided by another path.
 *
 * @param sent the decoded path as the client sent it, null if it is not known; undefined if the target has it unchanged
 */
export function requestPath({ path }: Target, sent: string | null | undefined): string | null {
  const decoded = decodePath(path);
  const whole = sent === undefined ? decoded : sent;
  if (decoded === null || whole === null || AMBIGUOUS.test(whole)) return null;
  return whole === decoded || whole.startsWith(`${decoded}#`) ? decoded : null;
}

/** Stands for our own origin: what a reference resolves to under it is ours. */
const SELF = "http://self.invalid";

/**
 * A reference that stays on this origin, as `/path?query#fragment`; null for any other. Against open redirects (OWASP
 * Unvalidated Redirects and Forwards): `//host`, `/\\host`, `/.//host`, and whatever a browser makes one of these of.
 */
export function ownPath(reference: string): string | null {
  if (!reference.startsWith("/") || !URL.canParse(reference, SELF)) return null;
  const { origin, pathname, search, hash } = new URL(reference, SELF);
  return origin === SELF && !pathname.startsWith("//") ? pathname + search + hash : null;
}
