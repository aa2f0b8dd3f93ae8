import { html } from "../http/html.ts";
import { deviceName } from "./device.ts";
import type { MailWords } from "./messages/mail.en.ts";
import { LANGUAGES, type Language, MAIL_WORDS } from "./messages/messages.ts";

/** What is written in a mail. `signup_known`: the address of a sign-up has an account already. */
export type Template = keyof MailWords["mails"];

export interface MailProps {
  template: Template;
  /** A language without texts gets English. */
  language: string;
  siteName: string;
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
  const { template, siteName, origin, link, username, facts } = props;
  const language = readLanguage(props.language);
  const words = MAIL_WORDS[language];
  const about = { site: siteName, username: username ?? "", email: facts.email ?? "" };
  const { subject, intro, button, outro } = words.mails[template];
  const rows = factRows(props, language);
  const validity = words.valid(lifetime(props.lifetimeMs, language));
  const title = subject(about);
  const paragraphs = { before: intro(about), after: [validity, ...outro(about)] };
  const text = [
    ...paragraphs.before,
    rows.map(([name, value]) => `${name}: ${value}`).join("\n"),
    `${button}:\n${link}`,
    ...paragraphs.after,
    `-- \n${siteName}\n${origin}/`,
  ];
  const markup = html`<!doctype html>
<html lang="${language}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title></head>
<body style="margin:0;padding:24px;font:16px/1.5 system-ui,sans-serif;color:#1c2430;background:#fff">
<div style="max-width:32rem;margin:0 auto">
<p style="font-weight:600">${siteName}</p>
<h1 style="font-size:22px;line-height:1.3">${title}</h1>
${paragraphs.before.map((paragraph) => html`<p>${paragraph}</p>`)}
<table style="border-collapse:collapse;margin:16px 0">${rows.map(([name, value]) => html`<tr><th style="text-align:left;font-weight:400;color:#5b6675;padding:2px 16px 2px 0">${name}</th><td>${value}</td></tr>`)}</table>
<p><a href="${link}" style="display:inline-block;padding:10px 18px;border-radius:8px;background:#2456c8;color:#fff;text-decoration:none">${button}</a></p>
${paragraphs.after.map((paragraph) => html`<p style="color:#5b6675">${paragraph}</p>`)}
</div>
</body>
</html>
`;
  return { language, subject: title, text: `${text.filter((part) => part !== "").join("\n\n")}\n`, html: markup.text };
}

function factRows({ username, facts }: MailProps, language: Language): [name: string, value: string][] {
  const { labels } = MAIL_WORDS[language];
  const { browser, system, address, email } = facts;
  const device =
    browser === "" && system === ""
      ? ""
      : deviceName({ words: LANGUAGES[language] }, { browser: browser || null, system: system || null });
  const rows: [string, string][] = [
    [labels.account, username ?? ""],
    [labels.email, email ?? ""],
    [labels.time, instant(facts.at, language)],
    [labels.device, device],
    [labels.address, address],
  ];
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
