/** What this server calls its own. */
export interface OwnOrigin {
  /** The configured public origin, null where none is configured: then the Host it was sent to counts. */
  publicOrigin: string | null;
  /** That Host; null where there was none. */
  host: string | null;
  /** Whether the client is known to have come by https. False: not known. */
  isHttps: boolean;
  /** Origins of other front ends, allowed by name. */
  trusted: ReadonlySet<string>;
}

/** Where an unsafe request comes from, as far as its headers prove it. */
export type Provenance =
  | { kind: "own" }
  | { kind: "foreign"; header: "Sec-Fetch-Site" | "Origin"; value: string }
  /** Neither header: a program such as curl, or a browser from before 2020. */
  | { kind: "unknown" };

/**
 * Judges an unsafe request by the headers that only a browser sets and that no page can forge: `Sec-Fetch-Site`
 * (Fetch Metadata), else `Origin` (RFC 6454 §7). An origin trusted by name passes whatever the site says.
 * OWASP Cross-Site Request Forgery Prevention Cheat Sheet, "Fetch Metadata headers".
 */
export function provenanceOf(headers: Headers, own: OwnOrigin): Provenance {
  const site = headers.get("sec-fetch-site");
  const origin = headers.get("origin");
  if (origin !== null && own.trusted.has(origin)) return { kind: "own" };
  if (site === "same-origin" || site === "none") return { kind: "own" };
  if (site) return { kind: "foreign", header: "Sec-Fetch-Site", value: site };
  if (origin === null) return { kind: "unknown" };
  return isOwn(origin, own) ? { kind: "own" } : { kind: "foreign", header: "Origin", value: origin };
}

/** Without a public origin only the host is compared, unless a proxy that ends TLS has told the scheme. */
function isOwn(origin: string, { publicOrigin, host, isHttps }: OwnOrigin): boolean {
  if (publicOrigin !== null) return origin === publicOrigin;
  if (host === null) return false;
  const name = host.toLowerCase();
  if (origin === `https://${name.replace(/:443$/, "")}`) return true;
  return !isHttps && origin === `http://${name.replace(/:80$/, "")}`;
}
