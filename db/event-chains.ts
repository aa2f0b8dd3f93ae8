import { type BrokenLane, verifyLanes } from "./event-lane-walk.ts";
import { type Chain, isChainSigned, isEventSigned, type Lane, type TrailKey } from "./event-macs.ts";
import { hashEvent, listChained, type RecordedEvent } from "./events.ts";
import type { Db } from "./open.ts";

/** The first break in the events of a subject. */
export interface BrokenChain {
  subject: string;
  /** The event that was changed or inserted, or the first one that was removed. */
  number: number;
  /** `forged`: the head of the chain has no valid MAC. `unknown_key`: no present key signed the event. */
  mistake: "changed" | "removed" | "inserted" | "forged" | "unknown_key";
}

export interface Verification {
  /** Called with the number of events read so far. */
  onProgress: (events: number) => void;
  onBroken: (broken: BrokenChain | BrokenLane) => void;
}

const SUBJECTS_AT_ONCE = 200;
const EVENTS_AT_ONCE = 2000;

/**
 * Reads every event and reports those that were changed, removed or inserted. Events that are appended or cut during
 * the check are correct.
 *
 * @returns the numbers of events and subjects read, the number of events cut in the past, and the lanes
 */
export async function verifyEvents(
  db: Db,
  key: TrailKey,
  { onProgress, onBroken }: Verification,
): Promise<{ events: number; subjects: number; cut: number; lanes: Lane[] }> {
  const total = { events: 0, subjects: 0, cut: 0 };
  const onRead = (count: number) => {
    total.events += count;
    onProgress(total.events);
  };
  for (let after = ""; ; ) {
    const next = db.selectFrom("event_chains").selectAll().where("subject", ">", after);
    const chains = await next.orderBy("subject").limit(SUBJECTS_AT_ONCE).execute();
    const last = chains.at(-1);
    if (last === undefined) break;
    for (const broken of await verifyChains(db, key, chains, onRead)) onBroken(broken);
    total.subjects += chains.length;
    total.cut += chains.reduce((sum, chain) => sum + chain.cut_number, 0);
    after = last.subject;
  }
  for (const subject of await listUnchained(db)) onBroken({ subject, number: 1, mistake: "inserted" });
  const { broken, lanes } = await verifyLanes(db, key);
  for (const lane of broken) onBroken(lane);
  return { ...total, lanes };
}

async function verifyChains(
  db: Db,
  key: TrailKey,
  before: Chain[],
  onRead: (events: number) => void,
): Promise<BrokenChain[]> {
  const subjects = before.map(({ subject }) => subject);
  const walks = new Map(before.map((chain) => [chain.subject, new Walk(chain, key)]));
  for (let events = await listChained(db, subjects, null, EVENTS_AT_ONCE); events.length > 0; ) {
    for (const event of events) walks.get(event.subject)?.step(event);
    onRead(events.length);
    events = await listChained(db, subjects, events.at(-1) ?? null, EVENTS_AT_ONCE);
  }
  const now = await db.selectFrom("event_chains").selectAll().where("subject", "in", subjects).execute();
  const wasCut = now.filter((chain) => chain.cut_number > (walks.get(chain.subject)?.begun.cut_number ?? 0));
  const cutSubjects = new Set(wasCut.map(({ subject }) => subject));
  const others = now.filter(({ subject }) => !cutSubjects.has(subject));
  const broken = others.flatMap((chain) => walks.get(chain.subject)?.end(chain) ?? []);
  // Events that were cut during the check look removed, so those chains are read again.
  return wasCut.length === 0 ? broken : [...broken, ...(await verifyChains(db, key, wasCut, () => {}))];
}

/** Follows the events of one subject, from the last cut to the end. */
class Walk {
  /** The chain before the first step. */
  readonly begun: Chain;
  readonly #key: TrailKey;
  #number: number;
  #hash: string;
  #broken: BrokenChain | null = null;

  constructor(chain: Chain, key: TrailKey) {
    this.#key = key;
    this.begun = chain;
    this.#number = chain.cut_number;
    this.#hash = chain.cut_hash;
  }

  step(event: RecordedEvent): void {
    if (this.#broken !== null) return;
    const expected = this.#number + 1;
    if (event.number < expected) this.#break(event.number, "inserted");
    else if (event.number !== expected) this.#break(expected, "removed");
    else if (hashEvent(event) !== event.hash) this.#break(expected, "changed");
    // The event before this one was changed together with its hash.
    else if (event.previous !== this.#hash) this.#break(Math.max(this.#number, this.begun.cut_number + 1), "changed");
    else if (expected === this.begun.last_number && event.hash !== this.begun.last_hash)
      this.#break(expected, "changed");
    else if (expected <= this.begun.last_number && !isSigned(this.#key, event))
      this.#break(expected, event.mac === "" || this.#key.knows(event.mac) ? "changed" : "unknown_key");
    this.#number = event.number;
    this.#hash = event.hash;
  }

  /** @param now the chain after the last step; it may have grown since the first */
  end(now: Chain): BrokenChain | [] {
    if (this.#broken !== null) return this.#broken;
    if (this.#number < this.begun.last_number) this.#break(this.#number + 1, "removed");
    else if (this.#number > now.last_number) this.#break(now.last_number + 1, "inserted");
    else if (this.#number === now.last_number && this.#hash !== now.last_hash) this.#break(this.#number, "changed");
    else if (!isChainSigned(this.#key, now)) this.#break(now.last_number, "forged");
    return this.#broken ?? [];
  }

  #break(number: number, mistake: BrokenChain["mistake"]): void {
    this.#broken = { subject: this.begun.subject, number, mistake };
  }
}

function isSigned(key: TrailKey, { hash, lane, laneNumber, seen, mac }: RecordedEvent): boolean {
  return lane !== null && laneNumber !== null && isEventSigned(key, { hash, lane, laneNumber, seen }, mac);
}

/** Subjects that have events but no chain. */
async function listUnchained(db: Db): Promise<string[]> {
  const chained = db.selectFrom("event_chains").select("subject");
  const rows = db.selectFrom("events").select("subject").distinct().where("subject", "not in", chained);
  return (await rows.execute()).map(({ subject }) => subject);
}
