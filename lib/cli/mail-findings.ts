import type { Config } from "../config/config.ts";
import type { Finding } from "./findings.ts";

const LOOPBACK = /^(localhost|127(\.\d+){3}|::1)$/i;

const MAIL_URL = "POSTERN_MAIL_URL";

/** Whether mail is on, and what of it production must not have. */
export function mailFindings({ mailUrl, mailFrom, publicUrl }: Config): Finding[] {
  if (mailUrl === null) {
    const message = "Mail is off: there is no password reset, no sign-up, and no notice to users.";
    return [{ level: "info", code: "mail_off", message, mend: MAIL_URL }];
  }
  if (mailUrl.kind === "console") {
    const message = "POSTERN_MAIL_URL is console: mails are printed, with their secret links. No user gets one.";
    const isProduction = publicUrl?.startsWith("https:") === true;
    return [{ level: isProduction ? "unsafe" : "info", code: "mail_console", message, mend: MAIL_URL }];
  }
  const { host, port, isImplicitTls, requiresTls, login } = mailUrl;
  const message = `Mail is on: it goes out by ${host} (port ${port}), from ${mailFrom?.address ?? "no address"}.`;
  const on: Finding = { level: "info", code: "mail_on", message, mend: null };
  if (isImplicitTls || requiresTls || LOOPBACK.test(host)) return [on];
  const what = login === null ? "the links" : "the login at the mail server and the links";
  const risk = `POSTERN_MAIL_URL has tls=off, and ${host} is another machine: the network can read ${what} for new passwords.`;
  return [on, { level: "unsafe", code: "mail_without_tls", message: risk, mend: MAIL_URL }];
}
