import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type ParsedMail, simpleParser } from "mailparser";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { CERTIFICATES } from "./certificates.ts";
import { until } from "./poll.ts";

/** A mail that the server has accepted. */
export interface Received {
  from: string;
  to: string[];
  /** As it came in, decoded as UTF-8. */
  source: string;
  mail: ParsedMail;
  isEncrypted: boolean;
  /** The name of the client in its greeting. */
  clientName: string;
}

export interface MailServer extends AsyncDisposable {
  port: number;
  received: Received[];
  /** Waits for this number of mails. */
  until: (count: number) => Promise<void>;
}

/** An answer of the server that denies something. */
export function denial(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}

/** A real SMTP server on a free port of this machine. By default it takes every mail, without TLS and login. */
export async function startMailServer(options: SMTPServerOptions = {}): Promise<MailServer> {
  const received: Received[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    logger: false,
    key: CERTIFICATES.localhost,
    cert: CERTIFICATES.localhost,
    closeTimeout: 1,
    onData: (stream, { envelope, secure, hostNameAppearsAs }, done) => {
      const chunks: Uint8Array[] = [];
      stream.on("data", (chunk) => chunks.push(chunk));
      stream.on("end", async () => {
        const source = Buffer.concat(chunks).toString();
        const from = envelope.mailFrom === false ? "" : envelope.mailFrom.address;
        const to = envelope.rcptTo.map(({ address }) => address);
        const mail = await simpleParser(source);
        received.push({ from, to, source, mail, isEncrypted: secure, clientName: hostNameAppearsAs });
        done();
      });
    },
    ...options,
  });
  server.on("error", () => {}); // A client that hangs up in a handshake.
  const listening = server.listen(0, "127.0.0.1");
  await once(listening, "listening");
  const { port } = listening.address() as AddressInfo; // It listens on an address, not on a pipe.
  return {
    port,
    received,
    until: (count) => until(`${count} mails arrived`, () => received.length >= count),
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
