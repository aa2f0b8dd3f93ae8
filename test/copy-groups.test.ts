import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { insertGroup } from "../db/groups.ts";
import { openDatabase } from "../db/open.ts";
import { fillDatabase, readDatabase } from "./support/content.ts";
import { usePostgres } from "./support/postgres.ts";
import { createSandbox, type Sandbox } from "./support/process.ts";

const PROCESSES = { timeout: 60_000 };

const postgres = usePostgres(PROCESSES);

/** The driver reads this variable. A URL in an argument must have no password. */
const PASSWORD = { environment: { PGPASSWORD: "postgres" } };

const copy = (sandbox: Sandbox, from: string, to: string) =>
  sandbox.run(["copy", "--from", from, "--to", to], PASSWORD);

describe("copy", () => {
  test("copies groups and their members with their ids from SQLite to Postgres and back", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await sandbox.run(["migrate"]);
    const source = `sqlite:${join(sandbox.folder, "postern.db")}`;
    await fillDatabase(source, { users: 60, groups: 70, sessions: 1 });
    await sandbox.withDatabase((db) => db.deleteFrom("groups").where("id", "=", 70).execute());
    const url = await postgres.createDatabase("groups");
    const named = url.replace(":postgres@", "@");
    const there = await copy(sandbox, "sqlite:postern.db", named);
    assert.match(there.stdout, /Both sides have 60 users, 69 groups with 2,370 members, 1 session and 0 events\.\n$/);
    assert.deepEqual(await readDatabase(url), await readDatabase(source));
    assert.equal((await copy(sandbox, named, "sqlite:back.db")).code, 0);
    const back = `sqlite:${join(sandbox.folder, "back.db")}`;
    assert.deepEqual(await readDatabase(back), await readDatabase(source));
    for (const target of [url, back]) {
      const db = await openDatabase(target, { mayCreate: false, poolSize: 1 });
      assert.equal((await insertGroup(db, { name: "next", createdAt: 1 }))?.id, 71, "an id is used once");
      await db.destroy();
    }
  });

  test("denies a target that has a group, and a copy that an older version began", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await sandbox.run(["migrate"]);
    await sandbox.run(["migrate"], { environment: { DATABASE_URL: "sqlite:target.db" } });
    const db = await openDatabase(`sqlite:${join(sandbox.folder, "target.db")}`, { mayCreate: false, poolSize: 1 });
    await insertGroup(db, { name: "editors", createdAt: 1 });
    const full = await copy(sandbox, "sqlite:postern.db", "sqlite:target.db");
    assert.deepEqual([full.code, full.stdout], [1, ""]);
    assert.match(full.stderr, /\nThe target is not empty: it holds users, groups, sessions or events, and /);
    await db.schema
      .createTable("postern_copy")
      .addColumn("source", "text")
      .addColumn("last_user_id", "bigint")
      .execute();
    await db
      .withTables<{ postern_copy: { source: string } }>()
      .insertInto("postern_copy")
      .values({ source: "any" })
      .execute();
    await db.destroy();
    const old = await copy(sandbox, "sqlite:postern.db", "sqlite:target.db");
    assert.deepEqual([old.code, old.stdout], [1, ""]);
    assert.match(
      old.stderr,
      /\nThe target holds an unfinished copy by an older version\. Empty it and copy again\.\n$/,
    );
  });
});
