import { isHost } from "../http/address.ts";

// What the values of settings are read with. Each returns null where the text is not what it should be.

export interface SocketAddress {
  hostname: string;
  port: number;
}

/** A whole number within bounds, digits alone. */
export function parseInteger(text: string, min: number, max: number): number | null {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : null;
}

/** An origin in its one spelling (RFC 6454 §6.2); a final slash is forgiven. */
export function parseOrigin(text: string): string | null {
  const match = /^(https?):\/\/([^/]+)\/?$/i.exec(text);
  if (!match?.[2] || !isHost(match[2]) || !URL.canParse(text)) return null;
  return new URL(text).origin;
}

/** `host:port`; an IPv6 address in brackets, which the result is without. */
export function parseAddressAndPort(text: string): SocketAddress | null {
  const [, hostname = "", digits = ""] = /^(.+):(\d+)$/.exec(text) ?? [];
  const port = parseInteger(digits, 0, 65535);
  return port === null || !isHost(hostname) ? null : { hostname: hostname.replace(/^\[(.*)\]$/, "$1"), port };
}

/** Origins with commas between them. */
export function parseOrigins(text: string): ReadonlySet<string> | null {
  const origins = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map(parseOrigin);
  const valid = origins.filter((origin) => origin !== null);
  return valid.length === origins.length ? new Set(valid) : null;
}

/** Nothing that would end the attribute or the policy it is put into. */
export function parseImageAddress(text: string): string | null {
  if (!/^[!-~]+$/.test(text) || /["'<>;,\\]/.test(text)) return null;
  return /^\/(?!\/)/.test(text) || (text.startsWith("https://") && URL.canParse(text)) ? text : null;
}

export function parseSwitch(text: string): boolean | null {
  if (text === "on") return true;
  return text === "off" ? false : null;
}

/**
 * What `Clear-Site-Data` may name here (W3C, Clear Site Data §3.1). Not "cookies", which are those of the whole registered
 * domain; nor "executionContexts", which would reload the front end's other tabs; nor "*", which is both.
 */
const CLEARABLE = ["cache", "storage"];

/** Names with commas between them, as the value of the header. */
export function parseClearing(text: string): string | null {
  const names = text.split(",").map((part) => part.trim());
  if (!names.every((name) => CLEARABLE.includes(name))) return null;
  return CLEARABLE.filter((name) => names.includes(name))
    .map((name) => `"${name}"`)
    .join(", ");
}
