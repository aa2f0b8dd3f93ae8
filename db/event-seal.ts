import { isPostgres } from "./columns.ts";
import { BY_SYSTEM, TRAIL } from "./event-cut.ts";
import { emptyLane, endLane, FIRST_LANES, listLanes, placeInLane, type TakenLane } from "./event-lanes.ts";
import { type Lane, signChain, signLane, type TrailKey } from "./event-macs.ts";
import { appendEvents } from "./events.ts";
import { type Db, type TransactionDb, transaction } from "./open.ts";
import { prepare } from "./prepared.ts";
import type { Instant } from "./schema.ts";

const BATCH_EVENTS = 1000;

/** The migration leaves a row like this. The first process with a key replaces it. */
const isUnsealed = (lane: Lane | undefined) => lane !== undefined && lane.reason === "unsealed" && lane.mac === "";

/**
 * After the migration, gives MACs to the existing events, once. An event records that, unless the database is new. From
 * then on, `audit --verify` reports an event without a MAC and a lane without a head: they are not sealed again.
 */
export async function sealTrail(db: Db, key: TrailKey, now: Instant): Promise<void> {
  if (!isUnsealed((await listLanes(db))[0])) return;
  await transaction(db, async (db) => {
    let rows = db.selectFrom("event_lanes").selectAll().where("lane", "=", 0);
    if (isPostgres(db)) rows = rows.forUpdate();
    if (!isUnsealed(await rows.executeTakeFirst())) return; // Another process has sealed the trail.
    // A row was put back after the seal. New numbers would hide that.
    if ((await db.selectFrom("events").select("id").where("lane", "is not", null).limit(1).execute()).length > 0)
      return;
    const isNew = (await db.selectFrom("users").select("id").limit(1).execute()).length === 0;
    const count = await sealEvents(db, key, { isNew, now });
    if (count === 0 && isNew) return;
    await sealChains(db, key);
    const detail = `${count} events without MACs`;
    await appendEvents(db, key, [{ at: now, kind: "trail_sealed", subject: TRAIL, ...BY_SYSTEM, detail }]);
  });
}

/** Puts all events into the first lane, in the order of their ids. @returns their number */
async function sealEvents(
  db: TransactionDb,
  key: TrailKey,
  { isNew, now }: { isNew: boolean; now: Instant },
): Promise<number> {
  let taken: TakenLane | null = null;
  let count = 0;
  for (let afterId = 0; ; ) {
    const next = db.selectFrom("events").select(["id", "hash"]).where("id", ">", afterId).where("lane", "is", null);
    const events = await next.orderBy("id").limit(BATCH_EVENTS).execute();
    taken ??= await openFirstLanes(db, key, { isNew: isNew && events.length === 0, now });
    for (const { id, hash } of events) {
      const placed = placeInLane(taken, key, hash);
      await db.executeQuery(sealEvent(db, { ...placed.place, id }));
      taken = placed.taken;
    }
    count += events.length;
    afterId = events.at(-1)?.id ?? afterId;
    if (events.length < BATCH_EVENTS) break;
  }
  await endLane(db, key, taken.lane);
  return count;
}

async function openFirstLanes(
  db: TransactionDb,
  key: TrailKey,
  { isNew, now }: { isNew: boolean; now: Instant },
): Promise<TakenLane> {
  const lanes = FIRST_LANES.map((lane) => signLane(key, emptyLane(lane, isNew ? "new" : "sealed", now)));
  const [first, ...others] = lanes;
  if (first === undefined) throw new Error("no lanes");
  const { lane: _, ...values } = first;
  await db.updateTable("event_lanes").set(values).where("lane", "=", 0).execute();
  await db.insertInto("event_lanes").values(others).execute();
  return { lane: first, seen: "" };
}

interface Place {
  id: number;
  lane: number;
  laneNumber: number;
  mac: string;
}

const sealEvent = prepare((db, { id, lane, laneNumber, mac }: Place) =>
  db.updateTable("events").set({ lane, lane_number: laneNumber, mac }).where("id", "=", id),
);

async function sealChains(db: TransactionDb, key: TrailKey): Promise<void> {
  for (let after = ""; ; ) {
    const next = db.selectFrom("event_chains").selectAll().where("subject", ">", after);
    const chains = await next.orderBy("subject").limit(BATCH_EVENTS).execute();
    for (const { subject, mac } of chains.map((chain) => signChain(key, chain))) {
      await db.updateTable("event_chains").set({ mac }).where("subject", "=", subject).execute();
    }
    const last = chains.at(-1);
    if (last === undefined) return;
    after = last.subject;
  }
}
