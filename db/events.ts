import { createHash } from "node:crypto";
import type { Selectable } from "kysely";
import { endLane, placeInLane, takeLane } from "./event-lanes.ts";
import { type Chain, isChainSigned, signChain, type TrailKey } from "./event-macs.ts";
import type { Db, TransactionDb } from "./open.ts";
import { prepare } from "./prepared.ts";
import type { EventKind, EventsTable, Instant } from "./schema.ts";

/** The columns are described at `EventsTable`. */
export interface NewEvent {
  at: Instant;
  kind: EventKind;
  subject: string;
  actor: string;
  address: string;
  browser: string;
  system: string;
  requestId: string;
  detail: string;
}

export interface RecordedEvent extends NewEvent {
  id: number;
  number: number;
  previous: string;
  hash: string;
  lane: number | null;
  laneNumber: number | null;
  seen: string;
  mac: string;
}

function toEvent(row: Selectable<EventsTable>): RecordedEvent {
  const { request_id: requestId, lane_number: laneNumber, ...event } = row;
  return { ...event, requestId, laneNumber };
}

/** The SHA-256 of an event in hex. Covers all columns except the id and the place in a lane. */
export function hashEvent(event: NewEvent & Pick<RecordedEvent, "number" | "previous">): string {
  const { previous, subject, number, at, kind, actor, address, browser, system, requestId, detail } = event;
  const text = JSON.stringify([
    ...[previous, subject, number, at, kind, actor],
    ...[address, browser, system, requestId, detail],
  ]);
  return createHash("sha256").update(text).digest("hex");
}

/**
 * Appends each event to the chain of its subject. The chains stay locked until the transaction ends. To avoid deadlocks,
 * call it once per transaction, as the last step: it locks the chains in the order of their subjects, then a lane.
 */
export async function appendEvents(db: TransactionDb, key: TrailKey, events: readonly NewEvent[]): Promise<void> {
  const [first] = events;
  if (first === undefined) return;
  const chains = await lockChains(db, key, events);
  let taken = await takeLane(db, key, first.at);
  for (const event of events) {
    const chain = chains.get(event.subject);
    if (chain === undefined) throw new Error(`no chain of ${event.subject}`);
    const number = chain.last_number + 1;
    const hash = hashEvent({ ...event, number, previous: chain.last_hash });
    const placed = placeInLane(taken, key, hash);
    await db.executeQuery(insert(db, { ...event, ...placed.place, number, previous: chain.last_hash, hash }));
    chains.set(event.subject, { ...chain, last_number: number, last_hash: hash });
    taken = placed.taken;
  }
  for (const { isSound, ...chain } of chains.values()) {
    // A head with an invalid MAC is never signed again, so that `audit --verify` still finds it.
    const { subject, last_hash: hash, mac } = isSound ? signChain(key, chain) : { ...chain, mac: "" };
    await db.executeQuery(endChain(db, { subject, hash, mac }));
  }
  await endLane(db, key, taken.lane);
}

type LockedChain = Omit<Chain, "mac"> & { isSound: boolean };

/** @returns each chain before this transaction, by subject */
async function lockChains(
  db: TransactionDb,
  key: TrailKey,
  events: readonly NewEvent[],
): Promise<Map<string, LockedChain>> {
  const chains = new Map<string, LockedChain>();
  for (const subject of [...new Set(events.map(({ subject }) => subject))].sort()) {
    const count = events.filter((event) => event.subject === subject).length;
    const [extended] = (await db.executeQuery(extendChain(db, { subject, count }))).rows;
    if (extended === undefined) throw new Error(`no chain of ${subject}`);
    const { mac, ...chain } = { ...extended, last_number: extended.last_number - count };
    const isNew = chain.last_number === 0 && mac === "";
    chains.set(subject, { ...chain, isSound: isNew || isChainSigned(key, { ...chain, mac }) });
  }
  return chains;
}

/** Locks the chain and returns its end in one statement. */
const extendChain = prepare((db, { subject, count }: { subject: string; count: number }) =>
  db
    .insertInto("event_chains")
    .values({ subject, last_number: count, last_hash: "", cut_number: 0, cut_hash: "", cut_at: 0, mac: "" })
    .onConflict((conflict) =>
      conflict.column("subject").doUpdateSet((row) => ({ last_number: row("event_chains.last_number", "+", count) })),
    )
    .returning(["subject", "last_number", "last_hash", "cut_number", "cut_hash", "cut_at", "mac"]),
);

const insert = prepare((db, event: Omit<RecordedEvent, "id">) =>
  db.insertInto("events").values({
    at: event.at,
    kind: event.kind,
    subject: event.subject,
    actor: event.actor,
    address: event.address,
    browser: event.browser,
    system: event.system,
    request_id: event.requestId,
    detail: event.detail,
    number: event.number,
    previous: event.previous,
    hash: event.hash,
    lane: event.lane,
    lane_number: event.laneNumber,
    seen: event.seen,
    mac: event.mac,
  }),
);

const endChain = prepare((db, { subject, hash, mac }: { subject: string; hash: string; mac: string }) =>
  db.updateTable("event_chains").set({ last_hash: hash, mac }).where("subject", "=", subject),
);

/** Newest first. @param before lists older events than this number; null lists the newest */
export async function listEventsOf(
  db: Db,
  subject: string,
  { before, limit }: { before: number | null; limit: number },
): Promise<RecordedEvent[]> {
  let rows = db.selectFrom("events").selectAll().where("subject", "=", subject);
  if (before !== null) rows = rows.where("number", "<", before);
  return (await rows.orderBy("number", "desc").limit(limit).execute()).map(toEvent);
}

/** The newest event of this kind and subject before an instant; null if there is none. */
export async function findEventBefore(
  db: Db,
  subject: string,
  kind: EventKind,
  before: Instant,
): Promise<RecordedEvent | null> {
  const rows = db.selectFrom("events").selectAll().where("subject", "=", subject).where("kind", "=", kind);
  const row = await rows.where("at", "<", before).orderBy("number", "desc").limit(1).executeTakeFirst();
  return row === undefined ? null : toEvent(row);
}

/** Null in `subject` and `since` matches every event. */
export interface EventFilter {
  afterId: number;
  subject: string | null;
  since: Instant | null;
}

/** In the order of their ids. Events of one subject are then in the order in which they happened. */
export async function listEvents(
  db: Db,
  { afterId, subject, since }: EventFilter,
  limit: number,
): Promise<RecordedEvent[]> {
  let rows = db.selectFrom("events").selectAll().where("id", ">", afterId);
  if (subject !== null) rows = rows.where("subject", "=", subject);
  if (since !== null) rows = rows.where("at", ">=", since);
  return (await rows.orderBy("id").limit(limit).execute()).map(toEvent);
}

/** The events of these subjects, by subject and number. @param after the last event of the page before */
export async function listChained(
  db: Db,
  subjects: readonly string[],
  after: Pick<RecordedEvent, "subject" | "number"> | null,
  limit: number,
): Promise<RecordedEvent[]> {
  let rows = db.selectFrom("events").selectAll().where("subject", "in", subjects);
  if (after !== null) {
    rows = rows.where((row) =>
      row.or([
        row("subject", ">", after.subject),
        row.and([row("subject", "=", after.subject), row("number", ">", after.number)]),
      ]),
    );
  }
  return (await rows.orderBy("subject").orderBy("number").limit(limit).execute()).map(toEvent);
}
