import { realpathSync } from "node:fs";
import { type Batch, NEXT_BATCHES, NOTHING, type Progress } from "./copy-batches.ts";
import { areSame, type Counts, countRows, sumOf } from "./count.ts";
import { codeOf, DatabaseError } from "./error.ts";
import { listLanes } from "./event-lanes.ts";
import type { Lane } from "./event-macs.ts";
import { refreshSecondFactors } from "./factors.ts";
import { explainSchema, findSchemaState, listApplied, migrate } from "./migrate.ts";
import { findLastId, numberAbove } from "./numbering.ts";
import { type Db, openDatabase, sqliteFile, transaction } from "./open.ts";
import { isOutage } from "./outage.ts";

// Each transaction copies a batch of rows in the order of their ids, and stores in the target how far the copy is. A
// copy that was killed continues from there. If a server writes to the source during the copy, new users and events are
// copied. Of the memberships, second factors and sessions, only those after the last copied one are. Changes and deletions of copied rows are
// missed. The final counts show missing and superfluous rows, but no changes. Throttles, devices, one-time tokens, mails, notices and
// logins that wait for a second factor are not copied: at the next login each browser is an unknown device, and every
// pending link ends.

export interface CopyOptions {
  /** URLs as `openDatabase` takes them. */
  from: string;
  to: string;
  /** Whether Postgres is behind a connection pooler in transaction mode. */
  hasTransactionPooler: boolean;
  /** Called before the first batch and after each one, with the rows of all tables together. */
  onProgress: (progress: { done: number; total: number }) => void;
}

export interface CopyResult {
  /** The rows in the target when this run began, from an unfinished copy. */
  before: number;
  source: Counts;
  target: Counts;
}

/** 10 minutes, because a count of a large table is slow. */
const STATEMENT_TIMEOUT_MS = 10 * 60 * 1000;

/**
 * Copies users, groups, second factors, sessions and events with their ids. The target must be empty or hold an unfinished copy of the same
 * source.
 *
 * @returns the counts of both sides; the copy is finished if they are equal
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
  const problem = explainSchema(state);
  if (problem !== null) throw new DatabaseError(`Cannot copy from ${describeDatabase(url)}. ${problem}`);
  throw new DatabaseError(`The source ${describeDatabase(url)} is not up to date. Run migrate on it first.`);
}

/** @returns the URL without user, password and parameters */
export function describeDatabase(url: string): string {
  const file = sqliteFile(url);
  if (file !== null) return `sqlite:${file}`;
  const [, , host = ""] = /^\w+:\/\/(.*@)?([^?#]*)/.exec(url) ?? [];
  return `postgres://${host}`;
}

/** @returns a text that identifies the database; a new database in the same place has another text */
async function identify(db: Db, url: string): Promise<string> {
  const file = sqliteFile(url);
  const place = file === null ? describeDatabase(url) : `sqlite:${realpathSync(file)}`;
  const [first] = await listApplied(db);
  return `${place} of ${first?.timestamp}`;
}

/** Finds the progress of a copy of this source, or begins a new copy in an empty target. */
function beginCopy(target: Db, source: string): Promise<Progress> {
  return transaction(target, async (db) => {
    const started = (await db.introspection.getTables()).some(({ name }) => name === "postern_copy");
    if (!started) {
      if (sumOf(await countRows(db)) > 0) {
        throw new DatabaseError(
          "The target is not empty: it holds users, groups, sessions or events, and no unfinished copy.",
        );
      }
      return startCopy(db, source);
    }
    const row = await withCopy(db).selectFrom("postern_copy").selectAll().executeTakeFirstOrThrow();
    if (!("last_passkey_id" in row)) {
      throw new DatabaseError("The target holds an unfinished copy by an older version. Empty it and copy again.");
    }
    if (row.source === source) return row;
    throw new DatabaseError(`The target holds an unfinished copy of another database: ${row.source}.`);
  });
}

async function startCopy(db: Db, source: string): Promise<Progress> {
  await db.schema
    .createTable("postern_copy")
    .addColumn("source", "text", (column) => column.notNull())
    .addColumn("last_user_id", "bigint", (column) => column.notNull())
    .addColumn("last_group_id", "bigint", (column) => column.notNull())
    .addColumn("last_member_id", "bigint", (column) => column.notNull())
    .addColumn("last_member_group_id", "bigint", (column) => column.notNull())
    .addColumn("last_totp_id", "bigint", (column) => column.notNull())
    .addColumn("last_recovery_code_id", "text", (column) => column.notNull())
    .addColumn("last_passkey_id", "text", (column) => column.notNull())
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

/** The progress of a copy is in the target until the copy is finished. */
function withCopy(db: Db) {
  return db.withTables<{ postern_copy: Progress & { source: string } }>();
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
  for (const next of NEXT_BATCHES) {
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

/** Keeps the MACs: the servers of the target need the key of the source. */
async function replaceLanes(target: Db, lanes: Lane[]): Promise<void> {
  await target.deleteFrom("event_lanes").execute(); // Empty lanes, or the row of a trail that is not sealed yet.
  if (lanes.length > 0) await target.insertInto("event_lanes").values(lanes).execute();
}

/** Writes the rows and the progress in one transaction. */
function writeBatch(target: Db, from: Progress, { reached, write }: Batch): Promise<void> {
  return transaction(target, async (db) => {
    const { numUpdatedRows } = await withCopy(db)
      .updateTable("postern_copy")
      .set(reached)
      .where(({ and }) => and(from))
      .executeTakeFirst();
    if (numUpdatedRows !== 1n) throw new DatabaseError("Another copy into this target is in progress.");
    await write(db);
  });
}

async function finishCopy(source: Db, target: Db): Promise<void> {
  const [lastUserId, lastGroupId] = [await findLastId(source, "users"), await findLastId(source, "groups")];
  const lastEventId = await findLastId(source, "events");
  const lanes = await listLanes(source);
  await transaction(target, async (db) => {
    await numberAbove(db, "users", lastUserId);
    await numberAbove(db, "groups", lastGroupId);
    await numberAbove(db, "events", lastEventId);
    await replaceLanes(db, lanes);
    await refreshSecondFactors(db);
    await db.schema.dropTable("postern_copy").execute();
  });
}

/** The codes of driver errors: an SQLSTATE, or a code of SQLite. */
const DRIVER_CODES = /^([0-9A-Z]{5}|SQLITE_\w+|ERR_SQLITE_ERROR)$/;

function explain(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof DatabaseError) return error;
  if (!isOutage(error) && !DRIVER_CODES.test(codeOf(error))) return error;
  const sentence = `The copy stopped: ${error.message}. Solve this, then run the command again: it continues the copy.`;
  return new DatabaseError(sentence, { cause: error });
}
