import { createHash } from "node:crypto";
import type { Selectable } from "kysely";
import type { Db, TransactionDb } from "./open.ts";
import { prepare } from "./prepared.ts";
import type { EventKind, EventsTable, Instant } from "./schema.ts";

/** Something that happened: see `EventsTable`. */
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

/** An event in its place among those of its subject. */
export interface RecordedEvent extends NewEvent {
  id: number;
  number: number;
  previous: string;
  hash: string;
}

function toEvent(row: Selectable<EventsTable>): RecordedEvent {
  const { request_id: requestId, ...event } = row;
  return { ...event, requestId };
}

/** What an event's hash is of: everything in it but its id, which the database gives. JSON keeps the fields apart. */
export function hashEvent(event: Omit<RecordedEvent, "id" | "hash">): string {
  const { previous, subject, number, at, kind, actor, address, browser, system, requestId, detail } = event;
  const text = JSON.stringify([
    ...[previous, subject, number, at, kind, actor],
    ...[address, browser, system, requestId, detail],
  ]);
  return createHash("sha256").update(text).digest("hex");
}

/**
 * Writes events, each behind the last one of its subject: whoever writes of the same subject at the same time waits until
 * this transaction is over. Call it once in a transaction, and last: it takes the subjects in one order, so that no two
 * transactions wait for each other.
 */
export async function appendEvents(db: TransactionDb, events: readonly NewEvent[]): Promise<void> {
  const inOrder = events.toSorted((a, b) => (a.subject < b.subject ? -1 : a.subject > b.subject ? 1 : 0));
  for (const event of inOrder) await appendEvent(db, event);
}

async function appendEvent(db: TransactionDb, event: NewEvent): Promise<void> {
  const { subject } = event;
  const [chain] = (await db.executeQuery(extendChain(db, { subject }))).rows;
  if (chain === undefined) throw new Error(`no chain of ${subject}`);
  const placed = { ...event, number: chain.last_number, previous: chain.last_hash };
  const hash = hashEvent(placed);
  await db.executeQuery(insert(db, { ...placed, hash }));
  await db.executeQuery(endChain(db, { subject, hash }));
}

/** Both locks the chain and finds its end. */
const extendChain = prepare((db, { subject }: { subject: string }) =>
  db
    .insertInto("event_chains")
    .values({ subject, last_number: 1, last_hash: "", cut_number: 0, cut_hash: "", cut_at: 0 })
    .onConflict((conflict) =>
      conflict.column("subject").doUpdateSet((row) => ({ last_number: row("event_chains.last_number", "+", 1) })),
    )
    .returning(["last_number", "last_hash"]),
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
  }),
);

const endChain = prepare((db, { subject, hash }: { subject: string; hash: string }) =>
  db.updateTable("event_chains").set({ last_hash: hash }).where("subject", "=", subject),
);

/** @param before the number of an event, null for the newest ones @returns the newest first */
export async function listEventsOf(
  db: Db,
  subject: string,
  { before, limit }: { before: number | null; limit: number },
): Promise<RecordedEvent[]> {
  let rows = db.selectFrom("events").selectAll().where("subject", "=", subject);
  if (before !== null) rows = rows.where("number", "<", before);
  return (await rows.orderBy("number", "desc").limit(limit).execute()).map(toEvent);
}

/** Which events to list: with a higher id than `afterId`, of one subject, not older than an instant. */
export interface EventFilter {
  afterId: number;
  subject: string | null;
  since: Instant | null;
}

/** In the order of their ids: of one subject, that in which they were written. */
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

/** The events of some subjects from a place on, by subject and number. @param after where the last list ended */
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

/** A clock that was wrong dates an event so far in the future that it would never be old enough. */
const MAX_CLOCK_STEP_MS = 24 * 60 * 60 * 1000;

/**
 * Deletes the oldest events as far as all of them are from before `horizon`, and notes in their chains how far that went.
 *
 * @param limit how many at the most
 * @returns how many there were
 */
export async function cutEvents(
  db: TransactionDb,
  { horizon, now }: { horizon: Instant; now: Instant },
  limit: number,
): Promise<number> {
  const columns = ["subject", "number", "hash", "at"] as const;
  const oldest = await db.selectFrom("events").select(columns).orderBy("id").limit(limit).execute();
  const kept = oldest.findIndex(({ at }) => at >= horizon && at <= now + MAX_CLOCK_STEP_MS);
  const lastOf = new Map((kept < 0 ? oldest : oldest.slice(0, kept)).map((event) => [event.subject, event]));
  let count = 0;
  for (const { subject, number, hash } of [...lastOf.values()].sort((a, b) => (a.subject < b.subject ? -1 : 1))) {
    await db
      .updateTable("event_chains")
      .set({ cut_number: number, cut_hash: hash, cut_at: now })
      .where("subject", "=", subject)
      .where("cut_number", "<", number) // Another node may have been faster.
      .execute();
    const cut = db.deleteFrom("events").where("subject", "=", subject).where("number", "<=", number);
    count += Number((await cut.executeTakeFirst()).numDeletedRows);
  }
  return count;
}
