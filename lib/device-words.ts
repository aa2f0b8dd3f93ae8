import Bowser from "bowser";

/** What a User-Agent says of who sent it; each null where it does not tell. */
export interface Device {
  /** `Firefox`, or the name of a program such as `curl`. */
  browser: string | null;
  /** `Linux` */
  system: string | null;
}

/** A User-Agent in words. What it says is no proof of anything. Never throws. */
export function readDevice(userAgent: string): Device {
  if (userAgent === "") return { browser: null, system: null };
  const { browser, os } = Bowser.parse(userAgent);
  // Where no browser is known, a product's name stands first (RFC 9110 §10.1.5).
  const [product] = /^[\w.-]{1,40}/.exec(userAgent) ?? [];
  return { browser: browser.name || (product ?? null), system: os.name || null };
}
