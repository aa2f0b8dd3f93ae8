import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { insertMail } from "../db/mails.ts";
import { insertToken } from "../db/one-time-tokens.ts";
import { type Db, openDatabase, transaction } from "../db/open.ts";
import { findUser } from "../db/users.ts";
import { fillDatabase } from "./support/content.ts";
import { usePostgres } from "./support/postgres.ts";
import { createSandbox, type RunOptions, type Sandbox } from "./support/process.ts";
import { TEST_SECRET_KEY } from "./support/secret-key.ts";

const PROCESSES = { timeout: 120_000 };

const postgres = usePostgres(PROCESSES);

/** Stores a waiting mail, a link and a notice of a user, and a waiting mail to an address without a user. */
function storeOutbox(db: Db, username: string): Promise<void> {
  return transaction(db, async (db) => {
    const user = await findUser(db, username);
    assert(user);
    const [createdAt, userId] = [1_767_225_600_000, user.id];
    const mail = { address: "", language: "en", facts: "{}", createdAt };
    await insertMail(db, { ...mail, id: `of ${username}`, purpose: "password_reset", userId });
    await insertMail(db, { ...mail, id: `while ${username}`, purpose: "signup", userId: null, address: "new@x.com" });
    const token = { id: `of ${username}`, purpose: "password_reset", userId, subject: username } as const;
    await insertToken(db, { ...token, createdAt, expiresAt: createdAt * 2, facts: "{}" });
    await db.insertInto("notices").values({ user_id: userId, kind: "new_device", sent_at: createdAt }).execute();
  });
}

/** The ids of what waits. */
async function outboxOf(db: Db): Promise<{ mails: string[]; tokens: string[]; notices: number }> {
  const idsIn = async (table: "mails" | "one_time_tokens") =>
    (await db.selectFrom(table).select("id").orderBy("id").execute()).map(({ id }) => id);
  const notices = (await db.selectFrom("notices").select("user_id").execute()).length;
  return { mails: await idsIn("mails"), tokens: await idsIn("one_time_tokens"), notices };
}

const FULL = { mails: ["of alice", "while alice"], tokens: ["of alice"], notices: 1 };

async function withUrl<T>(url: string, work: (db: Db) => Promise<T>): Promise<T> {
  const db = await openDatabase(url, { mayCreate: false, poolSize: 1 });
  return work(db).finally(() => db.destroy());
}

const urlOf = (sandbox: Sandbox, name = "postern.db") => `sqlite:${join(sandbox.folder, name)}`;

function addAlice(sandbox: Sandbox, options?: RunOptions): ReturnType<Sandbox["run"]> {
  return sandbox.run(["createuser", "alice", "--noinput"], options);
}

describe("a waiting mail, a link and a notice", () => {
  test("are in a backup, and a restore drops the mail and the link", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await addAlice(sandbox);
    await sandbox.withDatabase((db) => storeOutbox(db, "alice"));
    assert.equal((await sandbox.run(["backup", "backup.db"])).code, 0);
    assert.deepEqual(await withUrl(urlOf(sandbox, "backup.db"), outboxOf), FULL);
    assert.equal((await sandbox.run(["restore", "backup.db", "--yes"])).code, 0);
    assert.deepEqual(await sandbox.withDatabase(outboxOf), { mails: [], tokens: [], notices: 1 });
    assert.deepEqual(await withUrl(urlOf(sandbox, "backup.db"), outboxOf), FULL);
  });

  test("are not copied to another database, and the help says so", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await writeFile(join(sandbox.folder, "postern.key"), TEST_SECRET_KEY, { mode: 0o600 });
    assert.equal((await sandbox.run(["migrate"])).code, 0);
    await fillDatabase(urlOf(sandbox), { users: 1, sessions: 1 });
    await addAlice(sandbox);
    await sandbox.withDatabase((db) => storeOutbox(db, "alice"));
    const url = await postgres.createDatabase("target");
    const options = { environment: { PGPASSWORD: "postgres" } };
    const copied = await sandbox.run(["copy", "--to", url.replace(":postgres@", "@")], options);
    assert.equal(copied.code, 0, copied.stderr);
    assert.deepEqual(await withUrl(url, outboxOf), { mails: [], tokens: [], notices: 0 });
    assert.deepEqual(await sandbox.withDatabase(outboxOf), FULL);
    assert.match((await sandbox.run(["help", "copy"])).stdout, /Mails that wait, links in mails.* are not copied/s);
  });

  for (const [kind, createUrl] of [
    ["SQLite", async (sandbox: Sandbox) => urlOf(sandbox)],
    ["Postgres", () => postgres.createDatabase("leaving")],
  ] as const) {
    test(`end with their user, and no other user's do, on ${kind}`, PROCESSES, async () => {
      await using sandbox = await createSandbox();
      const url = await createUrl(sandbox);
      const options = { environment: { DATABASE_URL: url, POSTERN_SECRET_KEY: TEST_SECRET_KEY } };
      await addAlice(sandbox, options);
      assert.equal((await sandbox.run(["createuser", "bob", "--noinput"], options)).code, 0);
      for (const name of ["alice", "bob"]) await withUrl(url, (db) => storeOutbox(db, name));
      assert.equal((await sandbox.run(["deleteuser", "bob", "--yes"], options)).code, 0);
      const left = { ...FULL, mails: [...FULL.mails, "while bob"] };
      assert.deepEqual(await withUrl(url, outboxOf), left);
    });
  }
});
