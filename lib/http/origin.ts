/** The origins from which unsafe requests are accepted. */
export interface OwnOrigin {
  /** PUBLIC_URL. If it is null, the Host of the request counts. */
  publicOrigin: string | null;
  /** The Host of the request; null if missing. */
  host: string | null;
  /** True if the client is known to use https. */
  isHttps: boolean;
  /** Origins of other front ends. */
  trusted: ReadonlySet<string>;
}

/** The source of an unsafe request. */
export type Provenance =
  | { kind: "own" }
  | { kind: "foreign"; header: "Sec-Fetch-Site" | "Origin"; value: string }
  /** Neither header is present: a program such as curl, or a browser from before 2020. */
  | { kind: "unknown" };

/**
 * Reads `Sec-Fetch-Site` (Fetch Metadata), else `Origin` (RFC 6454 §7). Only a browser sets these headers; a page cannot
 * forge them. A trusted `Origin` is own with every `Sec-Fetch-Site`.
 * OWASP Cross-Site Request Forgery Prevention Cheat Sheet, "Fetch Metadata headers".
 */
export function findProvenance(headers: Headers, own: OwnOrigin): Provenance {
  const site = headers.get("sec-fetch-site");
  const origin = headers.get("origin");
  if (origin !== null && own.trusted.has(origin)) return { kind: "own" };
  if (site === "same-origin" || site === "none") return { kind: "own" };
  if (site) return { kind: "foreign", header: "Sec-Fetch-Site", value: site };
  if (origin === null) return { kind: "unknown" };
  return isOwn(origin, own) ? { kind: "own" } : { kind: "foreign", header: "Origin", value: origin };
}

/** Without PUBLIC_URL, compares only the host, and the scheme if a proxy reports https. */
function isOwn(origin: string, { publicOrigin, host, isHttps }: OwnOrigin): boolean {
  if (publicOrigin !== null) return origin === publicOrigin;
  if (host === null) return false;
  const name = host.toLowerCase();
  if (origin === `https://${name.replace(/:443$/, "")}`) return true;
  return !isHttps && origin === `http://${name.replace(/:80$/, "")}`;
}
