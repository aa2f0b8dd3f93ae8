/** `host[:port]` as Django's ALLOWED_HOSTS check accepts it: a name, or an IPv6 address in brackets. */
const HOST = /^([a-z0-9.-]+|\[[a-f0-9]*:[a-f0-9.:]+\])(:\d+)?$/i;

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

/** The path with its percent escapes decoded, null where they are no escapes or no UTF-8. */
export function decodePath(path: string): string | null {
  try {
    return decodeURIComponent(path);
  } catch {
    return null;
  }
}
