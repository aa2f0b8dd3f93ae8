import { createTransport } from "nodemailer";
import type { SmtpUrl } from "../config/mail-url.ts";
import { toMailAddress } from "../http/email-address.ts";
import { explainFailure } from "./smtp-failure.ts";
import { CONNECTIONS, type Delivery, type Message, type Transport } from "./transport.ts";

export interface SmtpOptions {
  /** The name of this host in the greeting (RFC 5321 §4.1.1.1); null for the machine's own. */
  clientName?: string | null;
  /** Certificates of the authorities that are trusted, in PEM; by default the runtime's. */
  authorities?: string;
  /** The longest waits. Tests pass short ones. */
  timeouts?: Partial<typeof TIMEOUTS>;
}

const SECOND_MS = 1000;

const TIMEOUTS = {
  /** From the look-up of the name to the end of the TLS handshake. */
  connectMs: 30 * SECOND_MS,
  /** For an answer. Some servers scan a mail for a minute before they accept it. */
  answerMs: 120 * SECOND_MS,
  /** For a whole attempt: a server that answers a byte at a time does not hold it longer. Shorter than the lease. */
  attemptMs: 240 * SECOND_MS,
};

/** Before a server ends an idle connection: RFC 5321 §4.5.3.2.7 asks it for 5 minutes, not every server waits that long. */
const IDLE_MS = 10 * SECOND_MS;

/** Sends by SMTP. nodemailer encodes headers and addresses, so no text can add a header or a recipient. */
export function createSmtpTransport(
  url: SmtpUrl,
  { clientName = null, authorities, timeouts = {} }: SmtpOptions = {},
): Transport {
  const { host, port, isImplicitTls, requiresTls, login } = url;
  const { connectMs, answerMs, attemptMs } = { ...TIMEOUTS, ...timeouts };
  const transport = createTransport({
    host,
    port,
    secure: isImplicitTls,
    requireTLS: requiresTls,
    ignoreTLS: !requiresTls && !isImplicitTls,
    pool: true,
    maxConnections: CONNECTIONS,
    // One more connection if the server has closed an idle one. Our own waits are for anything else.
    maxRequeues: 1,
    idleTimeout: IDLE_MS,
    ...(clientName === null ? {} : { name: clientName }),
    ...(login === null ? {} : { auth: { user: login.user, pass: login.password } }),
    ...(authorities === undefined ? {} : { tls: { ca: authorities } }),
    disableFileAccess: true,
    disableUrlAccess: true,
    dnsTimeout: connectMs,
    connectionTimeout: connectMs,
    greetingTimeout: connectMs,
    socketTimeout: answerMs,
  });
  // nodemailer emits the errors of idle connections, too. The next attempt opens another one.
  transport.on("error", () => {});
  const closing = new AbortController();
  return {
    send: async (message): Promise<Delivery> => {
      const address = toMailAddress(message.to);
      // An import may have stored anything. nodemailer would mend such an address, and another mailbox would get the mail.
      if (address === null) return { kind: "never", error: "The address is not valid." };
      const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(attemptMs)]);
      try {
        await transport.sendMail({ ...compose({ ...message, to: address }), signal });
        return { kind: "sent" };
      } catch (error) {
        if (closing.signal.aborted) return { kind: "later", error: "Postern was stopped during the attempt." };
        return explainFailure(error, url, message);
      }
    },
    close: () => {
      closing.abort();
      transport.close({ force: true });
    },
  };
}

function compose({ from, to, subject, text, html, messageId, date, language }: Message) {
  return {
    from,
    to: { name: "", address: to },
    subject,
    text,
    html,
    messageId: `<${messageId}>`,
    date: new Date(date),
    // RFC 3834 §5: nothing answers it by itself.
    headers: { "Auto-Submitted": "auto-generated", "Content-Language": language },
  };
}
