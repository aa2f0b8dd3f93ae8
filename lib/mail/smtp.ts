import { createTransport } from "nodemailer";
import type { SmtpUrl } from "../config/mail-url.ts";
import type { Delivery, Transport } from "./transport.ts";

/** Mails that are sent at the same time, each on a connection of its own. */
export const CONNECTIONS = 4;

/** The longest waits for the server. Together they are shorter than the lease of a mail. */
const TIMEOUTS = { dnsTimeout: 10_000, connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 30_000 };

/** Sends by SMTP. nodemailer encodes headers and addresses, so no text can add a header. */
export function createSmtpTransport({ host, port, isImplicitTls, requiresTls, login }: SmtpUrl): Transport {
  const transport = createTransport({
    host,
    port,
    secure: isImplicitTls,
    requireTLS: requiresTls,
    ignoreTLS: !requiresTls && !isImplicitTls,
    pool: true,
    maxConnections: CONNECTIONS,
    ...(login === null ? {} : { auth: { user: login.user, pass: login.password } }),
    disableFileAccess: true,
    disableUrlAccess: true,
    ...TIMEOUTS,
  });
  return {
    send: async ({ from, to, subject, text, html, messageId, language }) => {
      try {
        await transport.sendMail({
          from,
          to: { name: "", address: to },
          subject,
          text,
          html,
          messageId: `<${messageId}>`,
          // RFC 3834 §5: nothing answers it by itself.
          headers: { "Auto-Submitted": "auto-generated", "Content-Language": language },
        });
        return { kind: "sent" };
      } catch (error) {
        return explain(error);
      }
    },
    close: () => transport.close(),
  };
}

function explain(error: unknown): Delivery {
  const { message = String(error), responseCode = 0 }: { message?: string; responseCode?: number } =
    error instanceof Error ? error : {};
  return { kind: responseCode >= 500 ? "never" : "later", error: message };
}
