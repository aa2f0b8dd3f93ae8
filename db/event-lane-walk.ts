import { FIRST_LANES, listLanes } from "./event-lanes.ts";
import { addToDigest, isLaneSigned, type Lane, type TrailKey } from "./event-macs.ts";
import type { Db } from "./open.ts";

/** A break in a lane, and the numbers that it concerns. */
export interface BrokenLane {
  lane: number;
  from: number;
  to: number;
  /**
   * `missing`: events were removed. `changed`: events differ from those that were written, or their order does.
   * `added`: the server did not write them. `no_head`: the head of the lane is missing. `forged`: the head has no valid
   * MAC. `unknown_key`: no present key signed the head. `behind`: events of other lanes saw a higher number.
   * `reopened`: the server opened the lane because no other head was valid. `unsealed`: no server has sealed the trail.
   */
  mistake: "missing" | "changed" | "added" | "no_head" | "forged" | "unknown_key" | "behind" | "reopened" | "unsealed";
}

const EVENTS_AT_ONCE = 2000;

/**
 * Checks every lane. Unlike the chains, lanes show that all events of a subject were removed together with its chain.
 * Events that are appended or cut during the check are correct.
 */
export async function verifyLanes(db: Db, key: TrailKey): Promise<{ broken: BrokenLane[]; lanes: Lane[] }> {
  const seen = new Map<number, number>();
  const broken: BrokenLane[] = [];
  for (const lane of await listLanes(db)) broken.push(...(await verifyLane(db, key, lane, seen)));
  const lanes = await listLanes(db);
  const heads = new Map(lanes.map((lane) => [lane.lane, lane.last_number]));
  const written = await db.selectFrom("events").select("lane").distinct().where("lane", "is not", null).execute();
  if (lanes.length === 0) return { broken: [{ lane: 0, from: 1, to: 1, mistake: "no_head" }], lanes };
  for (const lane of new Set([...FIRST_LANES, ...written.flatMap(({ lane }) => lane ?? [])])) {
    const isUnsealed = lanes[0]?.reason === "unsealed";
    if (!heads.has(lane) && !isUnsealed) broken.push({ lane, from: 1, to: 1, mistake: "no_head" });
  }
  for (const [lane, number] of seen) {
    const last = heads.get(lane) ?? number;
    if (last < number) broken.push({ lane, from: last + 1, to: number, mistake: "behind" });
  }
  return { broken, lanes };
}

async function verifyLane(db: Db, key: TrailKey, begun: Lane, seen: Map<number, number>): Promise<BrokenLane[]> {
  const whole = { lane: begun.lane, from: begun.cut_number + 1, to: begun.last_number };
  if (begun.reason === "unsealed" && begun.mac === "") return [{ ...whole, mistake: "unsealed" }];
  if (!isLaneSigned(key, begun)) return [{ ...whole, mistake: key.knows(begun.mac) ? "forged" : "unknown_key" }];
  const reopened: BrokenLane[] = begun.reason === "reopened" ? [{ ...whole, mistake: "reopened" }] : [];
  const found = await walkLane(db, begun, seen);
  const now = (await listLanes(db)).find(({ lane }) => lane === begun.lane);
  if (now === undefined) return reopened; // The head was removed during the check: `no_head` reports it.
  // Events that were cut during the check look removed.
  if (now.cut_number > begun.cut_number) return verifyLane(db, key, now, seen);
  if (found.broken !== null) return [...reopened, found.broken];
  if (found.number <= now.last_number) return reopened;
  return [...reopened, { lane: begun.lane, from: now.last_number + 1, to: found.number, mistake: "added" }];
}

/** @returns the last number of the lane, and the first break */
async function walkLane(db: Db, begun: Lane, seen: Map<number, number>) {
  const { lane } = begun;
  const at = { number: begun.cut_number, digest: begun.cut_digest, id: 0 };
  const end = (broken: BrokenLane | null) => ({ number: at.number, broken });
  for (;;) {
    const events = await listLane(db, lane, at.number);
    for (const event of events) {
      const number = event.lane_number ?? 0;
      if (number <= at.number) return end({ lane, from: number, to: number, mistake: "added" });
      if (number !== at.number + 1) return end({ lane, from: at.number + 1, to: number - 1, mistake: "missing" });
      // Ids ascend in a lane: a transaction locks the lane before it inserts.
      if (event.id <= at.id) return end({ lane, from: number, to: number, mistake: "changed" });
      Object.assign(at, { number, digest: addToDigest(at.digest, event.mac), id: event.id });
      for (const [other, last] of readSeen(event.seen)) seen.set(other, Math.max(last, seen.get(other) ?? 0));
      if (number === begun.last_number && at.digest !== begun.last_digest) {
        return end({ lane, from: begun.cut_number + 1, to: number, mistake: "changed" });
      }
    }
    if (events.length < EVENTS_AT_ONCE) break;
  }
  if (at.number >= begun.last_number) return end(null);
  return end({ lane, from: at.number + 1, to: begun.last_number, mistake: "missing" });
}

function listLane(db: Db, lane: number, after: number) {
  return db
    .selectFrom("events")
    .select(["id", "lane_number", "mac", "seen"])
    .where("lane", "=", lane)
    .where("lane_number", ">", after)
    .orderBy("lane_number")
    .limit(EVENTS_AT_ONCE)
    .execute();
}

function readSeen(seen: string): [number, number][] {
  return [...seen.matchAll(/(\d+):(\d+)/g)].map(([, lane, number]) => [Number(lane), Number(number)]);
}
