import type { Routed } from "../context.ts";
import { Problem } from "../http/problem.ts";
import { isHost } from "../http/target.ts";

/** The request that a proxy asks about. */
export interface OriginalRequest {
  readonly method: string;
  readonly isHttps: boolean;
  readonly host: string;
  /** `https://host`, in lower case, without the default port. */
  readonly origin: string;
  /** Path and query as the client sent them. */
  readonly path: string;
}

/** Reads the original request from the headers of one proxy. @throws Problem forwarded_header if one is missing or malformed */
export type ReadOriginal = (context: Routed) => OriginalRequest;

/** A method is a token (RFC 9110 §9.1). Two headers of one name are joined by a comma, which no token has. */
const METHOD = /^[!#$%&'*+.^_`|~\w-]{1,40}$/;

/** No character of a request target is a space (RFC 9112 §3.2), so two headers of one name do not match. */
const PATH = /^\/[!-~\u0080-\u00ff]*$/;

/** Traefik says `wss` of a WebSocket. */
const SCHEMES: Readonly<Record<string, "http" | "https">> = { http: "http", https: "https", ws: "http", wss: "https" };

/** nginx sends no such header by itself. Our configuration sets two. */
export function fromNginx({ request: { headers } }: Routed): OriginalRequest {
  const method = read(headers, "X-Original-Method", METHOD);
  const url = /^([a-z]+):\/\/([^/?#]*)(.*)$/s.exec(headers.get("x-original-url") ?? "");
  const [, scheme = "", host = "", path = ""] = url ?? [];
  return build("X-Original-URL", { method, scheme, host, path });
}

/** Caddy and Traefik send these four by themselves. Our script for HAProxy sends them too. */
export function fromForwardedHeaders({ request: { headers } }: Routed): OriginalRequest {
  const method = read(headers, "X-Forwarded-Method", METHOD);
  const path = read(headers, "X-Forwarded-Uri", PATH);
  return build(null, { method, scheme: readScheme(headers), host: read(headers, "X-Forwarded-Host", /./), path });
}

/**
 * Envoy keeps the Host, and puts a prefix before the path: the row's own path is `/auth/envoy/*`. It keeps the method too,
 * but Bun takes a method that it does not know for GET.
 */
export function fromEnvoy({ request: { headers }, target, endpoint }: Routed): OriginalRequest {
  const method = read(headers, "X-Forwarded-Method", METHOD);
  const path = target.path.slice(endpoint.path.length - "/*".length) + (target.query === "" ? "" : `?${target.query}`);
  return build("Host", { method, scheme: readScheme(headers), host: headers.get("host") ?? "", path });
}

function readScheme(headers: Headers): string {
  return read(headers, "X-Forwarded-Proto", /^(https?|wss?)$/i).toLowerCase();
}

function read(headers: Headers, name: string, pattern: RegExp): string {
  const value = headers.get(name) ?? "";
  if (!pattern.test(value)) throw new Problem("forwarded_header", { header: name });
  return value;
}

/** A name of 253 characters (RFC 1035 §2.3.4), and a port. */
const MAX_HOST_CHARACTERS = 260;

/** @param source the header that has scheme, host and path; null for the headers with a name of their own */
function build(
  source: string | null,
  { method, scheme, host, path }: { method: string; scheme: string; host: string; path: string },
): OriginalRequest {
  const known = Object.hasOwn(SCHEMES, scheme) ? SCHEMES[scheme] : undefined;
  const base = `${known}://${host}`;
  if (
    known === undefined ||
    host.length > MAX_HOST_CHARACTERS ||
    !isHost(host) ||
    !PATH.test(path) ||
    !URL.canParse(base)
  ) {
    throw new Problem("forwarded_header", { header: source ?? "X-Forwarded-Host" });
  }
  return { method, isHttps: known === "https", host, origin: new URL(base).origin, path };
}
