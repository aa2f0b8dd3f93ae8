import { LINKS } from "../../lib/mail/links.ts";
import { type MailParts, type MailProps, mailParts, type Template } from "../../lib/pages/mail.ts";
import { LANGUAGES, type Language, MAIL_WORDS } from "../../lib/pages/messages/messages.ts";

export const TEMPLATES = Object.keys(MAIL_WORDS.en.mails) as Template[]; // The keys of the object and no others.
export const ALL_LANGUAGES = Object.keys(LANGUAGES) as Language[]; // As above.

/** A mail as it goes out, with everything that it may show. */
export function exampleMail(template: Template, language: string, props: Partial<MailProps> = {}): MailParts {
  const { path, lifetimeMs } = LINKS[template];
  return mailParts({
    template,
    language,
    siteName: "Postern",
    hasMark: true,
    origin: "https://login.example.com",
    link: `https://login.example.com${path}?token=peymbvmute77zmvoome34q4xa3uwuy3y`,
    lifetimeMs,
    username: "alice",
    facts: {
      at: Date.UTC(2026, 0, 8, 14, 5),
      address: "192.0.2.17",
      browser: "Firefox",
      system: "Linux",
      email: "alice.new@example.com",
      hasLostFactor: true,
      hasFactor: true,
    },
    ...props,
  });
}

/** Every mail in every language, by name. */
export function everyMail(props: Partial<MailProps> = {}): { name: string; mail: MailParts }[] {
  return ALL_LANGUAGES.flatMap((language) =>
    TEMPLATES.map((template) => ({ name: `${template}, ${language}`, mail: exampleMail(template, language, props) })),
  );
}

/** The longest that the database and the settings allow, and markup in every text. */
export const HOSTILE: Partial<MailProps> = {
  siteName: `"><script>alert(1)</script>`.padEnd(60, "&"),
  origin: `https://${"w".repeat(63)}.${"x".repeat(63)}.${"y".repeat(63)}.example.com:65535`,
  username: `<img src=x onerror=alert(1)>${"'\"&".repeat(60)}`.slice(0, 150),
  facts: {
    at: Date.UTC(2026, 8, 30, 23, 59),
    address: "2001:db8:1111:2222:3333:4444:5555:6666",
    browser: `<img src=https://evil.example/x>`.padEnd(60, "W"),
    system: `</td></table><style>*{}</style>`.padEnd(60, "W"),
    email: `"<b>'\\" onmouseover=alert(1)"@${"ü".repeat(60)}.${"z".repeat(190)}`,
  },
};
