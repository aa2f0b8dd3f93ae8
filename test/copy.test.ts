import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { sql } from "kysely";
import { cutEvents } from "../db/event-cut.ts";
import { migrate } from "../db/migrate.ts";
import { type Db, openDatabase, transaction } from "../db/open.ts";
import { fillDatabase, readDatabase } from "./support/content.ts";
import { IS_LONG } from "./support/effort.ts";
import type { Result } from "./support/in-process.ts";
import { until } from "./support/poll.ts";
import { usePostgres } from "./support/postgres.ts";
import { createSandbox, quickProgram, type RunOptions, type Sandbox, start } from "./support/process.ts";
import { TEST_KEYS, TEST_SECRET_KEY } from "./support/secret-key.ts";
import { runAtTerminal } from "./support/terminal.ts";

const PROCESSES = { timeout: 60_000 };

const SOURCE = "sqlite:postern.db";

/** Several batches. */
const SESSIONS = IS_LONG ? 60_000 : 4000;

/** The driver reads this variable. A URL in an argument must have no password. */
const PASSWORD = { environment: { PGPASSWORD: "postgres" } } satisfies RunOptions;

const postgres = usePostgres(PROCESSES);

/** A new, empty database: its URL for tests, and its URL without a password for arguments. */
async function createTarget(): Promise<{ url: string; named: string }> {
  const url = await postgres.createDatabase("target");
  return { url, named: url.replace(":postgres@", "@") };
}

/** A sandbox whose `postern.db` has this number of users and sessions. */
async function createSource(sandbox: Sandbox, counts: Parameters<typeof fillDatabase>[1]): Promise<string> {
  // The tests on Postgres use the same variable.
  await writeFile(join(sandbox.folder, "postern.key"), TEST_SECRET_KEY, { mode: 0o600 });
  assert.equal((await sandbox.run(["migrate"])).code, 0);
  const url = `sqlite:${join(sandbox.folder, "postern.db")}`;
  await fillDatabase(url, counts);
  return url;
}

function copy(sandbox: Sandbox, from: string, to: string, options: RunOptions = PASSWORD): Promise<Result> {
  return sandbox.run(["copy", "--from", from, "--to", to], options);
}

async function countSessions(url: string): Promise<number> {
  const db = await openDatabase(url, { mayCreate: false, poolSize: 1 });
  const rows = db.selectFrom("sessions").select(({ fn }) => fn.countAll().as("count"));
  try {
    return Number((await rows.executeTakeFirstOrThrow()).count);
  } catch {
    return 0; // The table does not exist yet.
  } finally {
    await db.destroy();
  }
}

/**
 * Begins a copy, and kills it in a batch of sessions: the first one after the target has this number of them. A trigger
 * in the target holds the copy there.
 */
async function killCopy(sandbox: Sandbox, target: { url: string; named: string }, enough: number): Promise<void> {
  const db = await openDatabase(target.url, { mayCreate: false, poolSize: 1 });
  await migrate(db);
  await sql`
    create function hold() returns trigger language plpgsql as ${sql.lit(`
      begin
        if (select count(*) from sessions) >= ${enough} then perform pg_sleep(600); end if;
        return null;
      end`)}`.execute(db);
  await sql`create trigger hold before insert on sessions execute function hold()`.execute(db);
  const command = [...quickProgram(), "copy", "--from", SOURCE, "--to", target.named];
  const running = start(command, sandbox.folder, PASSWORD);
  await until("the copy is in that batch", async () => (await findHeld(db)) !== undefined);
  running.child.kill("SIGKILL");
  assert.equal((await running.ended).code, null);
  await sql`select pg_terminate_backend(${await findHeld(db)}, 30000)`.execute(db);
  await sql`drop function hold cascade`.execute(db);
  await db.destroy();
}

/** @returns the process of Postgres that the trigger holds */
async function findHeld(db: Db): Promise<number | undefined> {
  const { rows } = await sql<{ pid: number }>`
    select pid from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`.execute(db);
  return rows[0]?.pid;
}

function assertRefused(result: Result, code: number, sentence: RegExp): void {
  assert.equal(result.code, code);
  assert.equal(result.stdout, "");
  assert.match(result.stderr.trimEnd().split("\n").at(-1) ?? "", sentence);
}

describe("copy", () => {
  test("copies every row with its id from SQLite to Postgres and back", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const source = await createSource(sandbox, { users: 1203, sessions: 2345, events: 1234 });
    const target = await createTarget();
    const there = await copy(sandbox, SOURCE, target.named);
    assert.equal(there.code, 0, there.stderr);
    assert.match(
      there.stdout,
      /^Copied 4,782 rows in [\d.]+ s \([\d,]+ rows per second\)\. Both sides have 1,203 users, 2,345 sessions and 1,234 events\.\n$/,
    );
    assert.deepEqual(await readDatabase(target.url), await readDatabase(source));
    assert.equal((await copy(sandbox, target.named, "sqlite:back.db")).code, 0);
    assert.equal((await copy(sandbox, "sqlite:back.db", "sqlite:again.db")).code, 0);
    for (const name of ["back.db", "again.db"]) {
      assert.deepEqual(await readDatabase(`sqlite:${join(sandbox.folder, name)}`), await readDatabase(source));
    }
  });

  test("gives the next user an id above all ids ever used, those of deleted users included", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await createSource(sandbox, { users: 7, sessions: 3 });
    assert.equal((await sandbox.run(["deleteuser", "user7", "--yes"])).code, 0);
    const { url, named } = await createTarget();
    assert.equal((await copy(sandbox, SOURCE, named)).code, 0);
    assert.equal((await copy(sandbox, named, "sqlite:back.db")).code, 0);
    for (const DATABASE_URL of [url, "sqlite:back.db"]) {
      const environment = { DATABASE_URL };
      const made = await sandbox.run(["createuser", "next", "--password-stdin"], { input: "right horse", environment });
      assert.equal(made.stdout, "User next created.\n", made.stderr);
      const users: { id: number; username: string }[] = JSON.parse(
        (await sandbox.run(["users", "--json"], { environment })).stdout,
      );
      assert.equal(users.find(({ username }) => username === "next")?.id, 8);
    }
  });

  test("copies the audit trail and its cuts, and the trail continues and verifies", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const source = await createSource(sandbox, { users: 3, sessions: 0, events: 1300 });
    const db = await openDatabase(source, { mayCreate: false, poolSize: 1 });
    await transaction(db, (db) => cutEvents(db, TEST_KEYS.audit, { horizon: Date.now() + 1, now: Date.now() }, 100));
    await db.destroy();
    const { url, named } = await createTarget();
    assert.equal((await copy(sandbox, SOURCE, named)).code, 0);
    const environment = { DATABASE_URL: url };
    assert.equal((await sandbox.run(["deactivate", "user1"], { environment })).code, 0);
    const verified = await sandbox.run(["audit", "--verify"], { environment });
    assert.deepEqual(
      [verified.code, verified.stderr],
      [1, "1,202 events about 4 subjects read. 100 older ones were deleted. The trail is broken in 1 place.\n"],
    );
    assert.match(verified.stdout, /^Event 1 of trail records that events from before \S+ were deleted\./);
    const [last] = (await sandbox.run(["audit", "--json"], { environment })).stdout.trim().split("\n").slice(-1);
    assert.equal(JSON.parse(last ?? "").id, 1302);
  });

  test("copies an empty source, and the target works", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await createSource(sandbox, { users: 0, sessions: 0 });
    const { url, named } = await createTarget();
    assert.equal((await copy(sandbox, SOURCE, named)).code, 0);
    const made = await sandbox.run(["createuser", "first", "--password-stdin"], {
      input: "right horse",
      environment: { DATABASE_URL: url },
    });
    assert.equal(made.code, 0, made.stderr);
  });

  test("continues after each kill, and ends complete", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const source = await createSource(sandbox, { users: 1500, sessions: SESSIONS });
    const { url, named } = await createTarget();
    for (const enough of [1, SESSIONS / 2]) {
      await killCopy(sandbox, { url, named }, enough);
    }
    assert.equal(await countSessions(url), SESSIONS / 2);
    const { code, stdout } = await copy(sandbox, SOURCE, named);
    assert.equal(code, 0);
    assert.match(stdout, /^The target had [\d,]+ rows of an earlier run\.\nCopied [\d,]+ rows in /);
    assert.deepEqual(await readDatabase(url), await readDatabase(source));
  });

  test("draws a progress bar only at a terminal", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await createSource(sandbox, { users: 1, sessions: 2000 });
    const drawn = await runAtTerminal(sandbox.folder, ["copy", "--from", SOURCE, "--to", "sqlite:first.db"], []);
    assert(drawn.stdout.includes(`[${"#".repeat(30)}] 2,001 of 2,001 rows (100 %)`), drawn.stdout);
    const { stderr } = await copy(sandbox, SOURCE, "sqlite:second.db");
    const lines = stderr.trimEnd().split("\n");
    assert.equal(lines[0], "Copying sqlite:postern.db to sqlite:second.db. Stop the servers on both.");
    assert.match(lines[1] ?? "", /^The servers of the target need the same secret key\. Set POSTERN_SECRET_KEY/);
    assert.equal(lines.length, 2);
  });

  test("fails with the counts if the source changed during the copy", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const source = await createSource(sandbox, { users: 2, sessions: SESSIONS });
    const target = await createTarget();
    await killCopy(sandbox, target, 1);
    const db = await openDatabase(source, { mayCreate: false, poolSize: 1 });
    await db.deleteFrom("sessions").execute();
    await db.destroy();
    assertRefused(
      await copy(sandbox, SOURCE, target.named),
      1,
      /^The source has 2 users, 0 sessions and 0 events, the target 2 users, [\d,]+ sessions and 0 events: a program /,
    );
  });
});

describe("copy denies", () => {
  test("a target that is not empty, and does not change it", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await createSource(sandbox, { users: 2, sessions: 2 });
    const { url, named } = await createTarget();
    assert.equal((await copy(sandbox, SOURCE, named)).code, 0);
    const was = await readDatabase(url);
    assertRefused(await copy(sandbox, SOURCE, named), 1, /^The target is not empty: /);
    assert.deepEqual(await readDatabase(url), was);
  });

  test("to continue the unfinished copy of another source", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await createSource(sandbox, { users: 2, sessions: 2 });
    await using other = await createSandbox();
    await createSource(other, { users: 3, sessions: SESSIONS });
    const target = await createTarget();
    await killCopy(other, target, 1);
    assertRefused(
      await copy(sandbox, SOURCE, target.named),
      1,
      /^The target holds an unfinished copy of another database: sqlite:/,
    );
  });

  test("equal source and target, a missing source, and a source that is not migrated", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await createSource(sandbox, { users: 0, sessions: 0 });
    assertRefused(await copy(sandbox, SOURCE, SOURCE), 1, /^The source and the target are the same database\.$/);
    assertRefused(await copy(sandbox, "sqlite:nosuch.db", "sqlite:x.db"), 1, /^There is no database at /);
    const { named } = await createTarget();
    assertRefused(await copy(sandbox, named, "sqlite:x.db"), 1, /is not up to date\. Run migrate on it first\.$/);
    assert(!existsSync(join(sandbox.folder, "x.db")));
  });

  test("a password in an argument, and does not repeat it", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    for (const url of [
      "postgres://me:hush@127.0.0.1/x",
      "postgresql://me:hu/sh@127.0.0.1/x",
      "postgres://127.0.0.1/x?user=me&password=hush",
    ]) {
      for (const args of [
        ["--from", SOURCE, "--to", url],
        ["--from", url],
      ]) {
        const result = await sandbox.run(["copy", ...args]);
        assertRefused(result, 2, /has a password, which every user of this machine can read\. .*PGPASSWORD/);
        assert(!/hush|hu\/sh/.test(result.stderr));
      }
    }
  });

  test("an invalid or missing URL", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    assertRefused(await sandbox.run(["copy"]), 2, /^Give the target with --to, or the source with --from\./);
    assertRefused(await copy(sandbox, SOURCE, "mysql://x/y"), 2, /^--to must be sqlite:PATH or /);
    assertRefused(await copy(sandbox, "sqlite::memory:", SOURCE), 2, /^--from is a database in memory/);
  });

  test("a Postgres server that does not answer, with one sentence and without the password", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await createSource(sandbox, { users: 1, sessions: 1 });
    const environment = { DATABASE_URL: "postgres://me:hush@127.0.0.1:1/x" };
    const result = await sandbox.run(["copy", "--from", SOURCE], { environment });
    assertRefused(result, 1, /ECONNREFUSED/);
    assert(!result.stderr.includes("hush"));
    assert.match(
      result.stderr,
      /^Copying sqlite:postern\.db to postgres:\/\/127\.0\.0\.1:1\/x\. Stop the servers on both\.\n/,
    );
  });
});
