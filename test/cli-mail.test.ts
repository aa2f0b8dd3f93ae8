import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { insertMail, leaseMail, type NewMail, postponeMail } from "../db/mails.ts";
import { transaction } from "../db/open.ts";
import { createSandbox, type Sandbox } from "./support/process.ts";
import { PROGRAM } from "./support/runtime.ts";

const PROCESSES = { timeout: 60_000 };

const WRITTEN = Date.UTC(2026, 0, 1, 12);
const DUE = WRITTEN + 60_000;

const MAIL: NewMail = {
  id: "a".repeat(32),
  purpose: "invite",
  userId: null,
  address: "new@example.com",
  language: "en",
  facts: "{}",
  createdAt: WRITTEN,
};

/** A mail that waits, one that is being sent, one that is to be retried, and one that was given up. */
async function fill(sandbox: Sandbox): Promise<void> {
  await sandbox.run(["createuser", "alice", "--email", "alice@example.com", "--noinput"]);
  await sandbox.withDatabase(async (db) => {
    const lease = async (id: string, more: Partial<NewMail> = {}) => {
      await insertMail(db, { ...MAIL, id: id.repeat(32), ...more });
      return leaseMail(db, WRITTEN + 10, DUE);
    };
    await lease("b", { purpose: "password_reset", userId: 1, address: "" });
    for (const [id, failedAt] of [
      ["c", null],
      ["d", DUE],
    ] as const) {
      const mail = await lease(id);
      assert(mail);
      await postponeMail(db, mail, { dueAt: DUE, error: "The server said \x1b[2Jno.", failedAt });
    }
    await insertMail(db, { ...MAIL, createdAt: WRITTEN - 1 });
  });
}

/** @returns the state of each mail by the first letter of its id */
async function states(sandbox: Sandbox): Promise<Record<string, string>> {
  const { stdout } = await sandbox.run(["mail", "--json"]);
  const mails: { id: string; state: string }[] = JSON.parse(stdout);
  return Object.fromEntries(mails.map(({ id, state }) => [id.slice(0, 1), state]));
}

describe("mail", () => {
  test("lists the mails, oldest first, with recipient or username", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await fill(sandbox);
    const { code, stdout } = await sandbox.run(["mail"]);
    assert.equal(code, 0);
    const rows = stdout.trimEnd().split("\n");
    assert.deepEqual(
      rows.map((row) => row.split(/ {2,}/).slice(1)),
      [
        ["PURPOSE", "TO", "WRITTEN", "ATTEMPTS", "NEXT", "LAST ERROR"],
        ["invite", "new@example.com", "2026-01-01 11:59:59", "0", "2026-01-01 11:59:59"],
        ["password_reset", "alice", "2026-01-01 12:00:00", "1", "sending"],
        [
          "invite",
          "new@example.com",
          "2026-01-01 12:00:00",
          "1",
          "2026-01-01 12:01:00",
          "The server said \ufffd[2Jno.",
        ],
        ["invite", "new@example.com", "2026-01-01 12:00:00", "1", "given up", "The server said \ufffd[2Jno."],
      ],
    );
    const json: Record<string, unknown>[] = JSON.parse((await sandbox.run(["mail", "--json"])).stdout);
    assert.deepEqual(json[1], {
      id: "b".repeat(32),
      purpose: "password_reset",
      address: "",
      username: "alice",
      created_at: "2026-01-01T12:00:00.000Z",
      attempts: 1,
      state: "sending",
      due_at: "2026-01-01T12:01:00.000Z",
      error: "",
    });
  });

  test("prints a list of any length page by page", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await sandbox.run(["migrate"]);
    const count = 1001;
    await sandbox.withDatabase((db) =>
      transaction(db, async (db) => {
        for (let index = 0; index < count; index++) await insertMail(db, { ...MAIL, id: `${index}` });
      }),
    );
    assert.equal((await sandbox.run(["mail"])).stdout.trimEnd().split("\n").length, count + 1);
    const ids = JSON.parse((await sandbox.run(["mail", "--json"])).stdout).map(({ id }: { id: string }) => id);
    assert.equal(new Set(ids).size, count);
  });

  test("--retry makes a mail due, but not one that is being sent: it would go out twice", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await fill(sandbox);
    const given = await sandbox.run(["mail", "--retry", "d".repeat(32)]);
    assert.deepEqual(given, {
      code: 0,
      stdout: "1 mail to send. POSTERN_MAIL_URL is not set: no server sends them.\n",
      stderr: "",
    });
    assert.deepEqual(await states(sandbox), { a: "waiting", b: "sending", c: "waiting", d: "waiting" });
    const environment = { POSTERN_MAIL_URL: "console:" };
    const all = await sandbox.run(["mail", "--retry", "all"], { environment });
    assert.equal(all.stdout, "3 mails to send. A running server sends them now.\n");
    const sending = await sandbox.run(["mail", "--retry", "b".repeat(32)]);
    assert.deepEqual(
      [sending.code, sending.stderr],
      [1, `No mail "${"b".repeat(32)}" waits. It was sent, or is being sent.\n`],
    );
  });

  test("--drop deletes one mail, or all that were given up", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await fill(sandbox);
    assert.equal((await sandbox.run(["mail", "--drop", "all"])).stdout, "1 mail dropped.\n");
    assert.equal((await sandbox.run(["mail", "--drop", "c".repeat(32)])).stdout, "1 mail dropped.\n");
    assert.deepEqual(await states(sandbox), { a: "waiting", b: "sending" });
    const { code, stderr } = await sandbox.run(["mail", "--drop", "x"]);
    assert.deepEqual([code, stderr], [1, 'There is no mail "x".\n']);
  });

  test("takes one option at a time", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    for (const args of [
      ["--retry", "all", "--drop", "all"],
      ["--json", "--drop", "all"],
    ]) {
      const { code, stderr } = await sandbox.run(["mail", ...args]);
      assert.deepEqual([code, stderr], [2, "--json, --retry and --drop exclude each other.\n"]);
    }
    const misspelt = await sandbox.run(["mial"]);
    assert.equal(misspelt.stderr, `There is no command "mial". Did you mean mail? See: ${PROGRAM} help\n`);
  });
});
