import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { transaction } from "../db/open.ts";
import { SYSTEM } from "../lib/audit/actor.ts";
import { enqueue } from "../lib/mail/enqueue.ts";
import { createSmtpTransport } from "../lib/mail/smtp.ts";
import { AUTHORITY, AUTHORITY_FILE } from "./support/certificates.ts";
import { onlyInFaults } from "./support/effort.ts";
import { until } from "./support/poll.ts";
import { type Postfix, startPostfix } from "./support/postfix.ts";
import { createSandbox } from "./support/process.ts";
import { onlyWith } from "./support/proxies.ts";

const PROCESSES = { timeout: 120_000 };

const SETTINGS = { POSTERN_MAIL_FROM: "Caffè <login@postern.test>", PUBLIC_URL: "https://postern.test" };

const isRoot = process.getuid?.() === 0;
const MAY_RUN = isRoot ? onlyWith("postfix") : { skip: true };
if (!isRoot) process.stdout.write("Not run: postfix starts as root alone.\n");

describe("Debian's postfix", onlyInFaults("mail by Debian's postfix").skip ? { skip: true } : MAY_RUN, () => {
  let postfix: Postfix;
  before(async () => {
    postfix = await startPostfix();
  }, PROCESSES);
  after(() => postfix[Symbol.asyncDispose](), PROCESSES);

  test(
    "delivers what serve sends, with text and HTML, and denies an unknown recipient for good",
    PROCESSES,
    async () => {
      await using sandbox = await createSandbox();
      const environment = {
        ...SETTINGS,
        POSTERN_MAIL_URL: `smtp://127.0.0.1:${postfix.ports.plain}`,
        POSTERN_SIGNUP: "invite",
        POSTERN_SITE_NAME: "Caffè Müller",
      };
      const server = await sandbox.serve({ environment }, ["serve"], { isHasty: true });
      const invite = (address: string) =>
        sandbox.withDatabase((db) =>
          transaction(db, (db) =>
            enqueue(db, { now: Date.now }, SYSTEM, { purpose: "invite", user: null, address, language: "it" }),
          ),
        );
      await invite("unknown@example.com");
      const givenUp = await server.event("mail_given_up");
      assert.match(String(givenUp["error"]), /denies the recipient: "550 5\.1\.1 <…>: Recipient address rejected/);
      await invite("alice@example.com");
      await until("it arrived", async () => (await postfix.mailbox()).length === 1);
      const [{ from, subject, text, html, headers } = assert.fail()] = await postfix.mailbox();
      assert.equal(from?.text, '"Caffè" <login@postern.test>');
      assert.match(subject ?? "", /Caffè Müller/);
      const [, link = ""] = /(https:\/\/postern\.test\/signup\/confirm\/\?token=[a-z2-7]{32})\n/.exec(text ?? "") ?? [];
      assert(link !== "" && String(html).includes(link));
      assert.deepEqual([headers.get("auto-submitted"), headers.get("content-language")], ["auto-generated", "it"]);
      assert.match(JSON.stringify(headers.get("received")), /from postern\.test/);
      await server.stop();
    },
  );

  test("takes a mail with TLS from the start, by an authority that NODE_EXTRA_CA_CERTS names", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const send = (environment: Record<string, string>) =>
      sandbox.spawn(["sendtestmail", "alice@example.com"], {
        environment: { ...SETTINGS, POSTERN_MAIL_URL: `smtps://localhost:${postfix.ports.implicit}`, ...environment },
      });
    const untrusted = await send({});
    assert.equal(untrusted.code, 1);
    assert.match(
      untrusted.stderr,
      /has a certificate that is not trusted \(\w+\)\. Name the file of its authority in NODE_EXTRA_CA_CERTS\.$/m,
    );
    const { code, stderr } = await send({ NODE_EXTRA_CA_CERTS: AUTHORITY_FILE });
    assert.deepEqual([code, stderr], [0, ""]);
  });

  test("takes a mail by STARTTLS, which it requires", PROCESSES, async () => {
    const url = {
      kind: "smtp",
      host: "localhost",
      port: postfix.ports.starting,
      isImplicitTls: false,
      login: null,
    } as const;
    const from = { name: "", address: "login@postern.test" };
    const message = { from, to: "alice@example.com", subject: "Ciao", text: "Ciao\n", html: "<p>Ciao</p>" };
    const more = { messageId: "starttls@postern.test", date: 0, language: "it" };
    const send = (requiresTls: boolean) =>
      createSmtpTransport({ ...url, requiresTls }, { authorities: AUTHORITY }).send({ ...message, ...more });
    const plain = await send(false);
    assert(plain.kind === "later" && plain.isOutage === true);
    assert.match(
      plain.error,
      /wants TLS: "530 5\.7\.0 Must issue a STARTTLS command first"\. Remove \?tls=off, or use smtps:\/\/\.$/,
    );
    assert.deepEqual(await send(true), { kind: "sent" });
    await until("it arrived", async () =>
      (await postfix.mailbox()).some(({ messageId }) => messageId === "<starttls@postern.test>"),
    );
  });
});
