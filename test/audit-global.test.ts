import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { sql } from "kysely";
import { emptyLane } from "../db/event-lanes.ts";
import { sealTrail } from "../db/event-seal.ts";
import { appendEvents, hashEvent } from "../db/events.ts";
import { type Db, transaction } from "../db/open.ts";
import { userSubject } from "../lib/audit/actor.ts";
import { findYoungCuts, pruneAuditLog } from "../lib/audit/retention.ts";
import { deriveKeys, generateSecretKey, parseSecretKeys } from "../lib/crypto/keys.ts";
import { createClient } from "./support/client.ts";
import { TEST_KEYS, TEST_SECRET_KEY } from "./support/secret-key.ts";
import { appendTo, assertWhole, createTrail, dropTriggers, findAllBroken, isPostgres } from "./support/trail.ts";

type Attack = (db: Db, subject: string) => Promise<unknown>;

const CUT_TO_THE_END: Attack = async (db, subject) => {
  await db
    .updateTable("event_chains")
    .set((row) => ({ cut_number: row.ref("last_number"), cut_hash: row.ref("last_hash"), cut_at: 1 }))
    .where("subject", "=", subject)
    .execute();
  await db.deleteFrom("events").where("subject", "=", subject).execute();
};

const keepEvents = (db: Db, subject: string, count: number) =>
  db.deleteFrom("events").where("subject", "=", subject).where("number", ">", count).execute();

async function setHeadBack(db: Db, subject: string): Promise<void> {
  await keepEvents(db, subject, 5);
  const fifth = db.selectFrom("events").select("hash").where("subject", "=", subject).where("number", "=", 5);
  const { hash } = await fifth.executeTakeFirstOrThrow();
  await db
    .updateTable("event_chains")
    .set({ last_number: 5, last_hash: hash })
    .where("subject", "=", subject)
    .execute();
}

/** With correct hashes, which anyone can compute. */
async function moveTo(db: Db, from: string, to: string): Promise<void> {
  const last = db.selectFrom("events").selectAll().where("subject", "=", from).orderBy("number", "desc").limit(1);
  const { request_id: requestId, ...row } = await last.executeTakeFirstOrThrow();
  const head = db.selectFrom("event_chains").selectAll().where("subject", "=", to);
  const { last_number, last_hash: previous } = await head.executeTakeFirstOrThrow();
  const number = last_number + 1;
  const hash = hashEvent({ ...row, requestId, subject: to, number, previous });
  await db.updateTable("events").set({ subject: to, number, previous, hash }).where("id", "=", row.id).execute();
  await db
    .updateTable("event_chains")
    .set({ last_number: number, last_hash: hash })
    .where("subject", "=", to)
    .execute();
  const before = { last_number: row.number - 1, last_hash: row.previous };
  await db.updateTable("event_chains").set(before).where("subject", "=", from).execute();
}

async function insertWithHash(db: Db, subject: string): Promise<void> {
  const last = db.selectFrom("events").selectAll().where("subject", "=", subject).orderBy("number", "desc").limit(1);
  const { id: _, request_id, lane: __, lane_number: ___, ...row } = await last.executeTakeFirstOrThrow();
  const next = { ...row, number: row.number + 1, previous: row.hash };
  const hash = hashEvent({ ...next, requestId: request_id });
  await db
    .insertInto("events")
    .values({ ...next, request_id, hash })
    .execute();
  const end = { last_number: next.number, last_hash: hash };
  await db.updateTable("event_chains").set(end).where("subject", "=", subject).execute();
}

const emptyTables = async (db: Db, ...tables: ("events" | "event_chains" | "event_lanes")[]) => {
  for (const table of tables) await db.deleteFrom(table).execute();
};

/** Restores the state after the migration. */
async function unseal(db: Db): Promise<void> {
  await emptyTables(db, "event_lanes");
  await db
    .insertInto("event_lanes")
    .values({ ...emptyLane(0, "unsealed", 0), mac: "" })
    .execute();
}

const ATTACKS: Record<string, Attack> = {
  "fresh events of a user were cut": CUT_TO_THE_END,
  "all fresh events were cut": async (db) => {
    await sql`update event_chains set cut_number = last_number, cut_hash = last_hash, cut_at = 1`.execute(db);
    await sql`delete from events`.execute(db);
  },
  "all events were cut, in the lanes too": async (db) => {
    await sql`update event_chains set cut_number = last_number, cut_hash = last_hash, cut_at = 1`.execute(db);
    await sql`update event_lanes set cut_number = last_number, cut_digest = last_digest, cut_at = 1`.execute(db);
    await sql`delete from events`.execute(db);
  },
  "the whole chain of a user was deleted": async (db, subject) => {
    await db.deleteFrom("events").where("subject", "=", subject).execute();
    await db.deleteFrom("event_chains").where("subject", "=", subject).execute();
  },
  "the head of a user was set back": setHeadBack,
  "the last event was moved to another user": (db, subject) => moveTo(db, subject, "user:0"),
  "an event was appended with its hash": insertWithHash,
  "the ids of two events were exchanged": async (db, subject) => {
    const rows = await db.selectFrom("events").select("id").where("subject", "=", subject).limit(2).execute();
    const [one = 0, other = 0] = rows.map(({ id }) => id);
    for (const [from, to] of [
      [one, -1],
      [other, one],
      [-1, other],
    ] as const) {
      await db.updateTable("events").set({ id: to }).where("id", "=", from).execute();
    }
  },
  "the head of the lane was set back": async (db, subject) => {
    await setHeadBack(db, subject);
    const kept = db
      .selectFrom("events")
      .select(({ fn }) => fn.max("lane_number").as("last"))
      .where("lane", "=", 0);
    const { last } = await kept.executeTakeFirstOrThrow();
    await db
      .updateTable("event_lanes")
      .set({ last_number: last ?? 0 })
      .where("lane", "=", 0)
      .execute();
  },
  "a lane's head was deleted": (db) => db.deleteFrom("event_lanes").where("lane", "=", 0).execute(),
  "an empty lane's head was deleted": (db) => db.deleteFrom("event_lanes").where("lane", "=", 7).execute(),
  "the heads of the lanes were deleted": (db) => emptyTables(db, "event_lanes"),
  "events and heads were deleted": (db) => emptyTables(db, "events", "event_chains", "event_lanes"),
  "the seal was taken away": unseal,
  "the seal was taken away, and every MAC": async (db) => {
    await unseal(db);
    await db.updateTable("events").set({ mac: "", seen: "" }).execute();
  },
};

describe("verification finds a change without the key, before and after further events:", () => {
  for (const [what, attack] of Object.entries(ATTACKS)) {
    test(what, async () => {
      const test = await createTrail();
      const { db, services, clock, app } = test;
      await appendTo(test, "user:0");
      await assertWhole(db);
      await dropTriggers(db);
      await attack(db, test.subject);
      assert.notDeepEqual(await findAllBroken(db), []);
      await sealTrail(db, services.keys.audit, clock.now);
      const { status } = await createClient(app).login("alice", "right horse");
      assert([202, 500].includes(status)); // A unique number may be taken.
      for (const subject of [userSubject({ id: 77 }), "user:0"]) await appendTo(test, subject);
      assert.notDeepEqual(await findAllBroken(db), []);
    });
  }

  test("a restored older state of some users", async () => {
    const test = await createTrail();
    const { db, subject } = test;
    const readHeads = async () => ({
      chain: await db.selectFrom("event_chains").selectAll().where("subject", "=", subject).executeTakeFirstOrThrow(),
      lane: await db.selectFrom("event_lanes").selectAll().where("lane", "=", 0).executeTakeFirstOrThrow(),
    });
    const { chain, lane } = await readHeads();
    await appendTo(test, subject);
    await appendTo(test, "user:0");
    await dropTriggers(db);
    await keepEvents(db, subject, 10);
    await db.updateTable("event_chains").set(chain).where("subject", "=", subject).execute();
    assert.deepEqual(
      (await findAllBroken(db)).map(({ mistake }) => mistake),
      ["missing"],
    );
    await db.updateTable("event_lanes").set(lane).where("lane", "=", 0).execute();
    assert.notDeepEqual(await findAllBroken(db), []);
  });
});

describe("on Postgres, concurrent transactions", () => {
  test("take different lanes, and no lane can be set back alone", async () => {
    const test = await createTrail();
    const { db } = test;
    if (!isPostgres(db)) return;
    const event = { actor: "nobody", address: "", browser: "", system: "", requestId: "", detail: "" };
    const append = (subject: string, meanwhile: () => Promise<unknown>) =>
      transaction(db, async (db) => {
        await appendEvents(db, TEST_KEYS.audit, [{ ...event, at: 1, kind: "login", subject }]);
        await meanwhile();
      });
    const before = await db.selectFrom("event_lanes").selectAll().where("lane", "=", 1).executeTakeFirstOrThrow();
    await append("user:1001", () => append("user:1002", async () => {}));
    await appendTo(test, test.subject);
    await assertWhole(db);
    await dropTriggers(db);
    for (const table of ["events", "event_chains"] as const) {
      await db.deleteFrom(table).where("subject", "=", "user:1002").execute();
    }
    await db.updateTable("event_lanes").set(before).where("lane", "=", 1).execute();
    assert.deepEqual(await findAllBroken(db), [{ lane: 1, from: 1, to: 1, mistake: "behind" }]);
  });
});

describe("a cut", () => {
  test("of events that the setting keeps is a finding until they are old enough", async () => {
    const test = await createTrail();
    const { services, clock } = test;
    const within = (auditDays: number) => ({ ...services, config: { ...services.config, auditDays } });
    clock.advance(10 * 86_400);
    await pruneAuditLog(within(5));
    await assertWhole(test.db);
    assert.deepEqual(await findYoungCuts(within(5)), []);
    for (const days of [6, 0]) {
      const [cut, ...more] = await findYoungCuts(within(days));
      assert.deepEqual([cut?.subject, cut?.number, cut?.mistake, more], ["trail", 1, "young_cut", []]);
    }
    clock.advance(86_400);
    assert.deepEqual(await findYoungCuts(within(6)), []);
    assert.equal((await findYoungCuts(within(0))).length, 1);
  });
});

describe("a trail", () => {
  test("verifies after a key rotation, but not without the old key", async () => {
    const test = await createTrail();
    const { db, subject } = test;
    const fresh = generateSecretKey();
    const keysOf = (text: string) => deriveKeys(parseSecretKeys(text) ?? []).audit;
    const rotated = keysOf(`${fresh},${TEST_SECRET_KEY}`);
    const origin = { actor: "nobody", address: "", browser: "", system: "", requestId: "", detail: "" };
    await transaction(db, (db) => appendEvents(db, rotated, [{ ...origin, at: 1, kind: "login", subject }]));
    assert.deepEqual(await findAllBroken(db, rotated), []);
    const broken = await findAllBroken(db, keysOf(fresh));
    assert(broken.every(({ mistake }) => mistake === "unknown_key"));
    assert(broken.some((one) => "subject" in one && one.subject === subject));
  });

  test("from before the MACs is sealed once, and an event records it", async () => {
    const test = await createTrail();
    const { db, subject, clock } = test;
    await dropTriggers(db);
    await unseal(db);
    await db.updateTable("events").set({ mac: "", seen: "", lane: null, lane_number: null }).execute();
    await db.updateTable("event_chains").set({ mac: "" }).execute();
    assert.notDeepEqual(await findAllBroken(db), []);
    for (let times = 0; times < 2; times++) await sealTrail(db, TEST_KEYS.audit, clock.now);
    await appendTo(test, subject);
    await assertWhole(db);
    const rows = await db.selectFrom("events").selectAll().where("subject", "=", "trail").execute();
    assert.deepEqual(
      rows.map(({ kind, detail }) => [kind, detail]),
      [["trail_sealed", "10 events without MACs"]],
    );
  });
});
