import { PostgresAdapter, sql } from "kysely";
import { addToDigest, isLaneSigned, type Lane, signEvent, signLane, type TrailKey } from "./event-macs.ts";
import type { Db, TransactionDb } from "./open.ts";
import { prepare } from "./prepared.ts";
import type { Instant } from "./schema.ts";

// Each event is in a lane besides the chain of its subject. In a lane the numbers have no gap, and the head of the lane
// has a MAC: an event that is missing shows, even if every trace of its subject is gone. One lane would have every login
// wait for the commit of the one before. So an event takes the first lane that is free: on SQLite, and while little
// happens, that is lane 0. Each event notes how far the other lanes were: none can go back without the others.

/** As many transactions append at once; further ones wait for one of these. */
const LANES = 16;

/** A lane that this transaction holds until it is over. */
export interface TakenLane {
  lane: Lane;
  /** How far other lanes were: `2:17,5:3`. */
  seen: string;
}

const isPostgres = (db: Db) => db.getExecutor().adapter instanceof PostgresAdapter;

/**
 * Takes the first free lane whose head has a valid MAC. Call it after the chains are locked, and last: then no two
 * transactions wait for each other.
 *
 * A head that no key verifies is never signed again, so that what was done to it goes on to show. If there is no other,
 * a new lane is opened, which is a finding too.
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

/** The heads of all lanes. */
export async function listLanes(db: Db): Promise<Lane[]> {
  return await db.selectFrom("event_lanes").selectAll().orderBy("lane").execute();
}

/** Two processes may do so at once: a random number, so that neither fails. */
async function openLane(db: TransactionDb, key: TrailKey, now: Instant): Promise<Lane> {
  const [word = 0] = crypto.getRandomValues(new Uint32Array(1));
  const lane = signLane(key, emptyLane(LANES + (word >>> 2), "reopened", now));
  await db.insertInto("event_lanes").values(lane).execute();
  return lane;
}

/** @param reason `new`: with the database; `sealed`: events of before have got their MACs; `reopened`: none was sound */
export function emptyLane(lane: number, reason: Lane["reason"], openedAt: Instant): Omit<Lane, "mac"> {
  const nothing = { last_number: 0, last_digest: "", cut_number: 0, cut_digest: "", cut_at: 0 };
  return { lane, reason, opened_at: openedAt, ...nothing };
}

/** The lanes that there are from the first start on. */
export const FIRST_LANES: readonly number[] = Array.from({ length: LANES }, (_, lane) => lane);

/** Gives an event the next place in a lane. @returns the lane, and what is written with the event */
export function placeInLane(taken: TakenLane, key: TrailKey, hash: string) {
  const { lane, seen } = taken;
  const laneNumber = lane.last_number + 1;
  const mac = signEvent(key, { hash, lane: lane.lane, laneNumber, seen });
  const next = { ...lane, last_number: laneNumber, last_digest: addToDigest(lane.last_digest, mac) };
  return { taken: { lane: next, seen }, place: { lane: lane.lane, laneNumber, seen, mac } };
}

/** Writes how far a lane is now. */
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
