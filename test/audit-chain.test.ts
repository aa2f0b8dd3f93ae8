import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { sql } from "kysely";
import { listEventsOf } from "../db/events.ts";
import type { Db } from "../db/open.ts";
import { userSubject } from "../lib/audit/actor.ts";
import { pruneAuditLog } from "../lib/audit/retention.ts";
import { createClient } from "./support/client.ts";
import { appendTo, assertWhole, createTrail, findAllBroken, isPostgres } from "./support/trail.ts";

const DAY = 86_400;

async function numbersOf(db: Db, subject: string): Promise<number[]> {
  return (await listEventsOf(db, subject, { before: null, limit: 1000 })).map(({ number }) => number);
}

describe("the database denies", () => {
  const STATEMENTS: Record<string, (db: Db, subject: string) => Promise<unknown>> = {
    "to change an event": (db, subject) =>
      db.updateTable("events").set({ address: "198.51.100.1" }).where("subject", "=", subject).execute(),
    "to change an event to the same values": (db, subject) =>
      db.updateTable("events").set({ number: 5 }).where("subject", "=", subject).where("number", "=", 5).execute(),
    "to delete the newest event": (db, subject) =>
      db.deleteFrom("events").where("subject", "=", subject).where("number", "=", 10).execute(),
    "to delete every event": (db) => db.deleteFrom("events").execute(),
    "to forget a chain": (db, subject) => db.deleteFrom("event_chains").where("subject", "=", subject).execute(),
    "to put a chain's end back": (db, subject) =>
      db.updateTable("event_chains").set({ last_number: 9 }).where("subject", "=", subject).execute(),
    "to cut more than there is": (db, subject) =>
      db.updateTable("event_chains").set({ cut_number: 11 }).where("subject", "=", subject).execute(),
    "a second event in another's place": async (db, subject) => {
      const [newest] = await db.selectFrom("events").selectAll().where("subject", "=", subject).limit(1).execute();
      assert(newest);
      const { id: _, ...row } = newest;
      await db.insertInto("events").values(row).execute();
    },
  };
  for (const [what, work] of Object.entries(STATEMENTS)) {
    test(what, async () => {
      const { db, subject } = await createTrail();
      await assert.rejects(work(db, subject), /append only|only grow|unique|UNIQUE/);
      assert.deepEqual(await numbersOf(db, subject), [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
      await assertWhole(db);
    });
  }

  test("truncation and replacement of rows", async () => {
    const { db } = await createTrail();
    const attack = isPostgres(db)
      ? sql`truncate events`
      : sql`insert or replace into events select id, at, kind, subject, actor, 'elsewhere', browser, system,
              request_id, detail, number, previous, hash, lane, lane_number, seen, mac from events`;
    await assert.rejects(attack.execute(db), /append only/);
    await assertWhole(db);
  });
});

describe("the cut", () => {
  test("deletes events older than the setting's days, is recorded, and leaves a trail that verifies and continues", async () => {
    const test = await createTrail({ POSTERN_AUDIT_DAYS: "30" });
    const { services, db, subject, clock } = test;
    clock.advance(29 * DAY);
    await appendTo(test, subject);
    const before = await db.selectFrom("events").selectAll().where("subject", "=", subject).orderBy("id").execute();
    clock.advance(DAY + 1);
    await pruneAuditLog(services);
    assert.deepEqual(await numbersOf(db, subject), [11]);
    const chain = db.selectFrom("event_chains").selectAll().where("subject", "=", subject);
    const { cut_number, cut_hash, cut_at } = await chain.executeTakeFirstOrThrow();
    assert.deepEqual([cut_number, cut_hash, cut_at], [10, before[9]?.hash, clock.now]);
    assert.equal(await pruneAuditLog(services), 0);
    await appendTo(test, subject);
    assert.deepEqual(await numbersOf(db, subject), [12, 11]);
    await assertWhole(db);
  });

  test("of every event about a user leaves the end of the chain, which continues", async () => {
    const test = await createTrail({ POSTERN_AUDIT_DAYS: "1" });
    test.clock.advance(2 * DAY);
    await pruneAuditLog(test.services);
    assert.deepEqual(await numbersOf(test.db, test.subject), []);
    await assertWhole(test.db);
    await appendTo(test, test.subject);
    assert.deepEqual(await numbersOf(test.db, test.subject), [11]);
    await assertWhole(test.db);
  });

  test("deletes hundreds of events in batches, and none with 0 days", async () => {
    const test = await createTrail({ POSTERN_AUDIT_DAYS: "1" });
    for (let count = 0; count < 600; count++) await appendTo(test, `${test.subject}`);
    test.clock.advance(2 * DAY);
    const forEver = { ...test.services, config: { ...test.services.config, auditDays: 0 } };
    assert.equal(await pruneAuditLog(forEver), 0);
    assert((await pruneAuditLog(test.services)) >= 610);
    assert.deepEqual(await numbersOf(test.db, test.subject), []);
  });

  test("is neither stopped nor widened by an event from a wrong clock", async () => {
    const test = await createTrail({ POSTERN_AUDIT_DAYS: "30" });
    const year = 365 * DAY;
    test.clock.advance(10 * year);
    await appendTo(test, test.subject);
    test.clock.advance(-10 * year);
    await appendTo(test, test.subject);
    test.clock.advance(31 * DAY);
    await appendTo(test, test.subject);
    test.clock.advance(-20 * year);
    await appendTo(test, test.subject);
    test.clock.advance(20 * year);
    await pruneAuditLog(test.services);
    assert.deepEqual(await numbersOf(test.db, test.subject), [14, 13]);
  });
});

describe("many events at once", () => {
  test("of one subject keep one unbroken chain", async () => {
    const { app, db, subject } = await createTrail();
    const client = createClient(app);
    await client.login("alice", "right horse");
    const edits = Array.from({ length: 100 }, (_, index) =>
      client.send("PATCH", "/profile/", {
        headers: { "Sec-Fetch-Site": "same-origin" },
        json: { first_name: `Alice ${index}` },
      }),
    );
    for (const { status } of await Promise.all(edits)) assert.equal(status, 200);
    const numbers = await numbersOf(db, subject);
    assert.deepEqual(
      numbers,
      Array.from({ length: 111 }, (_, index) => 111 - index),
    );
    await assertWhole(db);
  });

  test("of two subjects in either order cause no deadlock", async () => {
    const test = await createTrail();
    const bob = userSubject(await test.addUser({ username: "bob", password: "right horse" }));
    const pairs = Array.from({ length: 40 }, (_, index) => (index % 2 ? [test.subject, bob] : [bob, test.subject]));
    await Promise.all(pairs.map((pair) => appendTo(test, ...pair)));
    await assertWhole(test.db);
    assert.equal((await numbersOf(test.db, bob)).length, 41);
  });

  test("and a cut do not look like a broken trail to a verification at the same time", async () => {
    const test = await createTrail({ POSTERN_AUDIT_DAYS: "1" });
    for (let round = 0; round < 5; round++) {
      test.clock.advance(2 * DAY);
      const writes = Array.from({ length: 20 }, () => appendTo(test, test.subject));
      const [broken] = await Promise.all([findAllBroken(test.db), pruneAuditLog(test.services), ...writes]);
      assert.deepEqual(broken, []);
    }
  });
});
