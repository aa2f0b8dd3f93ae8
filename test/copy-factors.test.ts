import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { sql } from "kysely";
import { type Db, openDatabase } from "../db/open.ts";
import { fillDatabase, fillFactors, readDatabase } from "./support/content.ts";
import { usePostgres } from "./support/postgres.ts";
import { createSandbox, type Sandbox } from "./support/process.ts";
import { TEST_SECRET_KEY } from "./support/secret-key.ts";

const PROCESSES = { timeout: 120_000 };

const postgres = usePostgres(PROCESSES);

/** The driver reads this variable. A URL in an argument must have no password. */
const PASSWORD = { environment: { PGPASSWORD: "postgres" } };

const copy = (sandbox: Sandbox, from: string, to: string) =>
  sandbox.run(["copy", "--from", from, "--to", to], PASSWORD);

const urlOf = (sandbox: Sandbox, name: string) => `sqlite:${join(sandbox.folder, name)}`;

/** A database with 130 users; 120 of them have second factors. @returns its URL */
async function createSource(sandbox: Sandbox): Promise<string> {
  await writeFile(join(sandbox.folder, "postern.key"), TEST_SECRET_KEY, { mode: 0o600 });
  await sandbox.run(["migrate"]);
  const url = urlOf(sandbox, "postern.db");
  await fillDatabase(url, { users: 130, sessions: 3 });
  await fillFactors(url, 120);
  return url;
}

async function change(url: string, work: (db: Db) => Promise<unknown>): Promise<void> {
  const db = await openDatabase(url, { mayCreate: false, poolSize: 1 });
  await work(db).finally(() => db.destroy());
}

describe("copy", () => {
  test(
    "copies every second factor, from SQLite to Postgres and back, and the logins still ask",
    PROCESSES,
    async () => {
      await using sandbox = await createSandbox();
      const source = await createSource(sandbox);
      await sandbox.withDatabase(async (db) => {
        const login = {
          id: "waits",
          user_id: 1,
          password_hash: "hash",
          attempts: 0,
          device: "",
          created_at: 1,
          expires_at: 2 ** 42,
        };
        await db.insertInto("pending_logins").values(login).execute();
      });
      const url = await postgres.createDatabase("factors");
      const named = url.replace(":postgres@", "@");
      const there = await copy(sandbox, "sqlite:postern.db", named);
      assert.match(
        there.stdout,
        /Both sides have 130 users, 120 authenticator apps, 240 passkeys, 1,200 recovery codes, 3 sessions and 0 events\.\n$/,
      );
      const [before, after] = [await readDatabase(source), await readDatabase(url)];
      assert.deepEqual(after, before);
      assert.deepEqual(
        after.factors.map((rows) => rows.length),
        [120, 1200, 240],
      );
      assert.equal(after.users.filter(({ has_second_factor: has }) => has === 1).length, 120);
      await change(url, async (db) => {
        assert.equal((await db.selectFrom("pending_logins").select("id").execute()).length, 0);
      });
      assert.equal((await copy(sandbox, named, "sqlite:back.db")).code, 0);
      assert.deepEqual(await readDatabase(urlOf(sandbox, "back.db")), before);
    },
  );

  test("goes on after an interruption in the middle of the second factors", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const source = await createSource(sandbox);
    await sandbox.run(["migrate"], { environment: { DATABASE_URL: "sqlite:target.db" } });
    const target = urlOf(sandbox, "target.db");
    // The batch of passkeys fails, as on a full disk.
    await change(target, (db) => db.schema.alterTable("passkeys").renameTo("hidden").execute());
    const stopped = await copy(sandbox, "sqlite:postern.db", "sqlite:target.db");
    assert.equal(stopped.code, 1);
    await change(target, (db) => db.schema.alterTable("hidden").renameTo("passkeys").execute());
    const done = await copy(sandbox, "sqlite:postern.db", "sqlite:target.db");
    assert.deepEqual([done.code, /^The target had 1,450 rows/.test(done.stdout)], [0, true], done.stdout + done.stderr);
    assert.deepEqual(await readDatabase(target), await readDatabase(source));
  });

  test("lets no user log in without a second factor that was copied after the user", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const source = await createSource(sandbox);
    // A server wrote to the source: the row of the user was copied before the set-up, the factors after it.
    await change(source, (db) => db.updateTable("users").set({ has_second_factor: 0 }).where("id", "<", 9).execute());
    assert.equal((await copy(sandbox, "sqlite:postern.db", "sqlite:target.db")).code, 0);
    const { users } = await readDatabase(urlOf(sandbox, "target.db"));
    assert.equal(users.filter(({ has_second_factor: has }) => has === 1).length, 120);
  });

  test("fails if a second factor is missing at the end", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await createSource(sandbox);
    await sandbox.run(["migrate"], { environment: { DATABASE_URL: "sqlite:target.db" } });
    await change(urlOf(sandbox, "target.db"), (db) =>
      sql`create trigger lose after insert on passkeys when new.id = 'A_7' begin
        delete from passkeys where id = 'A_7'; end`.execute(db),
    );
    const failed = await copy(sandbox, "sqlite:postern.db", "sqlite:target.db");
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /240 passkeys.*239 passkeys/);
  });

  test("does not go on with a copy by a version without second factors", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await createSource(sandbox);
    await sandbox.run(["migrate"], { environment: { DATABASE_URL: "sqlite:target.db" } });
    await change(urlOf(sandbox, "target.db"), async (db) => {
      const table = db.schema.createTable("postern_copy").addColumn("source", "text");
      await table.addColumn("last_group_id", "bigint").execute();
      const copy = db.withTables<{ postern_copy: { source: string; last_group_id: number } }>();
      await copy.insertInto("postern_copy").values({ source: "any", last_group_id: 1 }).execute();
    });
    const old = await copy(sandbox, "sqlite:postern.db", "sqlite:target.db");
    assert.match(
      old.stderr,
      /\nThe target holds an unfinished copy by an older version\. Empty it and copy again\.\n$/,
    );
  });
});
