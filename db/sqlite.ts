import type { Database } from "bun:sqlite";
import { closeSync, existsSync, openSync } from "node:fs";
import { resolve } from "node:path";
import type { SQLInputValue } from "node:sqlite";
import { setTimeout } from "node:timers/promises";
import { type Dialect, SqliteAdapter, SqliteDialect, type SqliteStatement } from "kysely";
import { codeOf, DatabaseError } from "./error.ts";
import { createExclusive, OWNER_ONLY } from "./exclusive-file.ts";
import { explainDatabase, isMissing } from "./explain.ts";
import { resolveLinks } from "./folder.ts";
import { isBusy } from "./outage.ts";
import { attachReader, type Reader } from "./read-now.ts";
import { createStatementCache, openSqliteReader, type SqliteReader } from "./sqlite-reader.ts";
import { asOwnerOf, isRoot } from "./user.ts";
import { NO_LOG, openWriteAheadLog, type WriteAheadLog } from "./write-ahead-log.ts";
import { waitForWriteLock } from "./write-lock.ts";

/** The longest wait for the lock at opening. Later no wait happens in SQLite, because it blocks the process. */
const OPENING_TIMEOUT_MS = 5000;

const MEMORY = ":memory:";

const isDeno = process.versions["deno"] !== undefined;

const REAL_PATH = "select file from pragma_database_list where name = 'main'";

const WAL_RETRY_MS = 50;

/**
 * @param path a file, or `:memory:`
 * @param mayCreate whether a missing file is created
 * @param lockTimeoutMs the longest wait for the write lock; by default the limit for requests
 * @throws DatabaseError
 */
export async function createSqliteDialect(path: string, mayCreate: boolean, lockTimeoutMs?: number): Promise<Dialect> {
  if (!mayCreate && path !== MEMORY && isMissing(path)) {
    throw new DatabaseError(`There is no database at ${resolve(path)}. Run migrate or serve to create one.`);
  }
  const { dialect, reader, log } = await openFile(path);
  const adapter = new TransactionalSqliteAdapter();
  if (reader !== null) attachReader(adapter, unlessBusy(reader.read));
  const closing = () => {
    reader?.close(); // First: the last connection writes the log into the file, and this one cannot write.
    log.close();
  };
  return {
    ...waitForWriteLock(dialect, { committed: log.flushed, closing }, lockTimeoutMs),
    createAdapter: () => adapter,
  };
}

/** While SQLite recovers its log, the connection for writes answers: it waits. */
function unlessBusy(read: Reader): Reader {
  return (sql, parameters) => {
    try {
      return read(sql, parameters);
    } catch (error) {
      if (isBusy(error)) return null;
      throw error;
    }
  };
}

/** A database opened by the driver of Bun or of Node. */
interface SqliteFile {
  dialect: Dialect;
  run: (sql: string) => void;
  /** Without symbolic links; empty for a database in memory. */
  realPath: () => string;
  close: () => void;
}

/** `reader` is null for a database in memory. */
type OpenSqliteFile = SqliteFile & { reader: SqliteReader | null; log: WriteAheadLog };

/** SQLite supports DDL in transactions. Kysely's adapter denies it, so a failed migration would not be rolled back. */
class TransactionalSqliteAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

async function openFile(path: string): Promise<OpenSqliteFile> {
  try {
    if (path === MEMORY) return await openAt(path);
    const target = isDeno && !isRoot() ? path : resolveLinks(path);
    return await asOwnerOf(target, () => openAt(target));
  } catch (error) {
    throw new DatabaseError(`Cannot open the database ${path}: ${explainDatabase(path, error)}.`, { cause: error });
  }
}

async function openAt(path: string): Promise<OpenSqliteFile> {
  // SQLite would create a file that other users can read. It gives its log the mode of the file.
  if (path !== MEMORY && !existsSync(path)) createFile(path);
  const file = await (process.versions["bun"] === undefined ? openWithNode(path) : openWithBun(path));
  try {
    await prepareFile(file);
    const realPath = file.realPath();
    if (realPath === "") return { ...file, reader: null, log: NO_LOG };
    return { ...file, reader: await openSqliteReader(realPath), log: openWriteAheadLog(realPath) };
  } catch (error) {
    file.close();
    throw error;
  }
}

function createFile(path: string): void {
  try {
    // On Deno, a link can only be resolved with more permissions, so the system must follow it.
    closeSync(isDeno ? openSync(path, "a", OWNER_ONLY) : createExclusive(path));
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error; // Otherwise another process has created it.
  }
}

async function prepareFile({ run }: SqliteFile): Promise<void> {
  run(`pragma busy_timeout = ${OPENING_TIMEOUT_MS}`); // Applies to the next statements.
  await turnToWal(run);
  run("pragma synchronous = normal"); // write-ahead-log.ts still flushes each commit to the disk.
  run("pragma foreign_keys = on");
  // Takes the write lock, so that a read-only file is an error now and not at the first login.
  run("begin immediate");
  run("rollback");
  run("pragma busy_timeout = 0");
}

/** While another process writes, this pragma fails at once: it ignores busy_timeout. */
async function turnToWal(run: SqliteFile["run"]): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += WAL_RETRY_MS) {
    try {
      return run("pragma journal_mode = wal");
    } catch (error) {
      if (!isBusy(error) || waitedMs >= OPENING_TIMEOUT_MS) throw error;
      await setTimeout(WAL_RETRY_MS);
    }
  }
}

async function openWithBun(path: string): Promise<SqliteFile> {
  const { constants, Database } = await import("bun:sqlite");
  const { BunSqliteDialect } = await import("kysely-bun-sqlite");
  // The path has no links. If one appears, another user has planted it.
  const flags = constants.SQLITE_OPEN_READWRITE | constants.SQLITE_OPEN_CREATE | constants.SQLITE_OPEN_NOFOLLOW;
  const database = new Database(path, flags);
  const statements = createStatements(database.prepare.bind(database), (statement) => statement.finalize());
  // The cast restores the generic row type, which has no effect at run time.
  database.prepare = statements.prepare as Database["prepare"];
  const close = database.close.bind(database);
  database.close = () => {
    statements.clear(); // An open statement would keep the file open.
    close();
  };
  const dialect = new BunSqliteDialect({ database });
  const realPath = () => String(statements.prepare(REAL_PATH).values()[0]?.[0] ?? "");
  return { dialect, run: (sql) => database.run(sql), realPath, close: () => database.close() };
}

/** With `node:sqlite`, which Deno has too. */
async function openWithNode(path: string): Promise<SqliteFile> {
  const { DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(path);
  const compile = (sql: string): SqliteStatement => {
    const statement = database.prepare(sql);
    // The parameters of our queries are strings, numbers and nulls. Kysely has no narrower type.
    const values = (parameters: readonly unknown[]) => parameters as SQLInputValue[];
    return {
      reader: statement.columns().length > 0,
      all: (parameters) => statement.all(...values(parameters)),
      run: (parameters) => statement.run(...values(parameters)),
      iterate: (parameters) => statement.iterate(...values(parameters)),
    };
  };
  const { prepare, clear } = createStatements(compile);
  const close = () => {
    clear();
    database.close();
  };
  const dialect = new SqliteDialect({ database: { prepare, close } });
  return {
    dialect,
    run: (sql) => database.exec(sql),
    realPath: () => String(database.prepare(REAL_PATH).get()?.["file"] ?? ""),
    close,
  };
}

/** Turns `begin` into `begin immediate`. */
function createStatements<S>(compile: (sql: string) => S, discard?: (statement: S) => void) {
  const { get, clear } = createStatementCache(compile, discard);
  const prepare = (sql: string): S => {
    // After a change of its table, a cached statement of node:sqlite returns the old columns.
    if (/^(create|alter|drop)\b/i.test(sql)) clear();
    // A deferred transaction fails at its first write, without a wait, if another process wrote since its first read.
    return get(sql === "begin" ? "begin immediate" : sql);
  };
  return { prepare, clear };
}
