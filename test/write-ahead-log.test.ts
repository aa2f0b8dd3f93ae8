import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CompiledQuery, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler, sql } from "kysely";
import { ping } from "../db/open.ts";
import type { Schema } from "../db/schema.ts";
import { shareFlushes } from "../db/write-ahead-log.ts";
import { waitForWriteLock } from "../db/write-lock.ts";
import { createClient } from "./support/client.ts";
import { createTestApp } from "./support/test-app.ts";

/** Flushes that end when the test ends them. */
function createDisk() {
  const flushes: PromiseWithResolvers<void>[] = [];
  const flush = () => {
    const one = Promise.withResolvers<void>();
    flushes.push(one);
    return one.promise;
  };
  return { flushes, flushed: shareFlushes(flush) };
}

/** Waits for every pending microtask. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 5));

describe("a commit", () => {
  test("shares a flush with all commits before it, and the next flush with all commits during it", async () => {
    const { flushes, flushed } = createDisk();
    const done: string[] = [];
    const commit = (name: string) => flushed().then(() => done.push(name));
    const all = [commit("a"), commit("b")];
    await settle();
    all.push(commit("c"), commit("d"));
    await settle();
    assert.equal(flushes.length, 1);
    assert.deepEqual(done, []);
    flushes[0]?.resolve();
    await settle();
    assert.deepEqual(done, ["a", "b"]);
    assert.equal(flushes.length, 2);
    flushes[1]?.resolve();
    await Promise.all(all);
    assert.deepEqual(done, ["a", "b", "c", "d"]);
    assert.equal(flushes.length, 2);
  });

  test("fails if the flush fails, and so does every later commit, even if later flushes succeed", async () => {
    const { flushes, flushed } = createDisk();
    const first = flushed();
    await settle();
    const second = flushed();
    flushes[0]?.reject(new Error("EIO"));
    for (const flush of [first, second, flushed()]) await assert.rejects(flush, /EIO/);
    await settle();
    await assert.rejects(flushed(), /EIO/);
    assert.equal(flushes.length, 1);
  });
});

/** A database that records its statements, on a disk that the test flushes. */
function setUp() {
  const disk = createDisk();
  const executed: string[] = [];
  const connection = {
    executeQuery: async (query: CompiledQuery) => {
      executed.push(query.sql);
      return { rows: [] };
    },
    streamQuery: () => assert.fail("no statement is streamed"),
  };
  const run = (text: string) => connection.executeQuery(CompiledQuery.raw(text)).then(() => {});
  const driver = {
    init: async () => {},
    acquireConnection: async () => connection,
    releaseConnection: async () => {},
    beginTransaction: () => run("begin"),
    commitTransaction: () => run("commit"),
    rollbackTransaction: () => run("rollback"),
    destroy: async () => {},
  };
  const dialect = {
    createDriver: () => driver,
    createAdapter: () => new SqliteAdapter(),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createIntrospector: (db: Kysely<unknown>) => new SqliteIntrospector(db),
  };
  const watch = { committed: disk.flushed, closing: () => {} };
  return { db: new Kysely<Schema>({ dialect: waitForWriteLock(dialect, watch) }), executed, ...disk };
}

describe("a write", () => {
  test("is confirmed after the flush, and other reads and writes continue until then", async () => {
    const { db, executed, flushes } = setUp();
    const done: string[] = [];
    const note = (name: string) => () => done.push(name);
    const writes = [
      db
        .transaction()
        .execute((trx) => trx.deleteFrom("sessions").execute().then(note("inside")))
        .then(note("whole")),
      db.deleteFrom("users").execute().then(note("statement")),
    ];
    await settle();
    await db.selectFrom("users").select("id").execute().then(note("read"));
    assert.deepEqual(done, ["inside", "read"]);
    assert.equal(executed.filter((text) => /^(begin|commit|delete)/.test(text)).length, 4);
    for (const { resolve } of flushes) resolve();
    await settle();
    for (const { resolve } of flushes) resolve();
    await Promise.all(writes);
    assert.deepEqual(done.toSorted(), ["inside", "read", "statement", "whole"]);
  });

  test("fails if the flush fails, and rolls back no other transaction", async () => {
    const { db, executed, flushes } = setUp();
    const failing = db.transaction().execute((trx) => trx.deleteFrom("sessions").execute());
    await settle();
    flushes[0]?.reject(new Error("EIO"));
    await assert.rejects(failing, /EIO/);
    await assert.rejects(ping(db), /EIO/, "/readyz uses it");
    assert.deepEqual(
      executed.filter((text) => /^(begin|commit|rollback)/.test(text)),
      ["begin", "commit"],
    );
  });

  test("that is rolled back does not wait for a flush", async () => {
    const { db, flushes } = setUp();
    const failing = db.transaction().execute(async (trx) => {
      await trx.deleteFrom("sessions").execute();
      throw new Error("changed my mind");
    });
    await assert.rejects(failing, /changed my mind/);
    assert.equal(flushes.length, 0);
    const raw = sql`vacuum`.execute(db);
    await settle();
    assert.equal(flushes.length, 1, "a raw statement may have written");
    flushes[0]?.resolve();
    await raw;
  });
});

describe("a logout from a session that another request has just ended", () => {
  const logOut = async () => {
    const { db, flushes } = setUp();
    const { app } = await createTestApp({}, { db, close: () => db.destroy() });
    const answer = createClient(app).post("/logout/", {}, { Cookie: `sessionid=${"a".repeat(32)}` });
    await settle();
    return { answer, flushes };
  };

  test("is confirmed after the flush", async () => {
    const { answer, flushes } = await logOut();
    const first = await Promise.race([answer, settle()]);
    assert.equal(first, undefined, "nothing is flushed yet");
    flushes[0]?.resolve();
    assert.equal((await answer).status, 204);
  });

  test("is not confirmed if the flush fails", async () => {
    const { answer, flushes } = await logOut();
    flushes[0]?.reject(Object.assign(new Error("EIO"), { code: "EIO" }));
    assert.equal((await answer).status, 503);
  });
});
