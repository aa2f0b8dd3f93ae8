import { BlockList, isIP, isIPv4 } from "node:net";
import { isHost } from "./address.ts";

/** Addresses that a setting names. */
export interface Networks {
  /** How many there are. */
  count: number;
  /** @param address as `parseAddress` gives it */
  has: (address: string) => boolean;
}

/** Who asks, and under which name: as the connection tells, or as a trusted proxy does. */
export interface Client {
  /** An IP address in its one spelling, empty where there is none. */
  address: string;
  /** What the client took this server for, null where it did not say. Not yet checked. */
  host: string | null;
  /** Whether a trusted proxy says that the client came by https. False means nothing. */
  isHttps: boolean;
  /** Whether the peer sent headers of a proxy without being a trusted one: they were ignored. */
  isProxyIgnored: boolean;
  /** What a trusted proxy calls the request, if that is well formed; else null. */
  requestId: string | null;
}

/** What a trusted proxy may call a request: it stands in the log and in the audit trail. */
const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** The headers that are believed of a trusted proxy. `Forwarded` (RFC 7239) is not read. */
const PROXY_HEADERS = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"];

/**
 * Headers that a proxy or a CDN adds: `Forwarded` (RFC 7239), `Via` (RFC 9110 §7.6.3), `CDN-Loop` (RFC 8586), and the
 * names that products document. Most begin with `X-`, so every such name counts but those of monitoring programs.
 */
const FORWARDED =
  /^x-(?!prometheus-|request-id$)|forwarded|^via$|^cdn-loop$|client-ip$|^(akamai|cf|fastly|fly|front-end|proxy|surrogate)-/;

/** Whether a proxy, trusted or not, has passed the request on. A proxy that adds no header is not seen. */
export function isForwarded(headers: Headers): boolean {
  return [...headers.keys()].some((name) => FORWARDED.test(name));
}

/** Whether a Host names this machine itself, with any port or none. A page that rebinds its own name sends that name. */
export function isLocalHost(host: string | null): boolean {
  if (host === null || !isHost(host)) return false;
  const name = host.replace(/:\d+$/, "").toLowerCase();
  return name === "localhost" || isLoopback(parseAddress(name) ?? "");
}

/** @param peerAddress the other end of the connection */
export function clientOf(
  headers: Headers,
  peerAddress: string,
  { trustedProxies, publicUrl }: { trustedProxies: Networks; publicUrl: string | null },
): Client {
  const peer = parseAddress(peerAddress) ?? "";
  if (!trustedProxies.has(peer)) {
    const isProxyIgnored = PROXY_HEADERS.some((name) => headers.has(name));
    return { address: peer, host: headers.get("host"), isHttps: false, isProxyIgnored, requestId: null };
  }
  const { address, proxies } = walk(elementsOf(headers, "x-forwarded-for"), peer, trustedProxies);
  const told = (name: string) => elementAt(elementsOf(headers, name), proxies);
  const isHttps = publicUrl === null && told("x-forwarded-proto")?.toLowerCase() === "https";
  const host = told("x-forwarded-host") ?? headers.get("host");
  const sentId = headers.get("x-request-id");
  const requestId = sentId !== null && REQUEST_ID.test(sentId) ? sentId : null;
  return { address, host, isHttps, isProxyIgnored: false, requestId };
}

/**
 * From the nearest proxy outwards, each one telling who came to it, to the first that is not trusted: what stands
 * before that anybody may have made up. An entry that is no address ends the walk where it is.
 *
 * @returns the client's address, and how many trusted proxies stand between it and us
 */
function walk(forwardedFor: string[], peer: string, trusted: Networks): { address: string; proxies: number } {
  let address = peer;
  let proxies = 0;
  while (trusted.has(address)) {
    proxies++;
    const next = parseAddress(forwardedFor.at(-proxies) ?? "");
    if (next === null) break;
    address = next;
  }
  return { address, proxies };
}

/** Of a list that each proxy adds to, what the outermost trusted one said; of a shorter list, which one alone set, its first. */
function elementAt(list: string[], proxies: number): string | null {
  return list[Math.max(0, list.length - proxies)] || null;
}

function elementsOf(headers: Headers, name: string): string[] {
  return (headers.get(name) ?? "").split(",").map((element) => element.trim());
}

/**
 * An IP address in its one spelling (RFC 5952), IPv4 in IPv6 as the IPv4 it is. A port, brackets and a zone are dropped.
 *
 * @returns null where the text is none
 */
export function parseAddress(text: string): string | null {
  if (isIPv4(text)) return text;
  const bare = text.replace(/^\[(.*)\](:\d+)?$/, "$1").replace(/^([\d.]+):\d+$/, "$1");
  const address = bare.replace(/%.*$/, "");
  if (isIPv4(address)) return address;
  if (isIP(address) === 0) return null;
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(canonical) ?? [];
  if (high === undefined || low === undefined) return canonical;
  return [high, low].flatMap((word) => [Number.parseInt(word, 16) >> 8, Number.parseInt(word, 16) & 255]).join(".");
}

/** Addresses and CIDR networks with commas between them; null where one of them is neither. */
export function parseNetworks(text: string): Networks | null {
  const list = new BlockList();
  for (const part of text.split(",").map((part) => part.trim())) {
    if (part === "") continue;
    const network = parseNetwork(part);
    if (network === null) return null;
    list.addSubnet(network.address, network.prefix, network.family);
  }
  const count = list.rules.length;
  if (count === 0) return { count, has: () => false };
  return { count, has: (address) => address !== "" && list.check(address, familyOf(address)) };
}

function parseNetwork(text: string): { address: string; prefix: number; family: "ipv4" | "ipv6" } | null {
  const [, written = "", digits] = /^([0-9a-f:.]+)(?:\/(\d{1,3}))?$/i.exec(text) ?? [];
  const address = isIP(written) === 0 ? null : parseAddress(written);
  if (address === null) return null;
  const family = familyOf(address);
  const bits = family === "ipv4" ? 32 : 128;
  // `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
  const unused = isIPv4(written) || family === "ipv6" ? 0 : 96;
  const prefix = digits === undefined ? bits : Number(digits) - unused;
  return prefix >= 0 && prefix <= bits ? { address, prefix, family } : null;
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIPv4(address) ? "ipv4" : "ipv6";
}

/** Whether an address is of this machine itself. */
export function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}
