import { realpathSync } from "node:fs";
import { areSame, type Counts, countRows, sumOf } from "./count.ts";
import { DatabaseError } from "./error.ts";
import { listLanes } from "./event-lanes.ts";
import type { Lane } from "./event-macs.ts";
import { findSchemaState, listApplied, migrate, schemaMistake } from "./migrate.ts";
import { findLastId, numberAbove } from "./numbering.ts";
import { type Db, openDatabase, sqliteFile, transaction } from "./open.ts";
import { isOutage } from "./outage.ts";

// Rows go over in the order of their ids, a batch a transaction, and the same transaction notes in the target how far
// they went: a copy that was killed goes on there. What is written to the source meanwhile: users who are made are
// copied, and events, and new sessions whose ids (hashes, in no order) are still to come; other sessions, changes and
// deletions of what went over already are missed. Missing and superfluous rows show in the counts at the end; changes do
// not. Throttles, known devices and one-time tokens are not copied: at the next login, every browser is unknown once.

export interface CopyOptions {
  /** URLs as `openDatabase` takes them. */
  from: string;
  to: string;
  /** Whether a Postgres among them is behind a connection pooler in transaction mode. */
  hasTransactionPooler: boolean;
  /** Called before the first batch and after each one, with rows of all tables together. */
  onProgress: (progress: { done: number; total: number }) => void;
}

export interface CopyResult {
  /** What was in the target when this run began, from one that was cut off. */
  before: number;
  source: Counts;
  target: Counts;
}

/** Below the 32766 values that SQLite takes in a statement, and the 65535 of Postgres. */
const BATCH_ROWS = 1000;

/** To count the rows of a large table takes longer than any request may. */
const STATEMENT_TIMEOUT_MS = 10 * 60 * 1000;

/** The least `integer` of Postgres. */
const BEFORE_EVERY_USER = -(2 ** 31);

/** How far an unfinished copy went. In the target while one is under way, and dropped at its end. */
interface CopyTable {
  source: string;
  last_user_id: number;
  last_session_id: string;
  last_event_id: number;
  /** Of the chains of events. */
  last_subject: string;
}

type Progress = Omit<CopyTable, "source">;

const NOTHING: Progress = { last_user_id: BEFORE_EVERY_USER, last_session_id: "", last_event_id: 0, last_subject: "" };

/**
 * Copies users, sessions and events, ids and all, into a database that is empty or holds an unfinished copy of the same source.
 *
 * @returns the counts of both sides; the copy is finished only where they are the same
 * @throws DatabaseError
 */
export async function copyDatabase({ from, to, hasTransactionPooler, onProgress }: CopyOptions): Promise<CopyResult> {
  const options = { poolSize: 1, statementTimeoutMs: STATEMENT_TIMEOUT_MS, hasTransactionPooler };
  const opened: Db[] = [];
  const open = async (url: string, mayCreate: boolean) => {
    const db = await openDatabase(url, { mayCreate, ...options });
    opened.push(db);
    return db;
  };
  try {
    const source = await open(from, false);
    await requireCurrent(source, from);
    const target = await open(to, true);
    await migrate(target);
    const name = await identify(source, from);
    if (name === (await identify(target, to)))
      throw new DatabaseError("The source and the target are the same database.");
    const progress = await beginCopy(target, name);
    return await copyAll(source, target, progress, onProgress);
  } catch (error) {
    throw explain(error);
  } finally {
    for (const db of opened) await db.destroy();
  }
}

async function requireCurrent(db: Db, url: string): Promise<void> {
  const state = await findSchemaState(db);
  if (state.kind === "current") return;
  const mistake = schemaMistake(state);
  if (mistake !== null) throw new DatabaseError(`Cannot copy from ${describeDatabase(url)}. ${mistake}`);
  throw new DatabaseError(`The source ${describeDatabase(url)} is not up to date: run migrate on it first.`);
}

/** Where a database is, without user and password: fit to be shown. */
export function describeDatabase(url: string): string {
  const file = sqliteFile(url);
  if (file !== null) return `sqlite:${file}`;
  const [, , host = ""] = /^\w+:\/\/(.*@)?([^?#]*)/.exec(url) ?? [];
  return `postgres://${host}`;
}

/** Tells one database from another, also from one that was made anew in its place. */
async function identify(db: Db, url: string): Promise<string> {
  const file = sqliteFile(url);
  const place = file === null ? describeDatabase(url) : `sqlite:${realpathSync(file)}`;
  const [first] = await listApplied(db);
  return `${place} of ${first?.timestamp}`;
}

/** Finds out how far a copy of this source went, or begins one in an empty target. */
function beginCopy(target: Db, source: string): Promise<Progress> {
  return transaction(target, async (db) => {
    const started = (await db.introspection.getTables()).some(({ name }) => name === "postern_copy");
    if (!started) {
      if (sumOf(await countRows(db)) > 0) {
        throw new DatabaseError("The target is not empty: it holds users, sessions or events, and no unfinished copy.");
      }
      return startCopy(db, source);
    }
    const row = await withCopy(db).selectFrom("postern_copy").selectAll().executeTakeFirstOrThrow();
    if (row.source === source) return row;
    throw new DatabaseError(`The target holds an unfinished copy of another database: ${row.source}.`);
  });
}

async function startCopy(db: Db, source: string): Promise<Progress> {
  await db.schema
    .createTable("postern_copy")
    .addColumn("source", "text", (column) => column.notNull())
    .addColumn("last_user_id", "bigint", (column) => column.notNull())
    .addColumn("last_session_id", "text", (column) => column.notNull())
    .addColumn("last_event_id", "bigint", (column) => column.notNull())
    .addColumn("last_subject", "text", (column) => column.notNull())
    .execute();
  await withCopy(db)
    .insertInto("postern_copy")
    .values({ source, ...NOTHING })
    .execute();
  return NOTHING;
}

function withCopy(db: Db) {
  return db.withTables<{ postern_copy: CopyTable }>();
}

async function copyAll(
  source: Db,
  target: Db,
  start: Progress,
  onProgress: CopyOptions["onProgress"],
): Promise<CopyResult> {
  const total = sumOf(await countRows(source));
  const before = sumOf(await countRows(target));
  let done = before;
  const report = (rows: number) => {
    done += rows;
    onProgress({ done, total: Math.max(done, total) });
  };
  report(0);
  let reached = start;
  for (const next of [nextUsers, nextSessions, nextEvents, nextChains]) {
    for (let batch = await next(source, reached); batch !== null; batch = await next(source, reached)) {
      await writeBatch(target, reached, batch);
      reached = batch.reached;
      report(batch.rows);
    }
  }
  const result = { before, source: await countRows(source), target: await countRows(target) };
  if (areSame(result.source, result.target)) await finishCopy(source, target);
  return result;
}

/** What comes next of a table, and how far the copy is when it has been written. */
interface Batch {
  /** Of the tables that are counted. */
  rows: number;
  reached: Progress;
  write: (target: Db) => Promise<unknown>;
}

async function nextUsers(source: Db, reached: Progress): Promise<Batch | null> {
  const next = source.selectFrom("users").selectAll().where("id", ">", reached.last_user_id);
  const rows = await next.orderBy("id").limit(BATCH_ROWS).execute();
  return batchOf(
    rows,
    (last) => ({ ...reached, last_user_id: last.id }),
    (target) => target.insertInto("users").values(rows).execute(),
  );
}

async function nextSessions(source: Db, reached: Progress): Promise<Batch | null> {
  const next = source
    .selectFrom("sessions")
    .selectAll()
    .where("id", ">", reached.last_session_id)
    // A user who was made since the users went over is not there yet.
    .where("user_id", "<=", reached.last_user_id);
  const rows = await next.orderBy("id").limit(BATCH_ROWS).execute();
  return batchOf(
    rows,
    (last) => ({ ...reached, last_session_id: last.id }),
    (target) => target.insertInto("sessions").values(rows).execute(),
  );
}

/** As they are, hashes and all: the triggers that keep events from being changed have nothing against new ones. */
async function nextEvents(source: Db, reached: Progress): Promise<Batch | null> {
  const next = source.selectFrom("events").selectAll().where("id", ">", reached.last_event_id);
  const rows = await next.orderBy("id").limit(BATCH_ROWS).execute();
  return batchOf(
    rows,
    (last) => ({ ...reached, last_event_id: last.id }),
    (target) => target.insertInto("events").values(rows).execute(),
  );
}

async function nextChains(source: Db, reached: Progress): Promise<Batch | null> {
  const next = source.selectFrom("event_chains").selectAll().where("subject", ">", reached.last_subject);
  const rows = await next.orderBy("subject").limit(BATCH_ROWS).execute();
  const batch = batchOf(
    rows,
    (last) => ({ ...reached, last_subject: last.subject }),
    (target) => target.insertInto("event_chains").values(rows).execute(),
  );
  return batch && { ...batch, rows: 0 };
}

/** With the MACs that they have: the target's servers need the key of the source. */
async function replaceLanes(target: Db, lanes: Lane[]): Promise<void> {
  await target.deleteFrom("event_lanes").execute(); // Empty ones, or the row that asks for a seal.
  if (lanes.length > 0) await target.insertInto("event_lanes").values(lanes).execute();
}

function batchOf<Row>(rows: Row[], reach: (last: Row) => Progress, write: Batch["write"]): Batch | null {
  const last = rows.at(-1);
  return last === undefined ? null : { rows: rows.length, reached: reach(last), write };
}

/** Writes rows and how far they go, both or neither. */
function writeBatch(target: Db, from: Progress, { reached, write }: Batch): Promise<void> {
  return transaction(target, async (db) => {
    const { numUpdatedRows } = await withCopy(db)
      .updateTable("postern_copy")
      .set(reached)
      .where("last_user_id", "=", from.last_user_id)
      .where("last_session_id", "=", from.last_session_id)
      .where("last_event_id", "=", from.last_event_id)
      .where("last_subject", "=", from.last_subject)
      .executeTakeFirst();
    if (numUpdatedRows !== 1n) throw new DatabaseError("Another copy into this target is under way.");
    await write(db);
  });
}

async function finishCopy(source: Db, target: Db): Promise<void> {
  const [lastUserId, lastEventId] = [await findLastId(source, "users"), await findLastId(source, "events")];
  const lanes = await listLanes(source);
  await transaction(target, async (db) => {
    await numberAbove(db, "users", lastUserId);
    await numberAbove(db, "events", lastEventId);
    await replaceLanes(db, lanes);
    await db.schema.dropTable("postern_copy").execute();
  });
}

/** What a driver reports has a code: an SQLSTATE, or SQLite's. */
const DRIVER_CODES = /^([0-9A-Z]{5}|SQLITE_\w+|ERR_SQLITE_ERROR)$/;

function explain(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof DatabaseError) return error;
  const code = "code" in error ? String(error.code) : "";
  if (!isOutage(error) && !DRIVER_CODES.test(code)) return error;
  const sentence = `The copy stopped: ${error.message}. When that is mended, run it again: it goes on where it was.`;
  return new DatabaseError(sentence, { cause: error });
}
