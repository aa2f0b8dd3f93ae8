import type { Config } from "../config/config.ts";
import type { Sender } from "../config/mail-url.ts";
import { createPrintingTransport } from "./printed.ts";
import type { Transport } from "./transport.ts";

/** How Postern sends mail. */
export interface MailService {
  transport: Transport;
  from: Sender;
  /** The origin of the links, without a final slash. */
  origin: string;
  /** Tells the mailer of this process that a mail waits. Call it after the transaction that stored the mail. */
  wake: () => void;
  /** The mailer sets what `wake` calls. */
  onWake: (listener: () => void) => void;
}

const CONSOLE_SENDER: Sender = { name: "", address: "postern@localhost" };

/**
 * Loads the library for SMTP only if the settings need it.
 *
 * @param print where `console:` prints
 * @returns null if POSTERN_MAIL_URL is unset
 */
export async function createMailService(config: Config, print: (text: string) => void): Promise<MailService | null> {
  const { mailUrl, mailFrom, publicUrl } = config;
  if (mailUrl === null) return null;
  const transport =
    mailUrl.kind === "console"
      ? createPrintingTransport(print)
      : (await import("./smtp.ts")).createSmtpTransport(mailUrl, { clientName: domainOf(publicUrl) });
  return makeMailService(transport, mailFrom ?? CONSOLE_SENDER, publicUrl ?? localOrigin(config));
}

export function makeMailService(transport: Transport, from: Sender, origin: string): MailService {
  let listener = () => {};
  return {
    transport,
    from,
    origin,
    wake: () => listener(),
    onWake: (next) => {
      listener = next;
    },
  };
}

/** A server that takes mail by the client's name expects a domain. @returns null for an address or a name without a dot */
function domainOf(publicUrl: string | null): string | null {
  const hostname = publicUrl === null ? "" : new URL(publicUrl).hostname;
  return /^[^[]+\.[a-z][a-z0-9-]*$/.test(hostname) ? hostname : null;
}

/** For `console:` alone: mail by SMTP needs PUBLIC_URL. */
function localOrigin({ host, port }: Config): string {
  if (host.startsWith("unix:")) return "http://localhost";
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
