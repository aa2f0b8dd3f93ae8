import { toMailAddress } from "../http/email-address.ts";
import { isHost } from "../http/target.ts";

/** Where mail goes. */
export type MailUrl = { kind: "console" } | SmtpUrl;

export interface SmtpUrl {
  kind: "smtp";
  host: string;
  port: number;
  /** TLS from the first byte (RFC 8314 §3.3). */
  isImplicitTls: boolean;
  /** Whether STARTTLS is required. If not, it is not used: the mail stays on this machine, or `tls=off` was asked for. */
  requiresTls: boolean;
  /** Null: no login at the server. */
  login: { user: string; password: string } | null;
}

/** RFC 6409 §3.1 and RFC 8314 §7.3. */
const PORTS = { "smtp:": 587, "smtps:": 465 } as const;

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i;

/**
 * `console:`, or `smtp://user:password@host:587?tls=off` with percent-encoded user and password. TLS may be off only by
 * `tls=off`, and on this machine.
 */
export function parseMailUrl(text: string): MailUrl | null {
  if (text === "console:") return { kind: "console" };
  // A URL would drop line ends and tabs without a word.
  const url = URL.canParse(text) && !/[\s\p{C}]/u.test(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== "smtp:" && url.protocol !== "smtps:")) return null;
  if (!isHost(url.hostname) || !/^\/?$/.test(url.pathname) || url.hash !== "") return null;
  const isOff = url.search === "?tls=off";
  if (url.search !== "" && !isOff) return null;
  const isImplicitTls = url.protocol === "smtps:";
  const login = loginOf(url);
  if (login === undefined || url.port === "0" || (isImplicitTls && isOff)) return null;
  const requiresTls = !isOff && !LOOPBACK.test(url.hostname);
  const port = url.port === "" ? PORTS[url.protocol] : Number(url.port);
  return { kind: "smtp", host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port, isImplicitTls, requiresTls, login };
}

/** Undefined if it is malformed, or one half is missing. A NUL would end the name (RFC 4616 §2). */
function loginOf({ username, password }: URL): SmtpUrl["login"] | undefined {
  if (username === "" && password === "") return null;
  try {
    const login = { user: decodeURIComponent(username), password: decodeURIComponent(password) };
    return Object.values(login).some((text) => text === "" || /\p{Cc}/u.test(text)) ? undefined : login;
  } catch {
    return undefined;
  }
}

/** The sender: `Name <address>`, or an address alone. */
export interface Sender {
  name: string;
  address: string;
}

/** @returns null if the address is not valid, or a character could end a header */
export function parseSender(text: string): Sender | null {
  if (/\p{C}/u.test(text)) return null;
  const [, quoted, plain, bracketed] = /^(?:"([^"]*)"\s*|([^"<>]*))<([^<>]+)>$/.exec(text) ?? [];
  const address = toMailAddress(bracketed ?? text);
  return address === null ? null : { name: (quoted ?? plain ?? "").trim(), address };
}
