import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { LINKS } from "../lib/mail/links.ts";
import { MAIL_WORDS } from "../lib/pages/messages/messages.ts";
import { ALL_LANGUAGES, everyMail, exampleMail, HOSTILE, TEMPLATES } from "./support/mails.ts";

/** The text of a page, as a reader sees it. */
const visible = (html: string) =>
  html
    .replace(/<style>[\s\S]*?<\/style>|<title>.*?<\/title>|<[^>]*>/g, "\n")
    .replace(
      /&(amp|lt|gt|quot|#39);/g,
      (_, name: string) => ({ amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" })[name] ?? "",
    );

describe("every mail in every language", () => {
  test("has a subject that fits a line of 78 characters with the default name of the site", () => {
    for (const { name, mail } of everyMail()) assert(mail.subject.length <= 78 && mail.subject !== "", name);
  });

  test("has no value that is missing", () => {
    for (const { name, mail } of everyMail()) {
      for (const part of [mail.subject, mail.text, mail.html]) {
        assert.doesNotMatch(part, /undefined|\bnull\b|NaN|\[object|Invalid|\$\{|: *\n\n\n/, name);
      }
    }
  });

  test("says the same in both parts", () => {
    for (const { name, mail } of everyMail()) {
      const shown = visible(mail.html);
      for (const line of mail.text.split("\n").filter((line) => line !== "" && line !== "-- ")) {
        for (const part of line.split(/(?<=^[^:.]{1,20}): |:$/)) {
          const text = part.replace(/^https:\/\/login\.example\.com\/$/, "login.example.com");
          assert(shown.includes(text), `${name}: ${text}`);
        }
      }
    }
  });

  test("has its link twice in HTML, once in text, alone in a line, and leads nowhere else but home", () => {
    for (const template of TEMPLATES) {
      const { text, html } = exampleMail(template, "en");
      const link = `https://login.example.com${LINKS[template].path}?token=peymbvmute77zmvoome34q4xa3uwuy3y`;
      assert.equal(text.split("\n").filter((line) => line === link).length, 1, template);
      const targets = [...html.matchAll(/href="([^"]*)"/g)].map(([, target]) => target);
      assert.deepEqual(targets, [link, link, "https://login.example.com/"], template);
    }
  });

  test("loads nothing, runs nothing, and tells no one that it was read", () => {
    for (const { name, mail } of [...everyMail(), ...everyMail(HOSTILE)]) {
      assert.doesNotMatch(mail.html, /<(img|script|link|iframe|object|embed|form|input|video|audio|svg|base)\b/i, name);
      assert.doesNotMatch(mail.html, /url\(|@import|@font-face|srcset|\sbackground="|http-equiv/i, name);
      assert.doesNotMatch(mail.html.replace(/"[^"]*"/g, '""'), /<[^>]*\s(on\w+|src)=/i, name);
    }
  });

  test("escapes what users and clients have written", () => {
    for (const { name, mail } of everyMail(HOSTILE)) {
      const quotes = [...mail.html.matchAll(/<[a-z][^<>]*>/g)].map(([tag]) => tag.split('"').length % 2);
      assert(
        quotes.every((parity) => parity === 1),
        name,
      );
      assert.equal(mail.html.match(/<style>/g)?.length, 1, name);
      assert.equal(mail.html.match(/<b>/g), null, name);
    }
  });

  test("has no line in its text of more than 998 bytes (RFC 5322 §2.1.1), whatever the length of names", () => {
    for (const { name, mail } of everyMail(HOSTILE)) {
      for (const line of mail.text.split("\n"))
        assert(new TextEncoder().encode(line).length <= 998, `${name}: ${line}`);
    }
  });

  test("gives the time in its language, and names UTC", () => {
    assert.match(exampleMail("new_device", "en").text, /\nTime: 8 January 2026 at 14:05 UTC\n/);
    assert.match(exampleMail("new_device", "it").text, /\nData e ora: 8 gennaio 2026 alle ore 14:05 UTC\n/);
    assert.match(exampleMail("password_reset", "it").text, /entro 30 minuti\./);
    assert.match(exampleMail("signup", "en").text, /within 24 hours\./);
    assert.match(exampleMail("invite", "it").text, /entro 7 giorni\./);
  });

  test("is in English for a reader of a language without texts", () => {
    assert.deepEqual(exampleMail("invite", "de"), exampleMail("invite", "en"));
    assert.match(exampleMail("invite", "__proto__").html, /<html lang="en">/);
    assert.match(exampleMail("invite", "it").html, /<html lang="it">/);
  });

  test("leaves out the facts that are unknown", () => {
    const facts = { at: 0, address: "", browser: "", system: "" };
    const { text } = exampleMail("sessions_ended", "en", { facts });
    assert.match(text, /\n\nAccount: alice\nTime: 1 January 1970 at 00:00 UTC\n\n/);
    assert.match(exampleMail("signup", "en", { facts, username: null }).text, /\n\nTime: [^\n]*\n\n/);
  });

  test("shows Postern's mark only if the site has no logo of its own", () => {
    assert.match(exampleMail("invite", "en").html, /class="arch"/);
    assert.doesNotMatch(exampleMail("invite", "en", { hasMark: false }).html, /class="arch"/);
  });

  test("has sentences of at most 25 words", () => {
    for (const language of ALL_LANGUAGES) {
      for (const { intro, ask, outro } of Object.values(MAIL_WORDS[language].mails)) {
        const sentences = [...intro({ site: "X" }), ...ask, ...outro].flatMap((text) => text.split(/(?<=[.:]) /));
        for (const sentence of sentences) assert(sentence.split(" ").length <= 25, sentence);
      }
    }
  });
});
