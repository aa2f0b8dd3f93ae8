import { deviceName } from "./device.ts";
import { type MailContent, mailHtml } from "./mail-html.ts";
import type { MailWords } from "./messages/mail.en.ts";
import { LANGUAGES, type Language, MAIL_WORDS } from "./messages/messages.ts";

/** What is written in a mail. `signup_known`: the address of a sign-up has an account already. */
export type Template = keyof MailWords["mails"];

export interface MailProps {
  template: Template;
  /** A language without texts gets English. */
  language: string;
  siteName: string;
  /** Whether Postern's mark stands before the site's name. */
  hasMark: boolean;
  origin: string;
  link: string;
  lifetimeMs: number;
  /** Null if the mail is about no user. */
  username: string | null;
  facts: MailFacts;
}

/** When and from where something was asked for, or happened. A text is empty if it is unknown. */
export interface MailFacts {
  at: number;
  address: string;
  browser: string;
  system: string;
  /** The address that is to count from now on, or does. */
  email?: string;
  /** Whether a report has removed second factors, and whether one is left. */
  hasLostFactor?: boolean;
  hasFactor?: boolean;
}

/** A mail in both parts (RFC 2046 §5.1.4), without remote pictures. */
export interface MailParts {
  /** Of the words. */
  language: Language;
  subject: string;
  text: string;
  html: string;
}

export function mailParts(props: MailProps): MailParts {
  const { template, siteName, hasMark, origin, link } = props;
  const language = readLanguage(props.language);
  const { mails, valid, linkBelow } = MAIL_WORDS[language];
  const { subject, intro, ask, button, outro, isAlarm } = mails[template];
  const { hasLostFactor = false, hasFactor = false } = props.facts;
  const about = { site: siteName, hasLostFactor, hasFactor };
  const content = {
    language,
    siteName,
    hasMark,
    origin,
    title: subject(about),
    intro: intro(about),
    facts: factRows(props, language),
    ask,
    button,
    isAlarm,
    link,
    linkBelow,
    outro: [valid(lifetime(props.lifetimeMs, language)), ...outro],
  };
  return { language, subject: content.title, text: mailText(content), html: mailHtml(content).text };
}

/** Each paragraph is one line: mail programs wrap it. The link is alone in its line. */
function mailText({ intro, facts, ask, button, link, outro, siteName, origin }: MailContent): string {
  const rows = facts.map(([name, value]) => `${name}: ${value}`).join("\n");
  const parts = [...intro, rows, ...ask, `${button}:\n${link}`, ...outro, `-- \n${siteName}\n${origin}/`];
  return `${parts.join("\n\n")}\n`;
}

function factRows({ template, username, facts }: MailProps, language: Language): MailContent["facts"] {
  const { labels } = MAIL_WORDS[language];
  const { browser, system, address, email } = facts;
  const isKnown = browser !== "" || system !== "";
  const device = { browser: browser || null, system: system || null };
  const rows = [
    // The user has chosen the name, and this mail may go to anyone. The page of the link has it.
    [labels.account, template === "email_change" ? "" : (username ?? "")],
    [labels.email, email ?? ""],
    [labels.time, instant(facts.at, language)],
    [labels.device, isKnown ? deviceName({ words: LANGUAGES[language] }, device) : ""],
    [labels.address, address],
  ] as const;
  return rows.filter(([, value]) => value !== "");
}

function readLanguage(text: string): Language {
  return text === "it" ? "it" : "en";
}

/** In UTC: the reader's time zone is unknown. */
function instant(at: number, language: Language): string {
  const locale = language === "en" ? "en-GB" : "it-IT";
  const options = { dateStyle: "long", timeStyle: "short", timeZone: "UTC" } as const;
  return `${new Intl.DateTimeFormat(locale, options).format(at)} UTC`;
}

function lifetime(ms: number, language: Language): string {
  const minutes = ms / 60_000;
  const [value, unit] =
    minutes < 120 ? [minutes, "minute"] : minutes < 48 * 60 ? [minutes / 60, "hour"] : [minutes / 1440, "day"];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(value);
}
