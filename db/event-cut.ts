import { PostgresAdapter } from "kysely";
import { addToDigest, isChainSigned, isLaneSigned, signChain, signLane, type TrailKey } from "./event-macs.ts";
import { appendEvents, type RecordedEvent } from "./events.ts";
import type { TransactionDb } from "./open.ts";
import type { Instant } from "./schema.ts";

/** The subject of the events about the trail itself, and the actor of what the server does by itself. */
export const TRAIL = "trail";
export const SYSTEM = "system";

/** A clock that was wrong dates an event so far in the future that it would never be old enough. */
const MAX_CLOCK_STEP_MS = 24 * 60 * 60 * 1000;

type OldEvent = Pick<RecordedEvent, "subject" | "number" | "hash" | "at" | "lane" | "laneNumber" | "mac">;

export interface Horizon {
  horizon: Instant;
  now: Instant;
}

/**
 * Deletes the oldest events as far as all of them are from before `horizon`. How far that went is noted in their chains
 * and lanes, with MACs, and an event tells of it.
 *
 * @param limit how many at the most
 * @returns how many there were
 */
export async function cutEvents(db: TransactionDb, key: TrailKey, times: Horizon, limit: number): Promise<number> {
  if ((await listOldest(db, times, 1)).length === 0) return 0;
  await lockTrail(db);
  const old = await listOldest(db, times, limit); // Another node may have been faster.
  if (old.length === 0) return 0;
  let count = 0;
  for (const last of lastOfEach(old)) count += await cutChain(db, key, last, times.now);
  const lanes = Map.groupBy(old, ({ lane }) => lane);
  for (const lane of [...lanes.keys()].filter((lane) => lane !== null).sort((a, b) => a - b)) {
    await cutLane(db, key, lane, lanes.get(lane) ?? [], times.now);
  }
  const origin = { actor: SYSTEM, address: "", browser: "", system: "", requestId: "" };
  const detail = `${count} from before ${new Date(times.horizon).toISOString()}`;
  await appendEvents(db, key, [{ at: times.now, kind: "events_cut", subject: TRAIL, ...origin, detail }]);
  return count;
}

/** So that two nodes do not cut at once: they would take lanes and chains in different orders. */
async function lockTrail(db: TransactionDb): Promise<void> {
  const nothing = { last_number: 0, last_hash: "", cut_number: 0, cut_hash: "", cut_at: 0, mac: "" };
  await db
    .insertInto("event_chains")
    .values({ subject: TRAIL, ...nothing })
    .onConflict((conflict) => conflict.column("subject").doUpdateSet({ subject: TRAIL }))
    .execute();
}

async function listOldest(db: TransactionDb, { horizon, now }: Horizon, limit: number): Promise<OldEvent[]> {
  const columns = ["subject", "number", "hash", "at", "lane", "lane_number", "mac"] as const;
  const rows = await db.selectFrom("events").select(columns).orderBy("id").limit(limit).execute();
  const kept = rows.findIndex(({ at }) => at >= horizon && at <= now + MAX_CLOCK_STEP_MS);
  return rows
    .slice(0, kept < 0 ? rows.length : kept)
    .map(({ lane_number: laneNumber, ...event }) => ({ ...event, laneNumber }));
}

/** In the order in which chains are locked. */
function lastOfEach(events: OldEvent[]): OldEvent[] {
  const lastOf = new Map(events.map((event) => [event.subject, event]));
  return [...lastOf.values()].sort((a, b) => (a.subject < b.subject ? -1 : 1));
}

/** A chain whose head no key verifies gets no MAC: what was done to it goes on to show. */
async function cutChain(db: TransactionDb, key: TrailKey, last: OldEvent, now: Instant): Promise<number> {
  const { subject, number, hash } = last;
  let rows = db.selectFrom("event_chains").selectAll().where("subject", "=", subject);
  if (isPostgres(db)) rows = rows.forUpdate();
  const chain = await rows.executeTakeFirst();
  if (chain === undefined) return 0;
  const { mac } = signChain(key, { ...chain, cut_number: number, cut_hash: hash, cut_at: now });
  await db
    .updateTable("event_chains")
    .set({ cut_number: number, cut_hash: hash, cut_at: now, mac: isChainSigned(key, chain) ? mac : "" })
    .where("subject", "=", subject)
    .where("cut_number", "<", number)
    .execute();
  const cut = db.deleteFrom("events").where("subject", "=", subject).where("number", "<=", number);
  return Number((await cut.executeTakeFirst()).numDeletedRows);
}

/** A lane with a gap keeps its head as it is: the gap goes on to show. */
async function cutLane(db: TransactionDb, key: TrailKey, number: number, old: OldEvent[], now: Instant): Promise<void> {
  let rows = db.selectFrom("event_lanes").selectAll().where("lane", "=", number);
  if (isPostgres(db)) rows = rows.forUpdate();
  const lane = await rows.executeTakeFirst();
  if (lane === undefined || !isLaneSigned(key, lane)) return;
  const cut = { ...lane, cut_at: now };
  for (const { laneNumber, mac } of old.toSorted((a, b) => (a.laneNumber ?? 0) - (b.laneNumber ?? 0))) {
    if (laneNumber !== cut.cut_number + 1) return;
    cut.cut_number = laneNumber;
    cut.cut_digest = addToDigest(cut.cut_digest, mac);
  }
  const { cut_number, cut_digest, cut_at, mac } = signLane(key, cut);
  await db.updateTable("event_lanes").set({ cut_number, cut_digest, cut_at, mac }).where("lane", "=", number).execute();
}

function isPostgres(db: TransactionDb): boolean {
  return db.getExecutor().adapter instanceof PostgresAdapter;
}
