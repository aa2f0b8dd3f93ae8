import type { NodemailerError } from "nodemailer";
import type { SmtpUrl } from "../config/mail-url.ts";
import type { Delivery, Message } from "./transport.ts";

/** A reply may be a megabyte long. */
const MAX_REPLY_CHARACTERS = 300;

/** RFC 4954 §6: the server wants a login, or another one. */
const LOGIN_CODES = [530, 534, 535, 538];

interface Failure {
  error: NodemailerError;
  server: SmtpUrl;
  message: Message;
  /** The server's words, in quotation marks; empty if there are none. */
  reply: string;
}

/**
 * What an error of nodemailer means, in words for an operator. Only the server's denial of this recipient or this text is
 * for good. A denied sender or login, and everything about the connection, is a matter of the settings: an operator can
 * fix them while the mail waits.
 *
 * @throws the error, if it does not come from the server or the network
 */
export function explainFailure(thrown: unknown, server: SmtpUrl, message: Message): Delivery {
  if (!isFailure(thrown)) throw thrown;
  const { code, command = "", responseCode = 0, permanent = false, response = "" } = thrown;
  const words = readable(response.replaceAll(message.to, "…"));
  const failure = { error: thrown, server, message, reply: words === "" ? "" : `"${words}"` };
  const isAboutMail = code === "EMESSAGE" || (code === "EENVELOPE" && command !== "MAIL FROM");
  if (!isAboutMail || responseCode === 421 || LOGIN_CODES.includes(responseCode)) {
    return { kind: "later", error: `${nameOf(server)} ${explainOutage(failure)}`, isOutage: true };
  }
  if (command === "API") return { kind: "never", error: "The address of the recipient cannot be used in SMTP." };
  const what = command === "RCPT TO" ? "the recipient" : "the mail";
  return { kind: permanent ? "never" : "later", error: `${nameOf(server)} denies ${what}: ${failure.reply}.` };
}

/** nodemailer gives each of its errors a code. An error without one is a bug. */
function isFailure(thrown: unknown): thrown is NodemailerError {
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "string" && /^E[A-Z]/.test(thrown.code);
}

const nameOf = ({ host, port }: SmtpUrl) => `The mail server ${host} (port ${port})`;

/** The predicate of a sentence about the mail server. */
function explainOutage({ error, server, message, reply }: Failure): string {
  const { code, command, responseCode = 0, timeoutType = "" } = error;
  const isDenied = responseCode >= 500;
  if (code === "EDNS") return explainDns(error);
  if (code === "EABORT") return "did not take the mail in time: it answers too slowly.";
  if (code === "ETIMEDOUT") return TIMEOUTS[timeoutType] ?? "does not answer any more.";
  if (command === "STARTTLS" && isDenied) {
    return `offers no TLS: ${reply}. If it has TLS on another port, use smtps://. If no stranger can read the network between, add ?tls=off.`;
  }
  // RFC 3207 §4.
  if (responseCode === 530 && /STARTTLS/i.test(reply)) return `wants TLS: ${reply}. Remove ?tls=off, or use smtps://.`;
  if (LOGIN_CODES.includes(responseCode) || (code === "EAUTH" && (isDenied || reply === ""))) {
    return explainLogin(server, reply);
  }
  if (command === "MAIL FROM" && isDenied) {
    return `denies the sender ${message.from.address}: ${reply}. Set POSTERN_MAIL_FROM to an address that it allows.`;
  }
  return reply === "" ? explainConnection(error, server) : `takes no mail now: ${reply}.`;
}

const TIMEOUTS: Readonly<Record<string, string>> = {
  CONNECT_TIMEOUT: "does not answer. Check POSTERN_MAIL_URL and the firewall: many hosting providers block port 25.",
  GREETING_TIMEOUT: "accepts the connection and sends no greeting. If it expects TLS from the start, use smtps://.",
  UPGRADE_TIMEOUT: "does not finish the TLS handshake.",
};

function explainDns({ originalCode = "" }: NodemailerError): string {
  if (/NOTFOUND|NODATA|NONAME/.test(originalCode)) return "has a name that does not exist. Correct POSTERN_MAIL_URL.";
  if (/EPERM|EACCES/.test(originalCode)) return `has a name that this process may not look up (${originalCode}).`;
  return `has a name that cannot be looked up: the name server does not answer (${originalCode}).`;
}

function explainLogin({ login }: SmtpUrl, reply: string): string {
  if (login === null) return `wants a login: ${reply}. Add user and password to POSTERN_MAIL_URL.`;
  const why = reply === "" ? "it offers no way to log in that Postern has" : reply;
  return `denies the login of ${readable(login.user)}: ${why}. Correct POSTERN_MAIL_URL.`;
}

/** Errors of TLS and of the network, by their codes in OpenSSL and the system. */
function explainConnection({ message, originalCode = "" }: NodemailerError, { isImplicitTls }: SmtpUrl): string {
  const text = `${originalCode} ${message}`;
  const detail = originalCode || readable(message);
  const [, sentence] = CONNECTION_ERRORS.find(([pattern]) => pattern.test(text)) ?? [];
  if (sentence !== undefined) return sentence.replace("CODE", detail);
  if (!/SSL|TLS|WRONG_VERSION|handshake/i.test(text)) return "closed the connection.";
  if (isImplicitTls) return `does not speak TLS from the start (${detail}). Use smtp://.`;
  return `and Postern do not agree on TLS (${detail}).`;
}

const CONNECTION_ERRORS: readonly [RegExp, string][] = [
  [/ECONNREFUSED/, "is not running (CODE). Start it, or correct POSTERN_MAIL_URL."],
  [/EHOSTUNREACH|ENETUNREACH/, "cannot be reached: there is no route (CODE)."],
  [/EACCES|EPERM|NotCapable/, "cannot be reached: this process may not open the connection (CODE)."],
  [/ALTNAME_INVALID|NotValidForName/, "has a certificate for another name (CODE). Correct POSTERN_MAIL_URL."],
  [/EXPIRED|expired/i, "has a certificate that has expired (CODE). Renew it."],
  [
    /CERT|SELF_SIGNED|UNABLE_TO_|UnknownIssuer/i,
    "has a certificate that is not trusted (CODE). Name the file of its authority in NODE_EXTRA_CA_CERTS.",
  ],
];

/**
 * Text of the server that can be logged and printed. Some servers quote the mail that they deny: the token of its link
 * must not get into the log.
 */
function readable(text: string): string {
  const line = text.replace(/[\p{C}\s]+/gu, " ").replace(/[a-z2-7]{32,}/g, "…");
  return line.length > MAX_REPLY_CHARACTERS ? `${line.slice(0, MAX_REPLY_CHARACTERS)}…` : line;
}
