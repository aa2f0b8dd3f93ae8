import assert from "node:assert/strict";
import { PostgresAdapter, sql } from "kysely";
import { type BrokenChain, verifyEvents } from "../../db/event-chains.ts";
import type { BrokenLane } from "../../db/event-lane-walk.ts";
import { appendEvents } from "../../db/events.ts";
import { type Db, transaction } from "../../db/open.ts";
import { userSubject } from "../../lib/audit/actor.ts";
import { TEST_KEYS } from "./secret-key.ts";
import { createTestApp, type TestApp } from "./test-app.ts";

export const isPostgres = (db: Db) => db.getExecutor().adapter instanceof PostgresAdapter;

/** A user with ten events; their subject. */
export async function createTrail(environment: Record<string, string> = {}) {
  const test = await createTestApp(environment);
  const { db } = test.services;
  const user = await test.addUser({ username: "alice", password: "right horse" });
  const subject = userSubject(user);
  for (let number = 2; number <= 10; number++) await appendTo(test, subject);
  return { ...test, db, user, subject };
}

export function appendTo({ services: { db }, clock }: TestApp, ...subjects: string[]): Promise<void> {
  const origin = { actor: "nobody", address: "192.0.2.1", browser: "", system: "", requestId: "r", detail: "" };
  const events = subjects.map((subject) => ({ at: clock.now, kind: "login_failed" as const, subject, ...origin }));
  return transaction(db, (db) => appendEvents(db, TEST_KEYS.audit, events));
}

/** All errors in the trail. */
export async function findAllBroken(db: Db, key = TEST_KEYS.audit): Promise<(BrokenChain | BrokenLane)[]> {
  const broken: (BrokenChain | BrokenLane)[] = [];
  await verifyEvents(db, key, { onProgress: () => {}, onBroken: (one) => broken.push(one) });
  return broken;
}

/** The errors in the chains of subjects. */
export async function findBroken(db: Db): Promise<BrokenChain[]> {
  return (await findAllBroken(db)).filter((one) => "subject" in one);
}

export async function assertWhole(db: Db): Promise<void> {
  assert.deepEqual(await findAllBroken(db), []);
}

/** As the owner of the tables can. */
export async function dropTriggers(db: Db): Promise<void> {
  const triggers = isPostgres(db)
    ? ["events", "event_chains", "event_lanes"].flatMap((table) => [
        `${table}_guard on ${table}`,
        `${table}_truncate on ${table}`,
      ])
    : [
        ...["events_insert", "events_update", "events_delete", "event_chains_update", "event_chains_delete"],
        ...["event_lanes_update", "event_lanes_delete"],
      ];
  for (const trigger of triggers) await sql.raw(`drop trigger if exists ${trigger}`).execute(db);
}
