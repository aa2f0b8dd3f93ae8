import { type Html, html } from "../http/html.ts";
import { deviceName } from "./device.ts";
import type { Frame } from "./layout.ts";
import type { MailFacts } from "./mail.ts";
import { MAIL_WORDS } from "./messages/messages.ts";
import { relativeTime } from "./time.ts";

export interface LinkFactsProps {
  /** Null if the link is about no user. */
  username: string | null;
  facts: MailFacts;
}

/** The account of a link from a mail, and when and from where the mail was caused. The mail has the same list. @param time the label of the time */
export function linkFacts(frame: Frame, { username, facts }: LinkFactsProps, time: string): Html {
  const { labels } = MAIL_WORDS[frame.language];
  const { at, address, browser, system, email = "" } = facts;
  const isKnown = browser !== "" || system !== "";
  const device = isKnown && deviceName(frame, { browser: browser || null, system: system || null });
  const row = (label: string, value: Html | string | false | null) =>
    value && html`<div><dt>${label}</dt><dd>${value}</dd></div>`;
  return html`<dl class="facts">
${row(labels.account, username)}${row(labels.email, email)}${row(time, relativeTime(frame, at))}${row(labels.device, device)}${row(labels.address, address)}
</dl>`;
}
