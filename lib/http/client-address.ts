import { BlockList, isIP, isIPv4 } from "node:net";
import { isHost } from "./target.ts";

/** The peer of a connection over a Unix socket, which has no address. */
export const UNIX = "unix";

/** A set of IP networks, and perhaps the Unix socket. */
export interface Networks {
  count: number;
  /** @param address normalised by `parsePeer` */
  has: (address: string) => boolean;
}

/** The client, from the connection or from the headers of a trusted proxy. */
export interface Client {
  /** Normalised by `parseAddress`; empty if unknown. */
  address: string;
  /** The Host that the client requested, not validated; null if the header is missing. */
  host: string | null;
  /** True if a trusted proxy reports https. False if the scheme is http or unknown. */
  isHttps: boolean;
  /** Whether an untrusted peer sent proxy headers. They were ignored. */
  isProxyIgnored: boolean;
  /** The X-Request-Id of a trusted proxy; null if missing or malformed. */
  requestId: string | null;
}

/** Safe characters for the log and the audit trail. */
const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** Read only from a trusted proxy. `Forwarded` (RFC 7239) is not read. */
const PROXY_HEADERS = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"];

/**
 * Headers that a proxy or a CDN adds: `Forwarded` (RFC 7239), `Via` (RFC 9110 §7.6.3), `CDN-Loop` (RFC 8586), and the
 * names that products document. Most begin with `X-`, so every such name counts but those of monitoring programs.
 */
const FORWARDED =
  /^x-(?!prometheus-|request-id$)|forwarded|^via$|^cdn-loop$|client-ip$|^(akamai|cf|fastly|fly|front-end|proxy|surrogate)-/;

/** Whether any proxy, trusted or not, forwarded the request. Does not recognise a proxy that adds no header. */
export function isForwarded(headers: Headers): boolean {
  return [...headers.keys()].some((name) => FORWARDED.test(name));
}

/** Whether a Host names this machine, with any port. In a DNS rebinding attack, the Host is the attacker's name. */
export function isLocalHost(host: string | null): boolean {
  if (host === null || !isHost(host)) return false;
  const name = host.replace(/:\d+$/, "").toLowerCase();
  return name === "localhost" || isLoopback(parseAddress(name) ?? "");
}

/** @param peerAddress the remote address of the connection */
export function identifyClient(
  headers: Headers,
  peerAddress: string,
  { trustedProxies, publicUrl }: { trustedProxies: Networks; publicUrl: string | null },
): Client {
  const peer = parsePeer(peerAddress);
  if (!trustedProxies.has(peer)) {
    const isProxyIgnored = PROXY_HEADERS.some((name) => headers.has(name));
    return { address: addressOf(peer), host: headers.get("host"), isHttps: false, isProxyIgnored, requestId: null };
  }
  const { address, proxies } = walk(elementsOf(headers, "x-forwarded-for"), peer, trustedProxies);
  const forwarded = (name: string) => elementAt(elementsOf(headers, name), proxies);
  const isHttps = publicUrl === null && forwarded("x-forwarded-proto")?.toLowerCase() === "https";
  const host = forwarded("x-forwarded-host") ?? headers.get("host");
  const sentId = headers.get("x-request-id");
  const requestId = sentId !== null && REQUEST_ID.test(sentId) ? sentId : null;
  return { address: addressOf(address), host, isHttps, isProxyIgnored: false, requestId };
}

/** The last result: behind a proxy, all requests have one peer. */
let last = { sent: "", peer: "" };

/** The other end of a connection: an address as `parseAddress` gives it, `UNIX`, or empty if unknown. */
export function parsePeer(peerAddress: string): string {
  if (peerAddress !== last.sent) {
    last = { sent: peerAddress, peer: peerAddress === UNIX ? UNIX : (parseAddress(peerAddress) ?? "") };
  }
  return last.peer;
}

function addressOf(peer: string): string {
  return peer === UNIX ? "" : peer;
}

/**
 * Reads X-Forwarded-For from the right, as long as the proxy that added the entry is trusted. The entries further left
 * may be forged. An entry that is not an address ends the walk.
 *
 * @returns the client's address, and the number of trusted proxies between the client and this server
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

/** The element that the outermost trusted proxy added. If the list is shorter, one proxy set it: its first element. */
function elementAt(list: string[], proxies: number): string | null {
  return list[Math.max(0, list.length - proxies)] || null;
}

function elementsOf(headers: Headers, name: string): string[] {
  return (headers.get(name) ?? "").split(",").map((element) => element.trim());
}

/**
 * Normalises an IP address (RFC 5952). An IPv4-mapped IPv6 address becomes IPv4. Port, brackets and zone are dropped.
 *
 * @returns null if the text is not an address
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

/** Parses addresses, CIDR networks and `unix`, separated by commas. @returns null if one is malformed */
export function parseNetworks(text: string): Networks | null {
  const list = new BlockList();
  const parts = text.split(",").map((part) => part.trim());
  const hasUnix = parts.includes(UNIX);
  for (const part of parts) {
    if (part === "" || part === UNIX) continue;
    const network = parseNetwork(part);
    if (network === null) return null;
    list.addSubnet(network.address, network.prefix, network.family);
  }
  const addresses = list.rules.length;
  const has = (address: string) => {
    if (address === UNIX) return hasUnix;
    return addresses > 0 && address !== "" && list.check(address, familyOf(address));
  };
  return { count: addresses + (hasUnix ? 1 : 0), has };
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

/** @param address normalised by `parseAddress` */
export function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}
