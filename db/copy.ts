import { realpathSync } from "node:fs";
import { type Counts, countRows } from "./count.ts";
import { DatabaseError } from "./error.ts";
import { findSchemaState, listApplied, migrate, schemaMistake } from "./migrate.ts";
import { findLastUserId, numberUsersAbove } from "./numbering.ts";
import { type Db, openDatabase, sqliteFile, transaction } from "./open.ts";
import { isOutage } from "./outage.ts";

// Rows go over in the order of their ids, a batch a transaction, and the same transaction notes in the target how far
// they went: a copy that was killed goes on there. What is written to the source meanwhile: users who are made are
// copied, and new sessions whose ids (hashes, in no order) are still to come; other sessions, changes and deletions of
// what went over already are missed. Missing and superfluous rows show in the counts at the end; changes do not. Throttles
// and known devices stay behind: at the next login, every browser is a stranger once.

export interface CopyOptions {
  /** URLs as `openDatabase` takes them. */
  from: string;
  to: string;
  /** Called before the first batch and after each one, with rows of both tables together. */
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
}

type Progress = Omit<CopyTable, "source">;

/**
 * Copies users and sessions, ids and all, into a database that is empty or holds an unfinished copy of the same source.
 *
 * @returns the counts of both sides; the copy is finished only where they are the same
 * @throws DatabaseError
 */
export async function copyDatabase({ from, to, onProgress }: CopyOptions): Promise<CopyResult> {
  const options = { poolSize: 1, statementTimeoutMs: STATEMENT_TIMEOUT_MS };
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
    const { users, sessions } = await countRows(db);
    if (!started) {
      if (users + sessions > 0) {
        throw new DatabaseError("The target is not empty: it holds users or sessions, and no unfinished copy.");
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
    .execute();
  const progress = { last_user_id: BEFORE_EVERY_USER, last_session_id: "" };
  await withCopy(db)
    .insertInto("postern_copy")
    .values({ source, ...progress })
    .execute();
  return progress;
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
  const { users, sessions } = await countRows(source);
  const present = await countRows(target);
  const before = present.users + present.sessions;
  let done = before;
  const report = (rows: number) => {
    done += rows;
    onProgress({ done, total: Math.max(done, users + sessions) });
  };
  report(0);
  const reached = await copyUsers(source, target, start, report);
  await copySessions(source, target, reached, report);
  const result = { before, source: await countRows(source), target: await countRows(target) };
  if (result.source.users === result.target.users && result.source.sessions === result.target.sessions) {
    await finishCopy(target, await findLastUserId(source));
  }
  return result;
}

async function copyUsers(source: Db, target: Db, start: Progress, report: (rows: number) => void): Promise<Progress> {
  let reached = start;
  for (;;) {
    const next = source.selectFrom("users").selectAll().where("id", ">", reached.last_user_id);
    const rows = await next.orderBy("id").limit(BATCH_ROWS).execute();
    const last = rows.at(-1);
    if (last === undefined) return reached;
    reached = await writeBatch(target, reached, { ...reached, last_user_id: last.id }, (db) =>
      db.insertInto("users").values(rows).execute(),
    );
    report(rows.length);
  }
}

async function copySessions(source: Db, target: Db, start: Progress, report: (rows: number) => void): Promise<void> {
  let reached = start;
  for (;;) {
    const next = source
      .selectFrom("sessions")
      .selectAll()
      .where("id", ">", reached.last_session_id)
      // A user who was made since the users went over is not there yet.
      .where("user_id", "<=", reached.last_user_id);
    const rows = await next.orderBy("id").limit(BATCH_ROWS).execute();
    const last = rows.at(-1);
    if (last === undefined) return;
    reached = await writeBatch(target, reached, { ...reached, last_session_id: last.id }, (db) =>
      db.insertInto("sessions").values(rows).execute(),
    );
    report(rows.length);
  }
}

/** Writes rows and how far they go, both or neither. */
function writeBatch(target: Db, from: Progress, to: Progress, write: (db: Db) => Promise<unknown>): Promise<Progress> {
  return transaction(target, async (db) => {
    const { numUpdatedRows } = await withCopy(db)
      .updateTable("postern_copy")
      .set({ last_user_id: to.last_user_id, last_session_id: to.last_session_id })
      .where("last_user_id", "=", from.last_user_id)
      .where("last_session_id", "=", from.last_session_id)
      .executeTakeFirst();
    if (numUpdatedRows !== 1n) throw new DatabaseError("Another copy into this target is under way.");
    await write(db);
    return to;
  });
}

function finishCopy(target: Db, lastUserId: number): Promise<void> {
  return transaction(target, async (db) => {
    await numberUsersAbove(db, lastUserId);
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
