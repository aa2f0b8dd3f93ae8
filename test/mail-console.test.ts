import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { transaction } from "../db/open.ts";
import { SYSTEM } from "../lib/audit/actor.ts";
import { enqueue } from "../lib/mail/enqueue.ts";
import { createPrintingTransport } from "../lib/mail/printed.ts";
import { createSandbox } from "./support/process.ts";

const PROCESSES = { timeout: 60_000 };

describe("with POSTERN_MAIL_URL=console:", () => {
  test("serve prints a mail on standard error, and only events on standard output", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const environment = { POSTERN_MAIL_URL: "console:", POSTERN_SIGNUP: "invite" };
    const server = await sandbox.serve({ environment });
    await sandbox.withDatabase((db) =>
      transaction(db, (db) =>
        enqueue(db, { now: Date.now }, SYSTEM, { purpose: "invite", user: null, address: "a@a.test", language: "en" }),
      ),
    );
    await server.event("mail_sent");
    const { stdout, stderr } = await server.stop();
    assert.match(
      stderr,
      /^From: postern@localhost\nTo: a@a\.test\nSubject: You are invited to Postern\n\n[\s\S]*\n-{79}\n$/m,
    );
    // Also on a free port, which the settings do not tell.
    const [, origin] = /^(http:\S+)\/signup\/confirm\/\?token=[a-z2-7]{32}$/m.exec(stderr) ?? [];
    assert.equal(origin, server.url);
    for (const line of stdout.trim().split("\n")) assert.equal(typeof JSON.parse(line), "object");
    assert(!stdout.includes("token="));
  });

  test("text from outside does not steer the terminal", async () => {
    const printed: string[] = [];
    const message = {
      to: "a@a.test",
      html: "",
      messageId: "1@x",
      date: 0,
      language: "en",
      text: "\x1b[2J\u202eHello\n",
    };
    const from = { name: "", address: "login@postern.test" };
    await createPrintingTransport((text) => printed.push(text)).send({ ...message, from, subject: "Hi\nTo: b@b.test" });
    assert.match(
      printed[0] ?? "",
      /^From: login@postern\.test\nTo: a@a\.test\nSubject: Hi To: b@b\.test\n\n\ufffd\[2J\ufffdHello\n/,
    );
  });
});
