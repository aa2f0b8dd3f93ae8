import { sql } from "kysely";
import { isPostgres } from "./columns.ts";
import { addToDigest, isLaneSigned, type Lane, signEvent, signLane, type TrailKey } from "./event-macs.ts";
import type { Db, TransactionDb } from "./open.ts";
import { prepare } from "./prepared.ts";
import type { Instant } from "./schema.ts";

// Each event is in the chain of its subject and in a lane. The numbers in a lane have no gap, and its head has a MAC. So
// a missing event is found even if its whole chain was removed. With a single lane, each login would wait for the commit
// of the login before. Therefore a transaction takes the first free lane: on SQLite, and under low load, lane 0. Each
// event records the last number of the other lanes, so no lane can be set back alone.

/** The number of transactions that can append at the same time on Postgres. */
const LANES = 16;

/** A lane that is locked until the transaction ends. */
export interface TakenLane {
  lane: Lane;
  /** The last numbers of other lanes: `2:17,5:3`. */
  seen: string;
}

/**
 * Takes the first free lane whose head has a valid MAC. To avoid deadlocks, lock the chains first.
 *
 * A head with an invalid MAC is never signed again, so that `audit --verify` still finds it. If no head is valid, a new
 * lane is opened, which `audit --verify` reports too.
 */
export async function takeLane(db: TransactionDb, key: TrailKey, now: Instant): Promise<TakenLane> {
  for (let after = -1; ; ) {
    const [row] = (await db.executeQuery(nextFreeLane(db, { after }))).rows;
    if (row === undefined) break;
    if (isLaneSigned(key, row)) return takenLane(row);
    after = row.lane;
  }
  const lanes = await db.selectFrom("event_lanes").selectAll().execute();
  const sound = lanes.filter((lane) => isLaneSigned(key, lane));
  const [byte = 0] = crypto.getRandomValues(new Uint8Array(1));
  const busy = sound[byte % Math.max(sound.length, 1)];
  if (busy !== undefined) {
    const [row] = (await db.executeQuery(waitForLane(db, { lane: busy.lane }))).rows;
    if (row !== undefined && isLaneSigned(key, row)) return takenLane(row);
  }
  return { lane: await openLane(db, key, now), seen: "" };
}

function takenLane({ seen, ...lane }: Lane & { seen: string | null }): TakenLane {
  const others = (seen ?? "").split(",").filter((part) => !part.startsWith(`${lane.lane}:`));
  return { lane, seen: others.join(",") };
}

const lanesWithSeen = (db: Db) => {
  const aggregate = isPostgres(db) ? sql.raw("string_agg") : sql.raw("group_concat");
  const seen = sql<string | null>`(select ${aggregate}(lane || ':' || last_number, ',') from event_lanes
    where last_number > 0)`;
  return db
    .selectFrom("event_lanes")
    .select(["lane", "reason", "opened_at", "last_number", "last_digest", "cut_number", "cut_digest", "cut_at", "mac"])
    .select(seen.as("seen"));
};

const nextFreeLane = prepare((db, { after }: { after: number }) => {
  const next = lanesWithSeen(db).where("lane", ">", after).orderBy("lane").limit(1);
  return isPostgres(db) ? next.forUpdate().skipLocked() : next;
});

const waitForLane = prepare((db, { lane }: { lane: number }) => {
  const named = lanesWithSeen(db).where("lane", "=", lane);
  return isPostgres(db) ? named.forUpdate() : named;
});

export async function listLanes(db: Db): Promise<Lane[]> {
  return await db.selectFrom("event_lanes").selectAll().orderBy("lane").execute();
}

/** The number is random, so that two processes can open a lane at the same time. */
async function openLane(db: TransactionDb, key: TrailKey, now: Instant): Promise<Lane> {
  const [word = 0] = crypto.getRandomValues(new Uint32Array(1));
  const lane = signLane(key, emptyLane(LANES + (word >>> 2), "reopened", now));
  await db.insertInto("event_lanes").values(lane).execute();
  return lane;
}

/** @param reason `new`: of a new database; `sealed`: older events got MACs; `reopened`: no other head was valid */
export function emptyLane(lane: number, reason: Lane["reason"], openedAt: Instant): Omit<Lane, "mac"> {
  const nothing = { last_number: 0, last_digest: "", cut_number: 0, cut_digest: "", cut_at: 0 };
  return { lane, reason, opened_at: openedAt, ...nothing };
}

/** Exist from the first start. */
export const FIRST_LANES: readonly number[] = Array.from({ length: LANES }, (_, lane) => lane);

/** Gives an event the next number of the lane. @returns the lane, and the event's columns about it */
export function placeInLane(taken: TakenLane, key: TrailKey, hash: string) {
  const { lane, seen } = taken;
  const laneNumber = lane.last_number + 1;
  const mac = signEvent(key, { hash, lane: lane.lane, laneNumber, seen });
  const next = { ...lane, last_number: laneNumber, last_digest: addToDigest(lane.last_digest, mac) };
  return { taken: { lane: next, seen }, place: { lane: lane.lane, laneNumber, seen, mac } };
}

/** Signs and writes the head of the lane. */
export async function endLane(db: TransactionDb, key: TrailKey, lane: Lane): Promise<void> {
  const { last_number, last_digest, mac } = signLane(key, lane);
  await db.executeQuery(updateLane(db, { lane: lane.lane, number: last_number, digest: last_digest, mac }));
}

interface LaneEnd {
  lane: number;
  number: number;
  digest: string;
  mac: string;
}

const updateLane = prepare((db, { lane, number, digest, mac }: LaneEnd) =>
  db.updateTable("event_lanes").set({ last_number: number, last_digest: digest, mac }).where("lane", "=", lane),
);
