import assert from "node:assert/strict";
import { readdir, readFile, readlink, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { sql } from "kysely";
import { type Db, openDatabase, transaction } from "../db/open.ts";
import { isOutage } from "../db/outage.ts";
import { createSandbox, FROM_SOURCE, login, profile, ROOT } from "./support/process.ts";
import { onlyOnDeno } from "./support/runtime.ts";

const PROCESSES = { timeout: 60_000 };

const PASSWORD = "right horse";

async function withMemory(work: (db: Db) => Promise<void>): Promise<void> {
  const db = await openDatabase("sqlite::memory:", { mayCreate: true, poolSize: 1 });
  await work(db).finally(() => db.destroy());
}

test("a cached statement returns the new columns after a change of its table", () =>
  withMemory(async (db) => {
    const read = async () => (await sql<object>`select * from t`.execute(db)).rows.map((row) => ({ ...row }));
    await db.schema.createTable("t").addColumn("a", "text").execute();
    await sql`insert into t values ('x')`.execute(db);
    assert.deepEqual(await read(), [{ a: "x" }]);
    await db.schema
      .alterTable("t")
      .addColumn("b", "text", (column) => column.defaultTo("y"))
      .execute();
    assert.deepEqual(await read(), [{ a: "x", b: "y" }]);
    await db.schema.alterTable("t").renameColumn("a", "c").execute();
    assert.deepEqual(await read(), [{ c: "x", b: "y" }]);
  }));

test("a full disk is an outage, also in a transaction, and the next write succeeds if there is room", () =>
  withMemory(async (db) => {
    await db.schema.createTable("t").addColumn("a", "text").execute();
    await sql`pragma max_page_count = 10`.execute(db);
    const fill = async (db: Db) => {
      for (let times = 0; times < 50; times++) await sql`insert into t values (${"x".repeat(4000)})`.execute(db);
    };
    await assert.rejects(transaction(db, fill), isOutage);
    await assert.rejects(fill(db), isOutage);
    await sql`delete from t`.execute(db);
    await transaction(db, (trx) => sql`insert into t values ('y')`.execute(trx));
    assert.equal((await sql`select * from t`.execute(db)).rows.length, 1);
  }));

test("an error in a statement is not an outage", () =>
  withMemory(async (db) => {
    const isMistake = (error: unknown) => error instanceof Error && !isOutage(error);
    await assert.rejects(sql`select nothing`.execute(db), isMistake);
    await db.schema
      .createTable("t")
      .addColumn("a", "text", (column) => column.unique())
      .execute();
    await sql`insert into t values ('x')`.execute(db);
    await assert.rejects(sql`insert into t values ('x')`.execute(db), isMistake);
  }));

test("a symbolic link is resolved: the log is beside the target", PROCESSES, async () => {
  await using sandbox = await createSandbox();
  const link = join(sandbox.folder, "link.db");
  await sandbox.run(["createuser", "alice", "--password-stdin"], { input: PASSWORD });
  await symlink(join(sandbox.folder, "postern.db"), link);
  await writeFile(`${link}-wal`, "another file");
  const server = await sandbox.serve({ environment: { DATABASE_URL: `sqlite:${link}` } });
  const { status, cookie } = await login(server, "alice", PASSWORD);
  assert.equal(status, 202);
  assert.equal((await profile(server, cookie)).status, 200);
  const open = (await readdir(`/proc/${server.pid}/fd`).catch(() => null)) ?? []; // Linux only.
  const files = await Promise.all(open.map((name) => readlink(`/proc/${server.pid}/fd/${name}`).catch(() => "")));
  assert.deepEqual(
    files.filter((file) => file.includes("link.db")),
    [],
  );
  assert.equal((await server.stop()).code, 0);
  assert.equal(await readFile(`${link}-wal`, "utf8"), "another file");
});

test("a server that stops leaves no log beside the database", PROCESSES, async () => {
  await using sandbox = await createSandbox();
  await sandbox.run(["createsuperuser", "alice", "--password-stdin"], { input: PASSWORD });
  const server = await sandbox.serve();
  const { cookie } = await login(server, "alice", PASSWORD);
  assert.equal((await profile(server, cookie)).status, 200);
  assert.equal((await server.stop()).code, 0);
  assert.deepEqual((await readdir(sandbox.folder)).sort(), ["postern.db", "postern.key"]);
});

describe("a database file", onlyOnDeno("Bun and Deno on one file need both"), () => {
  const onBun = [join(ROOT, "node_modules/.bin/bun"), "run", join(ROOT, "server.ts")];
  for (const [what, maker, reader] of [
    ["made by Bun is read by Deno", onBun, FROM_SOURCE],
    ["made by Deno is read by Bun", FROM_SOURCE, onBun],
  ] as const) {
    test(`${what}, with its users and sessions`, PROCESSES, async () => {
      await using sandbox = await createSandbox(maker);
      await using other = await createSandbox(reader);
      const environment = { DATABASE_URL: `sqlite:${join(sandbox.folder, "postern.db")}` };
      await sandbox.run(["createsuperuser", "alice", "--password-stdin"], { input: PASSWORD });
      const first = await sandbox.serve();
      const before = await login(first, "alice", PASSWORD);
      // Both at the same time, then the other alone.
      const second = await other.serve({ environment });
      const after = await login(second, "alice", PASSWORD);
      for (const { status, cookie } of [before, after]) {
        assert.equal(status, 202);
        for (const server of [first, second]) assert.equal((await profile(server, cookie)).status, 200);
      }
      assert.equal((await first.stop()).code, 0);
      assert.equal((await profile(second, before.cookie)).status, 200);
      assert.equal((await second.stop()).code, 0);
      assert.deepEqual((await readdir(sandbox.folder)).sort(), ["postern.db", "postern.key"]);
      const [users, usersThere] = [await sandbox.run(["users"]), await other.run(["users"], { environment })];
      assert.deepEqual(users, usersThere);
      assert.match(users.stdout, /alice/);
    });
  }
});
