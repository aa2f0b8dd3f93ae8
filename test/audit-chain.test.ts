import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PostgresAdapter, sql } from "kysely";
import { type BrokenChain, verifyEvents } from "../db/event-chains.ts";
import { appendEvents, hashEvent, listEventsOf } from "../db/events.ts";
import { type Db, transaction } from "../db/open.ts";
import { cutTrail, userSubject } from "../lib/audit.ts";
import { createClient } from "./support/client.ts";
import { createTestApp, type TestApp } from "./support/test-app.ts";

const DAY = 86_400;

const isPostgres = (db: Db) => db.getExecutor().adapter instanceof PostgresAdapter;

/** A user with ten events; their subject. */
async function setUp(environment: Record<string, string> = {}) {
  const test = await createTestApp(environment);
  const { db } = test.services;
  const user = await test.addUser({ username: "alice", password: "right horse" });
  const subject = userSubject(user);
  for (let number = 2; number <= 10; number++) await append(test, subject);
  return { ...test, db, user, subject };
}

function append({ services: { db }, clock }: TestApp, ...subjects: string[]): Promise<void> {
  const origin = { actor: "nobody", address: "192.0.2.1", browser: "", system: "", requestId: "r", detail: "" };
  const events = subjects.map((subject) => ({ at: clock.now, kind: "login_failed" as const, subject, ...origin }));
  return transaction(db, (db) => appendEvents(db, events));
}

/** What is wrong with some subjects: on Postgres, the trails of other tests are in the same table. */
async function findBroken(db: Db, ...subjects: string[]): Promise<BrokenChain[]> {
  const broken: BrokenChain[] = [];
  await verifyEvents(db, { onProgress: () => {}, onBroken: (chain) => broken.push(chain) });
  return broken.filter(({ subject }) => subjects.includes(subject));
}

async function numbersOf(db: Db, subject: string): Promise<number[]> {
  return (await listEventsOf(db, subject, { before: null, limit: 1000 })).map(({ number }) => number);
}

describe("the database refuses", () => {
  const STATEMENTS: Record<string, (db: Db, subject: string) => Promise<unknown>> = {
    "to change an event": (db, subject) =>
      db.updateTable("events").set({ address: "198.51.100.1" }).where("subject", "=", subject).execute(),
    "to change an event into what it is": (db, subject) =>
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
      const { db, subject } = await setUp();
      await assert.rejects(work(db, subject), /append only|only grow|unique|UNIQUE/);
      assert.deepEqual(await numbersOf(db, subject), [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
      assert.deepEqual(await findBroken(db, subject), []);
    });
  }

  test("to empty the table, or to replace rows of it", async () => {
    const { db, subject } = await setUp();
    const attack = isPostgres(db)
      ? sql`truncate events`
      : sql`insert or replace into events select id, at, kind, subject, actor, 'elsewhere', browser, system,
              request_id, detail, number, previous, hash from events`;
    await assert.rejects(attack.execute(db), /append only/);
    assert.deepEqual(await findBroken(db, subject), []);
  });
});

describe("the cut", () => {
  test("takes what is older than the setting's days, is noted, and leaves a trail that verifies and goes on", async () => {
    const test = await setUp({ POSTERN_AUDIT_DAYS: "30" });
    const { services, db, subject, clock } = test;
    clock.advance(29 * DAY);
    await append(test, subject);
    const before = await db.selectFrom("events").selectAll().where("subject", "=", subject).orderBy("id").execute();
    clock.advance(DAY + 1);
    await cutTrail(services);
    assert.deepEqual(await numbersOf(db, subject), [11]);
    const chain = db.selectFrom("event_chains").selectAll().where("subject", "=", subject);
    const { cut_number, cut_hash, cut_at } = await chain.executeTakeFirstOrThrow();
    assert.deepEqual([cut_number, cut_hash, cut_at], [10, before[9]?.hash, clock.now]);
    assert.equal(await cutTrail(services), 0);
    await append(test, subject);
    assert.deepEqual(await numbersOf(db, subject), [12, 11]);
    assert.deepEqual(await findBroken(db, subject), []);
  });

  test("of everything about a user leaves the end of the chain, where it goes on", async () => {
    const test = await setUp({ POSTERN_AUDIT_DAYS: "1" });
    test.clock.advance(2 * DAY);
    await cutTrail(test.services);
    assert.deepEqual(await numbersOf(test.db, test.subject), []);
    assert.deepEqual(await findBroken(test.db, test.subject), []);
    await append(test, test.subject);
    assert.deepEqual(await numbersOf(test.db, test.subject), [11]);
    assert.deepEqual(await findBroken(test.db, test.subject), []);
  });

  test("takes hundreds, one batch after the other, and none with 0", async () => {
    const test = await setUp({ POSTERN_AUDIT_DAYS: "1" });
    for (let count = 0; count < 600; count++) await append(test, `${test.subject}`);
    test.clock.advance(2 * DAY);
    const forEver = { ...test.services, config: { ...test.services.config, auditDays: 0 } };
    assert.equal(await cutTrail(forEver), 0);
    assert((await cutTrail(test.services)) >= 610);
    assert.deepEqual(await numbersOf(test.db, test.subject), []);
  });

  test("is not held up for ever by an event of a clock that was wrong, nor widened by one", async () => {
    const test = await setUp({ POSTERN_AUDIT_DAYS: "30" });
    const year = 365 * DAY;
    test.clock.advance(10 * year);
    await append(test, test.subject);
    test.clock.advance(-10 * year);
    await append(test, test.subject);
    test.clock.advance(31 * DAY);
    await append(test, test.subject);
    test.clock.advance(-20 * year);
    await append(test, test.subject);
    test.clock.advance(20 * year);
    await cutTrail(test.services);
    assert.deepEqual(await numbersOf(test.db, test.subject), [14, 13]);
  });
});

describe("many at once", () => {
  test("keep one unbroken chain of one subject", async () => {
    const { app, db, subject } = await setUp();
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
    assert.deepEqual(await findBroken(db, subject), []);
  });

  test("of two subjects in either order do not wait for each other for ever", async () => {
    const test = await setUp();
    const bob = userSubject(await test.addUser({ username: "bob", password: "right horse" }));
    const pairs = Array.from({ length: 40 }, (_, index) => (index % 2 ? [test.subject, bob] : [bob, test.subject]));
    await Promise.all(pairs.map((pair) => append(test, ...pair)));
    assert.deepEqual(await findBroken(test.db, test.subject, bob), []);
    assert.equal((await numbersOf(test.db, bob)).length, 41);
  });

  test("and a cut do not look like a broken trail to who verifies meanwhile", async () => {
    const test = await setUp({ POSTERN_AUDIT_DAYS: "1" });
    for (let round = 0; round < 5; round++) {
      test.clock.advance(2 * DAY);
      const writes = Array.from({ length: 20 }, () => append(test, test.subject));
      const [broken] = await Promise.all([findBroken(test.db, test.subject), cutTrail(test.services), ...writes]);
      assert.deepEqual(broken, []);
    }
  });
});

// Last: what is done here leaves the database without its triggers.
describe("verification, where somebody got by the triggers, names", () => {
  async function dropTriggers(db: Db): Promise<void> {
    const triggers = isPostgres(db)
      ? ["events_guard on events", "events_truncate on events", "event_chains_guard on event_chains"]
      : ["events_insert", "events_update", "events_delete", "event_chains_update", "event_chains_delete"];
    for (const trigger of triggers) await sql.raw(`drop trigger if exists ${trigger}`).execute(db);
  }

  type Attack = (db: Db, subject: string) => Promise<unknown>;

  const rowOf = (db: Db, subject: string, number: number) =>
    db
      .selectFrom("events")
      .selectAll()
      .where("subject", "=", subject)
      .where("number", "=", number)
      .executeTakeFirstOrThrow();
  const change = (db: Db, subject: string, number: number, values: Record<string, string | number>) =>
    db.updateTable("events").set(values).where("subject", "=", subject).where("number", "=", number).execute();
  const drop = (db: Db, subject: string, number: number) =>
    db.deleteFrom("events").where("subject", "=", subject).where("number", "=", number).execute();
  const forge = async (db: Db, subject: string, number: number) => {
    const { request_id: requestId, ...row } = await rowOf(db, subject, number);
    const hash = hashEvent({ ...row, requestId, address: "198.51.100.1" });
    await change(db, subject, number, { address: "198.51.100.1", hash });
  };

  const ATTACKS: Record<string, [Attack, number, BrokenChain["mistake"]]> = {
    ...Object.fromEntries(
      ["kind", "actor", "address", "browser", "system", "request_id", "detail", "previous", "hash"].map(
        (column): [string, [Attack, number, "changed"]] => [
          `an event whose ${column} was changed`,
          [(db, subject) => change(db, subject, 5, { [column]: "x" }), 5, "changed"],
        ],
      ),
    ),
    "an event whose time was changed": [(db, subject) => change(db, subject, 5, { at: 1 }), 5, "changed"],
    "an event that was changed with its hash": [(db, subject) => forge(db, subject, 5), 5, "changed"],
    "the last event, changed with its hash": [(db, subject) => forge(db, subject, 10), 10, "changed"],
    "the first event that was removed": [(db, subject) => drop(db, subject, 1), 1, "removed"],
    "an event that was removed": [(db, subject) => drop(db, subject, 5), 5, "removed"],
    "the last event that was removed": [(db, subject) => drop(db, subject, 10), 10, "removed"],
    "the first of all events of a user": [
      (db, subject) => db.deleteFrom("events").where("subject", "=", subject).execute(),
      1,
      "removed",
    ],
    "an event that was removed, and the gap closed": [
      async (db, subject) => {
        await drop(db, subject, 5);
        for (let number = 6; number <= 10; number++) await change(db, subject, number, { number: number - 1 });
      },
      5,
      "changed",
    ],
    "an event that was put in front": [
      async (db, subject) => {
        const { id: _, ...row } = await rowOf(db, subject, 5);
        await db
          .insertInto("events")
          .values({ ...row, number: 0 })
          .execute();
      },
      0,
      "inserted",
    ],
    "an event that was put behind the last": [
      async (db, subject) => {
        const { id: _, request_id: requestId, ...row } = await rowOf(db, subject, 10);
        const forged = { ...row, requestId, number: 11, previous: row.hash };
        const { requestId: request_id, ...values } = { ...forged, hash: hashEvent(forged) };
        await db
          .insertInto("events")
          .values({ ...values, request_id })
          .execute();
      },
      11,
      "inserted",
    ],
    "an event that was put in between, the others moved": [
      async (db, subject) => {
        const { id: _, ...row } = await rowOf(db, subject, 5);
        for (let number = 10; number > 5; number--) await change(db, subject, number, { number: number + 1 });
        await db
          .insertInto("events")
          .values({ ...row, number: 6 })
          .execute();
      },
      6,
      "changed",
    ],
    "events whose chain was forgotten": [
      (db, subject) => db.deleteFrom("event_chains").where("subject", "=", subject).execute(),
      1,
      "inserted",
    ],
  };
  for (const [what, [attack, number, mistake]] of Object.entries(ATTACKS)) {
    test(what, async () => {
      const test = await setUp();
      const bob = userSubject(await test.addUser({ username: "bob", password: "right horse" }));
      await dropTriggers(test.db);
      await attack(test.db, test.subject);
      const broken = await findBroken(test.db, test.subject, bob);
      assert.deepEqual(broken, [{ subject: test.subject, number, mistake }]);
    });
  }
});
