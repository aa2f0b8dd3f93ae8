import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseMailUrl, type SmtpUrl } from "../lib/config/mail-url.ts";
import { createSmtpTransport, type SmtpOptions } from "../lib/mail/smtp.ts";
import type { Delivery, Message } from "../lib/mail/transport.ts";
import { AUTHORITY, CERTIFICATES } from "./support/certificates.ts";
import { denial, startMailServer } from "./support/mail-server.ts";
import { IS_DENO } from "./support/runtime.ts";
import { type Stage, type Step, scriptMailServer } from "./support/scripted-mail-server.ts";

const MESSAGE: Message = {
  from: { name: "", address: "login@postern.test" },
  to: "alice@example.com",
  subject: "Hello",
  text: "Hello,\n\nhttps://postern.test/?token=abcdefghijklmnopqrstuvwxyz234567\n",
  html: "<p>Hello</p>",
  messageId: "1@postern.test",
  date: Date.UTC(2026, 0, 1),
  language: "en",
};

/** No test waits for seconds. */
const SHORT = { connectMs: 300, answerMs: 300 };

function smtp(text: string): SmtpUrl {
  const url = parseMailUrl(text);
  assert(url?.kind === "smtp", text);
  return url;
}

/** The mail server of a test, as if it were on another machine: TLS is required. */
const remote = (port: number, host = "localhost"): SmtpUrl => ({
  ...smtp(`smtp://${host}:${port}`),
  requiresTls: true,
});

/** Sends one mail. */
async function send(url: SmtpUrl, options: SmtpOptions = {}, message: Partial<Message> = {}): Promise<Delivery> {
  const transport = createSmtpTransport(url, options);
  try {
    return await transport.send({ ...MESSAGE, ...message });
  } finally {
    transport.close();
  }
}

/** @returns what comes of a mail if the server answers so: `sent`, `never`, `later`, or `outage` for all mails */
async function outcome(stage: Stage, step: Step): Promise<string> {
  await using server = await scriptMailServer({ [stage]: step });
  const delivery = await send(smtp(`smtp://user:password@127.0.0.1:${server.port}`), { timeouts: SHORT });
  return delivery.kind === "later" && delivery.isOutage ? "outage" : delivery.kind;
}

/** @returns the sentence about a failure */
function errorOf(delivery: Delivery): string {
  assert(delivery.kind !== "sent");
  return delivery.error.replace(/^The mail server \S+ \(port \d+\) /, "");
}

describe("a mail by SMTP", () => {
  test("arrives with a text and an HTML part, and headers that no program answers", async () => {
    await using server = await startMailServer();
    const from = { name: "Caffè «Ünïcode», Inc.", address: "login@postern.test" };
    const text = "Grüße ☕\n.\n..\nFrom here\n";
    const options = { clientName: "postern.test" };
    const delivery = await send(smtp(`smtp://127.0.0.1:${server.port}`), options, {
      subject: "È tardi 🕛",
      from,
      text,
    });
    assert.deepEqual(delivery, { kind: "sent" });
    const [{ mail, source, ...rest } = assert.fail()] = server.received;
    const envelope = { from: "login@postern.test", to: ["alice@example.com"] };
    assert.deepEqual(rest, { ...envelope, isEncrypted: false, clientName: "postern.test" });
    assert.deepEqual([mail.subject, mail.from?.value[0]], ["È tardi 🕛", from]);
    assert.deepEqual([mail.text, mail.html], [text, "<p>Hello</p>"]);
    assert.deepEqual([mail.messageId, mail.date?.getTime()], ["<1@postern.test>", MESSAGE.date]);
    assert.deepEqual(
      [mail.headers.get("auto-submitted"), mail.headers.get("content-language")],
      ["auto-generated", "en"],
    );
    // Relays that know no 8BITMIME (RFC 6152) pass it on, and none has to fold a line (RFC 5322 §2.1.1).
    assert.match(source, /^[\r\n\t -~]*$/);
    assert(source.split("\r\n").every((line) => line.length <= 78));
  });

  test("has the recipient and the headers that it was given, whatever is in its fields", async () => {
    const injection = "x\r\nBcc: evil@example.com\r\n\r\n<script>";
    await using server = await startMailServer();
    const url = smtp(`smtp://127.0.0.1:${server.port}`);
    await send(url, {}, { subject: injection, from: { name: injection, address: "login@postern.test" } });
    const recipients = [
      "alice@example.com, evil@example.com",
      "alice@example.com\r\nRCPT TO:<evil@example.com>",
      "alice@example.com>\r\nBcc: <evil@example.com",
      "<alice@example.com> SIZE=1",
      "alice@example.com,evil@example.com:;",
      '"alice@example.com" <evil@example.com>',
      "group: alice@example.com, evil@example.com;",
      "alice\0@example.com",
      "",
    ];
    for (const to of recipients) await send(url, {}, { to });
    for (const { to, mail, source } of server.received) {
      assert.equal(to.length, 1, source);
      assert(!to.includes("evil@example.com"), source);
      assert.deepEqual(
        [...mail.headers.keys()].filter((name) => /bcc|^cc/.test(name)),
        [],
        source,
      );
    }
    assert.equal(server.received[0]?.to[0], "alice@example.com");
  });

  test("goes to addresses with a Unicode domain", async () => {
    await using server = await startMailServer();
    const url = smtp(`smtp://127.0.0.1:${server.port}`);
    await send(url, {}, { to: "alice@bücher.example" });
    assert.match(server.received[0]?.source ?? "", /^To: alice@xn--bcher-kva\.example\r$/m);
  });
});

describe("a mail server", () => {
  test("that denies the recipient or the text with 5yz never gets the mail again, with 4yz it does", async () => {
    for (const stage of ["RCPT", "DATA", "body"] as const) {
      assert.equal(await outcome(stage, "550 5.1.1 no such user"), "never", stage);
      assert.equal(await outcome(stage, "450 4.2.0 greylisted"), "later", stage);
    }
  });

  test("that denies the login or the sender gets all mails later: the settings are wrong, not the mail", async () => {
    for (const [stage, step] of [
      ["greeting", "554 no service"],
      ["AUTH", "535 5.7.8 wrong"],
      ["AUTH", "454 later"],
      ["MAIL", "550 5.7.1 not your domain"],
      ["MAIL", "530 5.7.0 log in"],
      ["RCPT", "530 5.7.0 log in"],
    ] as const) {
      assert.equal(await outcome(stage, step), "outage", step);
    }
  });

  test("that hangs, closes the connection or answers 421 gets all mails later", { timeout: 120_000 }, async () => {
    for (const stage of ["greeting", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "body"] as const) {
      for (const step of ["hang", "close", "421 4.3.2 shutting down"]) {
        assert.equal(await outcome(stage, step), "outage", `${stage} ${step}`);
      }
    }
  });

  test("that answers a byte at a time does not hold a mail for longer than an attempt", async () => {
    const timeouts = { ...SHORT, attemptMs: 500 };
    for (const stage of ["EHLO", "MAIL", "DATA", "body"] as const) {
      await using server = await scriptMailServer({ [stage]: "drip" });
      const delivery = await send(smtp(`smtp://127.0.0.1:${server.port}`), { timeouts });
      assert.equal(errorOf(delivery), "did not take the mail in time: it answers too slowly.", stage);
    }
  });

  test("that closes idle connections gets the next mail on another one", async () => {
    await using server = await scriptMailServer({ RSET: "close" });
    const transport = createSmtpTransport(smtp(`smtp://127.0.0.1:${server.port}`), { timeouts: SHORT });
    for (let mails = 0; mails < 3; mails++) assert.deepEqual(await transport.send(MESSAGE), { kind: "sent" });
    transport.close();
  });

  test("that stops answering in the middle of a mail does not hold the process when it stops", async () => {
    await using server = await scriptMailServer({ body: "hang" });
    const transport = createSmtpTransport(smtp(`smtp://127.0.0.1:${server.port}`));
    const sending = transport.send(MESSAGE);
    while (!server.stages.includes("body")) await new Promise((resolve) => setTimeout(resolve, 10));
    transport.close();
    assert.deepEqual(await sending, { kind: "later", error: "Postern was stopped during the attempt." });
  });

  test("that quotes the mail does not get its token or the address into the error", async () => {
    const reply = `5.7.1 <${MESSAGE.to}>: spam: ${MESSAGE.text.replaceAll("\n", " ")} \x1b[2J ${"X".repeat(9999)}`;
    await using server = await startMailServer({ onRcptTo: (_to, _session, done) => done(denial(554, reply)) });
    const error = errorOf(await send(smtp(`smtp://127.0.0.1:${server.port}`)));
    assert.match(error, /^denies the recipient: "554 5\.7\.1 <…>: spam: Hello, https:\/\/postern\.test\/\?token=… /);
    assert(!/[\p{C}]|abcdefg|alice/u.test(error));
    assert(error.length < 400);
  });
});

describe("TLS to the mail server", () => {
  const TLS = { disabledCommands: [] };
  const trusting = { authorities: AUTHORITY, timeouts: { connectMs: 5000, answerMs: 5000 } };

  test("is used for the mail and the login, from the start or by STARTTLS", async () => {
    const logins: unknown[] = [];
    const options = {
      ...TLS,
      onAuth: (
        { username, password }: { username?: string | undefined; password?: string | null | undefined },
        session: { secure: boolean },
        done: (error: null, answer: object) => void,
      ) => {
        logins.push([username, password, session.secure]);
        done(null, { user: "x" });
      },
    };
    await using starting = await startMailServer(options);
    await using implicit = await startMailServer({ ...options, secure: true });
    const login = { user: "päul@example.com", password: "p:@/%ss wörd" };
    assert.deepEqual(await send({ ...remote(starting.port), login }, trusting), { kind: "sent" });
    assert.deepEqual(
      await send(
        smtp(`smtps://p%C3%A4ul%40example.com:p%3A%40%2F%25ss%20w%C3%B6rd@localhost:${implicit.port}`),
        trusting,
      ),
      { kind: "sent" },
    );
    const expected = [login.user, login.password, true];
    assert.deepEqual(logins, [expected, expected]);
    assert.deepEqual(
      [...starting.received, ...implicit.received].map(({ isEncrypted }) => isEncrypted),
      [true, true],
    );
  });

  test("is required: without it, neither login nor mail leaves this machine", async () => {
    await using server = await scriptMailServer({ STARTTLS: "502 not here" });
    const delivery = await send({ ...remote(server.port), login: { user: "u", password: "p" } }, trusting);
    assert.equal(
      errorOf(delivery),
      'offers no TLS: "502 not here". If it has TLS on another port, use smtps://. If no stranger can read the network between, add ?tls=off.',
    );
    assert.deepEqual(server.stages, ["greeting", "EHLO", "STARTTLS"]);
    assert.deepEqual(
      [...new Set(["localhost", "127.0.0.1", "[::1]"].map((host) => smtp(`smtp://${host}`).requiresTls))],
      [false],
    );
    assert(smtp("smtp://mail.example.com").requiresTls);
  });

  test("needs a certificate of a trusted authority, for this name, that has not expired", async () => {
    const errors: string[] = [];
    for (const secure of [false, true]) {
      for (const [name, options] of [
        ["localhost", { timeouts: trusting.timeouts }],
        ["other", trusting],
        ["expired", trusting],
      ] as const) {
        const certificate = CERTIFICATES[name];
        await using server = await startMailServer({ ...TLS, secure, key: certificate, cert: certificate });
        for (const host of ["localhost", "127.0.0.1"]) {
          const url = { ...remote(server.port, host), isImplicitTls: secure };
          errors.push(errorOf(await send(url, options)).replace(/ \([\w ]+\)/, ""));
          assert.equal(server.received.length, 0);
        }
      }
    }
    const untrusted = "has a certificate that is not trusted. Name the file of its authority in NODE_EXTRA_CA_CERTS.";
    const each = [
      untrusted,
      "has a certificate for another name. Correct POSTERN_MAIL_URL.",
      // Deno denies it too, and does not say why.
      IS_DENO ? untrusted : "has a certificate that has expired. Renew it.",
    ].flatMap((sentence) => [sentence, sentence]);
    assert.deepEqual(errors, [...each, ...each]);
  });
});
