import type { Config } from "../config/config.ts";
import type { Sender } from "../config/mail-url.ts";
import { createPrintingTransport } from "./printed.ts";
import { createSmtpTransport } from "./smtp.ts";
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
 * @param print where `console:` prints
 * @returns null if POSTERN_MAIL_URL is unset
 */
export function createMailService(config: Config, print: (text: string) => void): MailService | null {
  const { mailUrl, mailFrom, publicUrl } = config;
  if (mailUrl === null) return null;
  const transport = mailUrl.kind === "console" ? createPrintingTransport(print) : createSmtpTransport(mailUrl);
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

/** For `console:` alone: mail by SMTP needs PUBLIC_URL. */
function localOrigin({ host, port }: Config): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
