import { isPostgres } from "./columns.ts";
import { addToDigest, isChainSigned, isLaneSigned, signChain, signLane, type TrailKey } from "./event-macs.ts";
import { appendEvents, type RecordedEvent } from "./events.ts";
import type { TransactionDb } from "./open.ts";
import type { Instant } from "./schema.ts";

/** The subject of events about the trail itself. */
export const TRAIL = "trail";

/** The actor of events that the server causes, and no origin. */
export const BY_SYSTEM = { actor: "system", address: "", browser: "", system: "", requestId: "" };

/** An event from further in the future has a wrong date. It is cut too, because it would never be old enough. */
const MAX_CLOCK_STEP_MS = 24 * 60 * 60 * 1000;

type OldEvent = Pick<RecordedEvent, "subject" | "number" | "hash" | "at" | "lane" | "laneNumber" | "mac">;

export interface Horizon {
  horizon: Instant;
  now: Instant;
}

/**
 * Deletes the oldest events, up to the first one that is not older than `horizon`. Chains and lanes record the cut with
 * MACs, and an event reports it.
 *
 * @returns the number of deleted events
 */
export async function cutEvents(db: TransactionDb, key: TrailKey, times: Horizon, limit: number): Promise<number> {
  if ((await listOldest(db, times, 1)).length === 0) return 0;
  await lockTrail(db);
  const old = await listOldest(db, times, limit); // Another node may have cut before the lock.
  if (old.length === 0) return 0;
  let count = 0;
  for (const last of lastOfEach(old)) count += await cutChain(db, key, last, times.now);
  const lanes = Map.groupBy(old, ({ lane }) => lane);
  for (const lane of [...lanes.keys()].filter((lane) => lane !== null).sort((a, b) => a - b)) {
    await cutLane(db, key, lane, lanes.get(lane) ?? [], times.now);
  }
  const detail = `${count} from before ${new Date(times.horizon).toISOString()}`;
  await appendEvents(db, key, [{ at: times.now, kind: "events_cut", subject: TRAIL, ...BY_SYSTEM, detail }]);
  return count;
}

/** One node cuts at a time. Two nodes would lock lanes and chains in different orders. */
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

/** @returns the last event of each subject, in the order in which chains are locked */
function lastOfEach(events: OldEvent[]): OldEvent[] {
  const lastOf = new Map(events.map((event) => [event.subject, event]));
  return [...lastOf.values()].sort((a, b) => (a.subject < b.subject ? -1 : 1));
}

/** A chain with an invalid head gets no new MAC, so that `audit --verify` still finds it. */
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

/** A lane with a gap keeps its head, so that `audit --verify` still finds the gap. */
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
