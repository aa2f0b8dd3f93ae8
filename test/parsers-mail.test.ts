import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { ConfigError } from "../lib/config/config.ts";
import { parseConfig } from "../lib/config/load.ts";
import { type MailUrl, parseMailUrl, parseSender } from "../lib/config/mail-url.ts";
import { isEmailAddress } from "../lib/http/email-address.ts";
import { repeats } from "./support/effort.ts";
import { KIB_64, soup } from "./support/soup.ts";

const RUNS = { numRuns: repeats(1000) };

const PIECES = [
  "smtp:",
  "smtps:",
  "console:",
  "//",
  "u:p@",
  "@",
  ":",
  "mail.test",
  "[::1]",
  "?tls=off",
  "#",
  "%00",
  "\n",
];

function parse(text: string) {
  const url = parseMailUrl(text);
  if (url?.kind !== "smtp") return url?.kind ?? null;
  const { kind: _, ...rest } = url;
  return rest;
}

describe("POSTERN_MAIL_URL", () => {
  test("names server, port, kind of TLS and login", () => {
    const plain = { host: "mail.test", port: 587, isImplicitTls: false, requiresTls: true, login: null };
    assert.deepEqual(parse("smtp://mail.test"), plain);
    assert.deepEqual(parse("SMTP://mail.test:587/"), plain);
    assert.deepEqual(parse("smtp://mail.test:25"), { ...plain, port: 25 });
    assert.deepEqual(parse("smtp://mail.test?tls=off"), { ...plain, requiresTls: false });
    assert.deepEqual(parse("smtps://mail.test"), { ...plain, port: 465, isImplicitTls: true });
    assert.equal(parse("console:"), "console");
    const login = { user: "me@mail.test", password: "p:@/ä %" };
    assert.deepEqual(parse("smtp://me%40mail.test:p%3A%40%2F%C3%A4%20%25@mail.test"), { ...plain, login });
  });

  test("requires TLS for every host but this machine's own names", () => {
    const requires = (host: string) => {
      const url = parseMailUrl(`smtp://${host}`);
      assert(url?.kind === "smtp", host);
      return url.requiresTls;
    };
    for (const host of ["localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "[::1]"])
      assert.equal(requires(host), false);
    for (const host of ["localhost.test", "127.0.0.1.test", "10.0.0.1", "127.test", "[::2]", "localhosts", "a"])
      assert.equal(requires(host), true, host);
  });

  test("is denied if it is anything else", () => {
    for (const text of [
      "",
      "console",
      "console://",
      "mail.test",
      "smtp:mail.test",
      "smtp://",
      "smtp://:587",
      "smtp://mail.test:0",
      "smtp://mail.test:65536",
      "smtp://mail.test/path",
      "smtp://mail.test?tls=on",
      "smtp://mail.test?tls=off&x",
      "smtp://mail.test#x",
      "smtps://mail.test?tls=off",
      "smtp://user@mail.test",
      "smtp://:password@mail.test",
      "smtp://user:@mail.test",
      "smtp://user:%ff@mail.test",
      "smtp://us%00er:password@mail.test",
      "smtp://user:pass/word@mail.test",
      "smtp://user:12?word@mail.test",
      "smtp://user:12#word@mail.test",
      "smtp://a b.test",
      "smtp://a\nb.test",
      "smtp://b\u00fccher.test",
      "smtp://mail.test\u200b",
      "http://mail.test",
      "sendmail:",
    ])
      assert.equal(parseMailUrl(text), null, JSON.stringify(text));
  });

  test("of any text is understood or denied, and never sends without TLS to another machine by itself", () => {
    fc.assert(
      fc.property(soup(...PIECES), (text) => {
        const url: MailUrl | null = parseMailUrl(text);
        if (url?.kind !== "smtp") return;
        assert(url.host !== "" && url.port > 0 && url.port < 65_536 && !/[\s\p{C}]/u.test(url.host));
        if (!url.requiresTls) assert(text.endsWith("?tls=off") || /^(localhost|127[\d.]+|::1)$/i.test(url.host));
      }),
      RUNS,
    );
  });

  test("is shown in no error: it may hold a password", () => {
    try {
      parseConfig({ POSTERN_MAIL_URL: "smtp://me:secret@" });
      assert.fail();
    } catch (error) {
      assert(error instanceof ConfigError);
      assert.match(error.message, /^POSTERN_MAIL_URL /);
      assert(!error.message.includes("secret"));
    }
  });

  test("needs a sender and the origin of the links, except on the terminal", () => {
    const smtp = { POSTERN_MAIL_URL: "smtp://mail.test" };
    const errorsIn = (environment: Record<string, string>) => {
      try {
        parseConfig(environment);
        return [];
      } catch (error) {
        assert(error instanceof ConfigError);
        return error.errors.map((sentence) => /Set (\w+)\.$/.exec(sentence)?.[1]);
      }
    };
    assert.deepEqual(errorsIn(smtp), ["POSTERN_MAIL_FROM", "PUBLIC_URL"]);
    assert.deepEqual(errorsIn({ ...smtp, PUBLIC_URL: "https://a.test", POSTERN_MAIL_FROM: "a@a.test" }), []);
    assert.deepEqual(errorsIn({ POSTERN_MAIL_URL: "console:" }), []);
    for (const signup of ["invite", "open"]) {
      assert.deepEqual(errorsIn({ POSTERN_SIGNUP: signup }), ["POSTERN_MAIL_URL"]);
      assert.deepEqual(errorsIn({ POSTERN_SIGNUP: signup, POSTERN_MAIL_URL: "console:" }), []);
    }
  });
});

describe("POSTERN_MAIL_FROM", () => {
  test("is an address, with or without a name", () => {
    const address = "login@mail.test";
    for (const [text, name] of [
      ["login@mail.test", ""],
      ["<login@mail.test>", ""],
      ["Example <login@mail.test>", "Example"],
      ["  Caffè, Inc.  <login@mail.test>", "Caffè, Inc."],
      ['"Smith, John" <login@mail.test>', "Smith, John"],
      ["login@MAIL.test", ""],
    ] as const)
      assert.deepEqual(parseSender(text), { name, address }, text);
    assert.deepEqual(parseSender("a@b\u00fccher.test"), { name: "", address: "a@xn--bcher-kva.test" });
    assert.deepEqual(parseSender("root@localhost"), { name: "", address: "root@localhost" });
  });

  test("is denied if it is a list, or could end a header", () => {
    for (const text of [
      "",
      "login",
      "@mail.test",
      "login@",
      "a@a.test, b@b.test",
      "A <a@a.test>, B <b@b.test>",
      "A <a@a.test",
      "A <a@a.test> x",
      "A\nBcc: b@b.test <a@a.test>",
      "A\r\n <a@a.test>",
      "a@a.test\0",
      "<<a@a.test>>",
      "a@b@c.test",
      "a b@a.test",
      "\u202eA <a@a.test>",
    ])
      assert.equal(parseSender(text), null, JSON.stringify(text));
  });

  test("of any text is one valid address, or denied", () => {
    fc.assert(
      fc.property(soup("a@a.test", "<", ">", '"', ",", "\r\n", "Bcc:", "(", "\0", "=?utf-8?q?x?="), (text) => {
        const sender = parseSender(text);
        if (sender !== null) assert(isEmailAddress(sender.address) && !/[\p{C}<>"]/u.test(sender.name));
      }),
      RUNS,
    );
  });

  test("and the server's URL with a text of 64 KiB are parsed or denied in time", { timeout: 60_000 }, () => {
    for (const piece of ["a", " ", "<", '"', "@", "a@", ".", "a.", "%41", "[", ":", "?", "smtp://"]) {
      const text = piece.repeat(KIB_64 / piece.length);
      for (const whole of [
        text,
        `<${text}`,
        `"${text}`,
        `a@${text}`,
        `${text}@a.test`,
        `smtp://${text}`,
        `smtp://${text}@a`,
      ]) {
        parseSender(whole);
        parseMailUrl(whole);
      }
    }
  });
});
