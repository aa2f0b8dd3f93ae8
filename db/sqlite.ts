import type { Database } from "bun:sqlite";
import { closeSync, existsSync, openSync } from "node:fs";
import { resolve } from "node:path";
import type { SQLInputValue } from "node:sqlite";
import { setTimeout } from "node:timers/promises";
import { type Dialect, SqliteAdapter, SqliteDialect, type SqliteStatement } from "kysely";
import { DatabaseError } from "./error.ts";
import { createExclusive } from "./exclusive-file.ts";
import { explainDatabase, isMissing } from "./explain.ts";
import { resolveLinks } from "./folder.ts";
import { isBusy } from "./outage.ts";
import { attachReader } from "./read-now.ts";
import { openSqliteReader, type SqliteReader } from "./sqlite-reader.ts";
import { asOwnerOf, isRoot } from "./user.ts";
import { NO_LOG, openWriteAheadLog, type WriteAheadLog } from "./write-ahead-log.ts";
import { waitForWriteLock } from "./write-lock.ts";

/** A new file holds password hashes: its owner's business. SQLite gives the files beside it the same mode. */
const OWNER_ONLY = 0o600;

/** How long opening waits for another process's write. After that nothing waits in SQLite, where it stops the process. */
const OPENING_TIMEOUT_MS = 5000;

const MEMORY = ":memory:";

const isDeno = process.versions["deno"] !== undefined;

const REAL_PATH = "select file from pragma_database_list where name = 'main'";

/** How often a new file is tried anew. */
const WAL_RETRY_MS = 50;

/**
 * @param path a file; `:memory:` for a database that ends with the process
 * @param mayCreate whether a missing file is made
 * @throws DatabaseError
 */
export async function createSqliteDialect(path: string, mayCreate: boolean): Promise<Dialect> {
  if (!mayCreate && path !== MEMORY && isMissing(path)) {
    throw new DatabaseError(`There is no database at ${resolve(path)}: serve, migrate and createsuperuser make one.`);
  }
  const { dialect, reader, log } = await openFile(path);
  const adapter = new TransactionalSqliteAdapter();
  if (reader !== null) attachReader(adapter, reader.read);
  const transactional: Dialect = {
    createDriver: () => dialect.createDriver(),
    createAdapter: () => adapter,
    createQueryCompiler: () => dialect.createQueryCompiler(),
    createIntrospector: (db) => dialect.createIntrospector(db),
  };
  const closing = () => {
    reader?.close(); // First: the last connection to close tidies the log up, and this one cannot write.
    log.close();
  };
  return waitForWriteLock(transactional, { committed: log.flushed, closing });
}

/** An open file, whichever runtime's driver has opened it. */
interface SqliteFile {
  dialect: Dialect;
  run: (sql: string) => void;
  /** Where the file is, links resolved; empty for one in memory. */
  realPath: () => string;
  close: () => void;
}

/** With what belongs to it: null and nothing for one in memory. */
type OpenSqliteFile = SqliteFile & { reader: SqliteReader | null; log: WriteAheadLog };

/** SQLite runs DDL in transactions; Kysely's adapter says it does not, which would leave a failed migration half done. */
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
  // A new one is made here, not by SQLite, for its mode.
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
    // Deno tells no more of a link than the permissions for it allow, and so the system follows it.
    closeSync(isDeno ? openSync(path, "a", OWNER_ONLY) : createExclusive(path, OWNER_ONLY));
  } catch (error) {
    const isThere = error instanceof Error && "code" in error && error.code === "EEXIST";
    if (!isThere) throw error; // Another process may have been first.
  }
}

async function prepareFile({ run }: SqliteFile): Promise<void> {
  run(`pragma busy_timeout = ${OPENING_TIMEOUT_MS}`); // First, so that the next ones wait too.
  await turnToWal(run);
  run("pragma synchronous = normal"); // Each commit reaches the disk all the same: see write-ahead-log.ts.
  run("pragma foreign_keys = on");
  // Asks for the write lock: a file that can only be read is found out now, not at the first login.
  run("begin immediate");
  run("rollback");
  run("pragma busy_timeout = 0");
}

/** SQLite does not wait for another process's write before it turns a new file to WAL: it fails at once. */
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
  // The path has no links any more. One that appears is another user's doing.
  const flags = constants.SQLITE_OPEN_READWRITE | constants.SQLITE_OPEN_CREATE | constants.SQLITE_OPEN_NOFOLLOW;
  const database = new Database(path, flags);
  const statements = createStatementCache(database.prepare.bind(database), (statement) => statement.finalize());
  // The cast gives back the generic row type, a claim that nothing checks at run time either way.
  database.prepare = statements.prepare as Database["prepare"];
  const close = database.close.bind(database);
  database.close = () => {
    statements.clear(); // Or the file stays open.
    close();
  };
  const dialect = new BunSqliteDialect({ database });
  const realPath = () => String(statements.prepare(REAL_PATH).values()[0]?.[0] ?? "");
  return { dialect, run: (sql) => database.run(sql), realPath, close: () => database.close() };
}

/** With the SQLite of `node:` modules, which Deno has too. */
async function openWithNode(path: string): Promise<SqliteFile> {
  const { DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(path);
  const compile = (sql: string): SqliteStatement => {
    const statement = database.prepare(sql);
    // Kysely hands on what our queries are made of, strings, numbers and nulls, and knows of no narrower type.
    const values = (parameters: readonly unknown[]) => parameters as SQLInputValue[];
    return {
      reader: statement.columns().length > 0,
      all: (parameters) => statement.all(...values(parameters)),
      run: (parameters) => statement.run(...values(parameters)),
      iterate: (parameters) => statement.iterate(...values(parameters)),
    };
  };
  const { prepare, clear } = createStatementCache(compile, () => {});
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

/** Compiles each SQL text once, and begins every transaction as a writer. */
function createStatementCache<S>(compile: (sql: string) => S, discard: (statement: S) => void) {
  const statements = new Map<string, S>();
  const clear = () => {
    for (const statement of statements.values()) discard(statement);
    statements.clear();
  };
  const prepare = (sql: string): S => {
    // A statement of node:sqlite that outlives a change of its table returns the columns of before.
    if (/^(create|alter|drop)\b/i.test(sql)) clear();
    // A deferred transaction fails, unwaited, when it turns writer after another process wrote.
    const statement = statements.get(sql) ?? compile(sql === "begin" ? "begin immediate" : sql);
    statements.set(sql, statement);
    return statement;
  };
  return { prepare, clear };
}
