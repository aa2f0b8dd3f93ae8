import { isHost } from "../http/target.ts";

// Each function returns null if the text is invalid.

export interface SocketAddress {
  hostname: string;
  port: number;
}

/** The address of a Unix socket has room for 104 bytes on macOS and 108 on Linux, with a zero at the end (`sun_path`). */
const MAX_SOCKET_PATH_BYTES = 103;

/** An address, a name, or `unix:` and an absolute path. */
export function parseHost(text: string): string | null {
  const path = /^unix:(.*)$/s.exec(text)?.[1];
  if (path === undefined) return text;
  return /^\/[^\0]*[^/\0]$/.test(path) && Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES ? text : null;
}

/** Decimal digits only, from min to max inclusive. */
export function parseInteger(text: string, min: number, max: number): number | null {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : null;
}

/** @param text an origin, with or without a final slash @returns it as browsers send it (RFC 6454 §6.2) */
export function parseOrigin(text: string): string | null {
  const match = /^(https?):\/\/([^/]+)\/?$/i.exec(text);
  if (!match?.[2] || !isHost(match[2]) || !URL.canParse(text)) return null;
  return new URL(text).origin;
}

/** `host:port`, an IPv6 address in brackets; the result has no brackets. */
export function parseAddressAndPort(text: string): SocketAddress | null {
  const [, hostname = "", digits = ""] = /^(.+):(\d+)$/.exec(text) ?? [];
  const port = parseInteger(digits, 0, 65535);
  return port === null || !isHost(hostname) ? null : { hostname: hostname.replace(/^\[(.*)\]$/, "$1"), port };
}

/** Origins separated by commas. */
export function parseOrigins(text: string): ReadonlySet<string> | null {
  const origins = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map(parseOrigin);
  const valid = origins.filter((origin) => origin !== null);
  return valid.length === origins.length ? new Set(valid) : null;
}

/** Without characters that could end an HTML attribute or a source list of the Content-Security-Policy. */
export function parseImageAddress(text: string): string | null {
  if (!/^[!-~]+$/.test(text) || /["'<>;,\\]/.test(text)) return null;
  return /^\/(?!\/)/.test(text) || (text.startsWith("https://") && URL.canParse(text)) ? text : null;
}

export function parseSwitch(text: string): boolean | null {
  if (text === "on") return true;
  return text === "off" ? false : null;
}

/**
 * From W3C, Clear Site Data §3.1. Not "cookies": it clears those of the whole registered domain. Not
 * "executionContexts": it reloads the front end's other tabs. Not "*": it includes both.
 */
const CLEARABLE = ["cache", "storage"];

/** @param text names separated by commas @returns the value of the header */
export function parseClearing(text: string): string | null {
  const names = text.split(",").map((part) => part.trim());
  if (!names.every((name) => CLEARABLE.includes(name))) return null;
  return CLEARABLE.filter((name) => names.includes(name))
    .map((name) => `"${name}"`)
    .join(", ");
}
