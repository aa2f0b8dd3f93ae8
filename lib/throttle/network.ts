import { isIPv4 } from "node:net";
import type { Networks } from "../http/client-address.ts";

/** How large a network is: one IPv4 address, or the bits that its addresses have in common. */
export type NetworkWidth = "address" | "/24" | "/64" | "/56" | "/48";

/** A network that a client's address is in. */
export interface Network {
  /** The same for every address in it, and for no other network. */
  name: string;
  width: NetworkWidth;
}

/**
 * The networks that an address is in, the narrowest first. One client may have any of these for itself: an IPv6 host has
 * a /64, a home often a /56, a site a /48 (RFC 6177 §2). An IPv4 /24 is the least that is routed by itself (RIPE-399).
 *
 * @param address as `parseAddress` gives it
 * @returns none if there is no address, or if it is a trusted proxy's own: that proxy does not name its client, and in
 *   one network with all its clients, each could block the others
 */
export function networksOf(address: string, trustedProxies: Networks): Network[] {
  if (address === "" || trustedProxies.has(address)) return [];
  if (isIPv4(address)) {
    const narrowest: Network = { name: address, width: "address" };
    return [narrowest, { name: `${address.split(".").slice(0, 3).join(".")}.0/24`, width: "/24" }];
  }
  const [first = "0", second = "0", third = "0", fourth = "0"] = groupsOf(address);
  const site = `${first}:${second}:${third}`;
  const home = (Number.parseInt(fourth, 16) & 0xff00).toString(16);
  return [
    { name: `${site}:${fourth}::/64`, width: "/64" },
    { name: `${site}:${home}::/56`, width: "/56" },
    { name: `${site}::/48`, width: "/48" },
  ];
}

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): string[] {
  const [head = "", tail = ""] = address.split("::");
  const before = head.split(":").filter((group) => group !== "");
  const after = tail.split(":").filter((group) => group !== "");
  return [...before, ...Array(8 - before.length - after.length).fill("0"), ...after];
}
