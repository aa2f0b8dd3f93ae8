import Bowser from "bowser";

/** What a User-Agent says of who sent it; each null where it does not tell. */
export interface Device {
  /** `Firefox`, or the name of a program such as `curl`. */
  browser: string | null;
  /** `Linux` */
  system: string | null;
}

/** More of a User-Agent than any browser sends, and little enough to store. */
const MAX_USER_AGENT_CHARACTERS = 400;

/** What a request says of who sent it, empty where it says nothing. */
export function userAgentOf({ headers }: Request): string {
  return (headers.get("user-agent") ?? "").slice(0, MAX_USER_AGENT_CHARACTERS);
}

/** A User-Agent in words. What it says is no proof of anything. Never throws. */
export function readDevice(userAgent: string): Device {
  if (userAgent === "") return { browser: null, system: null };
  const { browser, os } = Bowser.parse(userAgent);
  // Where no browser is known, a product's name stands first (RFC 9110 §10.1.5).
  const [product] = /^[\w.-]{1,40}/.exec(userAgent) ?? [];
  return { browser: browser.name || (product ?? null), system: os.name || null };
}

/** `Firefox on Linux`; null where nothing is known. */
export function describeDevice({ browser, system }: Device): string | null {
  return browser !== null && system !== null ? `${browser} on ${system}` : (browser ?? system);
}
