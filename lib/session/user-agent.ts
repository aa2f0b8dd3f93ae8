import Bowser from "bowser";

/** The client that a User-Agent names. Each part is null if it is not recognized. */
export interface Device {
  /** `Firefox`, or the name of a program such as `curl`. */
  browser: string | null;
  /** `Linux` */
  system: string | null;
}

/** More of a User-Agent than any browser sends, and little enough to store. */
const MAX_USER_AGENT_CHARACTERS = 400;

/** The request's User-Agent, cut; empty if there is none. */
export function userAgentOf({ headers }: Request): string {
  return (headers.get("user-agent") ?? "").slice(0, MAX_USER_AGENT_CHARACTERS);
}

/** Reads a User-Agent, which proves nothing. Never throws. */
export function readDevice(userAgent: string): Device {
  if (userAgent === "") return { browser: null, system: null };
  const { browser, os } = Bowser.parse(userAgent);
  // If no browser is recognized, the name of a product stands first (RFC 9110 §10.1.5).
  const [product] = /^[\w.-]{1,40}/.exec(userAgent) ?? [];
  return { browser: browser.name || (product ?? null), system: os.name || null };
}

/** A device as the database stores it. A text is empty if it is unknown. */
export type StoredDevice = Record<keyof Device, string>;

/** The device of a request. Each name is cut: if it is unknown to us, the client may have made it up. */
export function deviceToStore(request: Request): StoredDevice {
  const { browser, system } = readDevice(userAgentOf(request));
  return { browser: (browser ?? "").slice(0, 60), system: (system ?? "").slice(0, 60) };
}

export function storedDevice({ browser, system }: StoredDevice): Device {
  return { browser: browser || null, system: system || null };
}

const BROWSERS: ReadonlySet<string> = new Set(Object.values(Bowser.BROWSER_MAP));
const SYSTEMS: ReadonlySet<string> = new Set(Object.values(Bowser.OS_MAP));

/** Whether both names are among those that `readDevice` knows, and not a client's own words. */
export function isKnownDevice(device: Device): device is StoredDevice {
  const { browser, system } = device;
  return browser !== null && system !== null && BROWSERS.has(browser) && SYSTEMS.has(system);
}

/**
 * A device as a mail may name it. A client may write anything into its User-Agent, and mail programs make links of
 * addresses and numbers. So a name that is not a known one is kept only if it is one short word, such as `curl`.
 */
export function deviceForMail({ browser, system }: StoredDevice): StoredDevice {
  const isNamed = BROWSERS.has(browser) || /^[A-Za-z][A-Za-z-]{0,19}$/.test(browser);
  return { browser: isNamed ? browser : "", system: SYSTEMS.has(system) ? system : "" };
}

/** `Firefox on Linux`; null if neither is known. */
export function describeDevice({ browser, system }: Device): string | null {
  return browser !== null && system !== null ? `${browser} on ${system}` : (browser ?? system);
}
