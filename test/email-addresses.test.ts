import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OPERATOR } from "../lib/audit/actor.ts";
import { parseMailUrl } from "../lib/config/mail-url.ts";
import { isEmailAddress, toMailAddress } from "../lib/http/email-address.ts";
import { createSmtpTransport } from "../lib/mail/smtp.ts";
import type { Delivery } from "../lib/mail/transport.ts";
import { createUser } from "../lib/users/create-user.ts";
import { inviteFirstUser } from "../lib/users/invite-first-user.ts";
import { normalizeEmail, userError } from "../lib/users/user-fields.ts";
import { createClient } from "./support/client.ts";
import { type Received, startMailServer } from "./support/mail-server.ts";
import { OPEN } from "./support/sign-up.ts";
import { anyPassword, createTestApp } from "./support/test-app.ts";

const PASSWORD = "violet orchestra 9";

/** Accepted, with the address that the mail server gets. */
const ACCEPTED: [address: string, sentTo: string][] = [
  ["alice@example.com", "alice@example.com"],
  ["Alice.Liddell+notes@EXAMPLE.com", "Alice.Liddell+notes@example.com"],
  ["o'brien@example.com", "o'brien@example.com"],
  ["_#$&*+/?=^`{|}~-@example.com", "_#$&*+/?=^`{|}~-@example.com"],
  ["a@localhost", "a@localhost"],
  ["a@münchen.de", "a@xn--mnchen-3ya.de"],
  ["a@MÜNCHEN.de", "a@xn--mnchen-3ya.de"],
  ["a@xn--mnchen-3ya.de", "a@xn--mnchen-3ya.de"],
  ["a@пример.рф", "a@xn--e1afmkfd.xn--p1ai"],
  ["a@例え.jp", "a@xn--r8jz45g.jp"],
  ["a@straße.de", "a@xn--strae-oqa.de"],
  [`${"a".repeat(64)}@example.com`, `${"a".repeat(64)}@example.com`],
];

/** White space at both ends is removed before these are read: see TextField. */
const DENIED: Record<string, string[]> = {
  "a header": ["a@x.com\nBcc: b@x.com", "a@x.com\r\nBcc: b@x.com", "a@x.com\rBcc:b@x.com", "a\r\n@x.com", "a\n@x.com"],
  "an encoded header": ["a@x.com%0aBcc:b@x.com", "a@x.com%0d%0aBcc:b@x.com", "a%0a@x.com", "a@x.com\\r\\nBcc:b@x.com"],
  "other ends of a line": ["a@x.com\u2028b@x.com", "a@x.com\u0085b", "a@x.com\vb", "a@x.com\fb", "a\u2029@x.com"],
  NUL: ["a\0@x.com", "a@x.com\0", "a@x.com\0.example", "a@x\0.com"],
  "a list": [
    "a@x.com,b@x.com",
    "a@x.com, b@x.com",
    "a@x.com b@x.com",
    "a@x.com;b@x.com",
    "a,b@x.com",
    "a;b@x.com",
    "a@x.com,",
  ],
  "a name or a group": [
    "Name <a@x.com>",
    "Name<a@x.com>",
    "<a@x.com>",
    "<a@x.com",
    "a@x.com>",
    "group:a@x.com;",
    '"a@x.com"',
  ],
  "two signs": [
    "a@x.com@y.com",
    "a@@x.com",
    "@a@x.com",
    "@x.com",
    "a@",
    "@",
    "a",
    "@x.com:a@y.com",
    "@y.com,@z.com:a@x.com",
  ],
  "a source route": ["a%b@x.com", "a%y.com@x.com", "y.com!a@x.com", "a@y.com%x.com", "y.com!a", "a@y.com!x.com"],
  "a quoted local part": [
    '"a b"@x.com',
    '"a"@x.com',
    '"a@b"@x.com',
    '"a\\"b"@x.com',
    'a"b@x.com',
    "a\\@b@x.com",
    "a\\b@x.com",
  ],
  "a comment": ["a(b)@x.com", "(b)a@x.com", "a@x.com(b)", "a@(b)x.com", "a@x.com (b)"],
  "an encoded word": [
    "=?utf-8?q?b=40y.com?=@x.com",
    "=?x?q?a=40y.com=3e=00?=foo@x.com",
    "=?utf-7?q?&AGEAYQBh-?=@x.com",
  ],
  "an IP address": [
    "a@[127.0.0.1]",
    "a@[IPv6:::1]",
    "a@127.0.0.1",
    "a@127.1",
    "a@0x7f.1",
    "a@2130706433",
    "a@[::1]",
    "a@1.2.3.4",
  ],
  "a domain that is none": [
    "a@x.com.",
    "a@.x.com",
    "a@x..com",
    "a@-x.com",
    "a@x-.com",
    "a@x_y.com",
    "a@x.com/",
    "a@x.com:25",
    "a@x.com#",
    "a@x.com?b",
    "a@u:p",
    "a@*.com",
    "a@xn--a-.de",
  ],
  "a local part with odd dots": [".a@x.com", "a.@x.com", "a..b@x.com", ".@x.com"],
  "other letters in the local part": [
    "josé@x.com",
    "ａ@x.com",
    "а@x.com",
    "\u212aim@x.com",
    "a\u0140b@x.com",
    "😀@x.com",
  ],
  "a domain in disguise": [
    "a@ｘ.com",
    "a@\u212ax.com",
    "a@x。com",
    "a@x．com",
    "a@ﬁsh.com",
    "a@x①.com",
    "a@a\u0308.de",
    "a@\u2024x.com",
  ],
  "letters that show nothing, or turn the text": [
    "a@x\u200b.com",
    "a\u200d@x.com",
    "a@\u202ex.com",
    "\u202ea@x.com",
    "a@x\u00ad.com",
    "\ufeffa@x.com",
    "a@x\u2066.com",
    "a@x\u{e0061}.com",
  ],
  "half a character": ["a\ud800@x.com", "a@x\udc00.com"],
  "too long": [
    `${"a".repeat(65)}@x.com`,
    `${"a".repeat(64)}@${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(63)}.com`,
    `a@${"b".repeat(64)}.com`,
    `a@${"ü".repeat(60)}.de`,
    `${"a".repeat(308)}@example.com`,
  ],
};

const ALL_DENIED = Object.values(DENIED).flat();

const INVALID = "Enter a valid email address.";

describe("an address", () => {
  for (const [kind, addresses] of Object.entries(DENIED)) {
    test(`is denied with ${kind}`, () => {
      for (const address of addresses) assert.equal(isEmailAddress(address), false, JSON.stringify(address));
    });
  }

  test("is accepted with any other character of an atom, and with an international domain", () => {
    for (const [address] of ACCEPTED) assert.equal(isEmailAddress(address), true, address);
  });

  test("is stored with a domain in lower case that is the same domain, whatever its letters", () => {
    const letters = Array.from({ length: 0x20000 }, (_, code) => (code >> 11 === 27 ? "" : String.fromCodePoint(code)));
    for (const letter of letters.filter((letter) => /\p{Changes_When_Lowercased}/u.test(letter))) {
      for (const typed of [`a@x${letter}y.example`, `a@example.xy${letter}`]) {
        const sentTo = toMailAddress(typed);
        if (sentTo !== null) assert.equal(toMailAddress(normalizeEmail(typed)), sentTo, typed);
      }
    }
  });
});

describe("a hostile address", () => {
  test("does not get into a profile, as JSON or as a form", async () => {
    const test = await createTestApp({ POSTERN_THROTTLE: "off" });
    await test.addUser({ username: "alice", email: "alice@example.com", password: PASSWORD });
    const client = createClient(test.app);
    await client.login("alice", PASSWORD);
    const [headers, navigating] = [{ "Sec-Fetch-Site": "same-origin" }, { "Sec-Fetch-Mode": "navigate" }];
    const form = { ...headers, ...navigating, "Content-Type": "application/x-www-form-urlencoded" };
    for (const email of ALL_DENIED) {
      const answer = await client.send("PATCH", "/profile/", { headers, json: { email } });
      assert.equal(answer.status, 400, JSON.stringify(email));
      const { email: errors }: { email: string[] } = JSON.parse(await answer.text());
      assert(errors.includes(INVALID), JSON.stringify(email));
      const body = String(new URLSearchParams({ first_name: "", last_name: "", email }));
      assert.equal((await client.send("POST", "/profile/", { headers: form, body })).status, 400);
    }
    assert.match(await (await client.get("/profile/")).text(), /"email":"alice@example\.com"/);
  });

  test("does not get into the set-up", async () => {
    const test = await createTestApp();
    const path = (await inviteFirstUser(test.services)) ?? "";
    const headers = { "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate" };
    for (const email of ALL_DENIED) {
      const body = String(new URLSearchParams({ username: "alice", email, password: PASSWORD }));
      const type = { "Content-Type": "application/x-www-form-urlencoded" };
      const answer = await createClient(test.app).send("POST", path, { headers: { ...headers, ...type }, body });
      assert.equal(answer.status, 400, JSON.stringify(email));
    }
    assert.deepEqual(await test.services.db.selectFrom("users").selectAll().execute(), []);
  });

  test("gets no mail by a sign-up or by a change of the address", async () => {
    const test = await createTestApp({ ...OPEN, POSTERN_THROTTLE: "off" });
    await test.addUser({ username: "alice", email: "alice@example.com", password: PASSWORD });
    const client = createClient(test.app);
    await client.login("alice", PASSWORD);
    const headers = { "Sec-Fetch-Site": "same-origin" };
    for (const email of ALL_DENIED) {
      assert.equal((await client.post("/signup/", { email }, headers)).status, 400, JSON.stringify(email));
      assert.equal((await client.send("PATCH", "/profile/", { headers, json: { email } })).status, 400);
    }
    assert.deepEqual(await test.services.db.selectFrom("mails").selectAll().execute(), []);
  });

  test("does not get into the command line's users", async () => {
    const { services } = await createTestApp();
    const names = { username: "alice", firstName: "", lastName: "" };
    for (const email of ALL_DENIED) {
      assert.equal(userError({ email }), INVALID, JSON.stringify(email));
      const input = { ...names, email, isStaff: false, isSuperuser: false, password: anyPassword(PASSWORD) };
      assert.equal(await createUser(services, OPERATOR, input), INVALID);
    }
  });
});

describe("a mail to an accepted address", () => {
  test("has one recipient and one header To, with exactly that address", async () => {
    const { results, sent } = await sendAll(ACCEPTED.map(([address]) => address));
    assert.deepEqual(new Set(results.map(({ kind }) => kind)), new Set(["sent"]));
    assert.equal(sent.length, ACCEPTED.length);
    for (const [index, [address, sentTo]] of ACCEPTED.entries()) {
      const { recipients, source, mail } = sent[index] ?? { recipients: [], source: "" };
      assert.deepEqual(recipients, [`RCPT TO:<${sentTo}>`], address);
      const [head = ""] = source.split("\r\n\r\n");
      assert.deepEqual(
        unfold(head).filter((line) => /^(to|cc|bcc|resent-\w+):/i.test(line)),
        [`To: ${sentTo}`],
      );
      const { value = [] } = (mail?.to && !Array.isArray(mail.to) && mail.to) || {};
      // mailparser decodes the domain.
      assert.deepEqual(
        value.map(({ address = "", name }) => [toMailAddress(address), name]),
        [[sentTo, ""]],
      );
    }
  });

  test("is never sent to an address that an import has stored and that is not valid", async () => {
    const { results, sent } = await sendAll(ALL_DENIED);
    assert.deepEqual(sent, []);
    assert.deepEqual(new Set(results.map(({ kind }) => kind)), new Set(["never"]));
  });
});

/** @returns the header's lines (RFC 5322 §2.2.3) */
function unfold(head: string): string[] {
  return head.replace(/\r\n[ \t]+/g, " ").split("\r\n");
}

/** Sends a mail to each address, one after another, by a real SMTP server. */
async function sendAll(addresses: string[]): Promise<{ results: Delivery[]; sent: Sent[] }> {
  const recipients: string[] = [];
  const debug = (_: unknown, direction: unknown, line: unknown) => {
    if (direction === "C:" && /^RCPT/i.test(String(line))) recipients.push(String(line));
  };
  const other = () => {};
  // The server's own list of recipients has the domains decoded.
  const logger = { debug, info: other, error: other, warn: other, trace: other, fatal: other };
  await using server = await startMailServer({ logger });
  const url = parseMailUrl(`smtp://127.0.0.1:${server.port}`);
  assert(url?.kind === "smtp");
  const transport = createSmtpTransport(url);
  const common = { from: { name: "", address: "login@postern.test" }, subject: "Test", text: "Test", html: "Test" };
  const [results, sent]: [Delivery[], Sent[]] = [[], []];
  for (const [index, to] of addresses.entries()) {
    const message = { ...common, to, messageId: `${index}@postern.test`, language: "en", date: 1_767_225_600_000 };
    results.push(await transport.send(message));
    for (const { source, mail } of server.received.splice(0))
      sent.push({ recipients: recipients.splice(0), source, mail });
  }
  transport.close();
  assert.deepEqual(recipients, []);
  return { results, sent };
}

interface Sent extends Pick<Received, "source" | "mail"> {
  /** Each RCPT TO, as the client sent it. */
  recipients: string[];
}
