import { generateToken } from "../crypto/token.ts";
import { isEmailAddress } from "../http/email-address.ts";
import { html } from "../http/html.ts";
import { createMailService, type MailService } from "../mail/mail-service.ts";
import type { Message } from "../mail/transport.ts";
import type { Cli, Command, Input } from "./command.ts";
import { CommandError, UsageError } from "./errors.ts";

export const SEND_TEST_MAIL_COMMAND: Command = {
  name: "sendtestmail",
  operand: "ADDRESS",
  options: {},
  about: "Send a mail to an address, and say what went wrong if it does not go out.",
  more: "It is sent at once, past the outbox and without the database. The server takes it: whether it then arrives in the inbox, only the inbox shows.",
  run: sendTestMail,
};

async function sendTestMail({ config, terminal, now }: Cli, { operand }: Input): Promise<void> {
  const to = operand ?? "";
  if (!isEmailAddress(to)) throw new UsageError(`"${to}" is not an email address.`);
  const settings = config();
  const { mailUrl, siteName } = settings;
  const mail = await createMailService(settings, terminal.remark);
  if (mail === null || mailUrl === null) {
    throw new CommandError("POSTERN_MAIL_URL is not set: mail is off. Set it, such as smtp://USER:PASSWORD@HOST:587.");
  }
  try {
    const delivery = await mail.transport.send(compose(mail, { to, siteName, date: now() }));
    if (delivery.kind !== "sent") throw new CommandError(delivery.error);
  } finally {
    mail.transport.close();
  }
  const taken =
    mailUrl.kind === "console" ? "Printed, not sent: POSTERN_MAIL_URL is console:." : "The mail server has taken it.";
  terminal.print(`Test mail to ${to}. ${taken}`);
}

function compose(
  { from, origin }: MailService,
  { to, siteName, date }: { to: string; siteName: string; date: number },
): Message {
  const sentence = `${siteName} at ${origin} can send mail.`;
  return {
    from,
    to,
    subject: `Test mail of ${siteName}`,
    text: `${sentence}\n`,
    html: html`<!doctype html><html lang="en"><title>Test mail</title><p>${sentence}</p></html>`.text,
    messageId: `${generateToken()}@${new URL(origin).hostname}`,
    date,
    language: "en",
  };
}
