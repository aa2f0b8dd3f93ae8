import { statSync } from "node:fs";
import { type Dialect, Kysely, sql } from "kysely";
import { DatabaseError } from "./error.ts";
import { createPostgresDialect } from "./postgres.ts";
import type { Db, Schema, TransactionDb } from "./schema.ts";
import { createSqliteDialect } from "./sqlite.ts";

export type { Db, TransactionDb } from "./schema.ts";

export interface DatabaseOptions {
  /** Whether an SQLite file that is missing is made. */
  mayCreate: boolean;
  /** How many connections to a Postgres at the most; SQLite has one. */
  poolSize: number;
  /** How long a statement may take on Postgres, where it may take longer than a request's. */
  statementTimeoutMs?: number;
  /** Whether the Postgres is behind a connection pooler that gives each transaction another connection. */
  hasTransactionPooler?: boolean;
}

/**
 * @param url `sqlite:path`, `sqlite::memory:`, or `postgres://user:password@host/name` with the parameters of libpq
 * @throws DatabaseError where an SQLite file cannot be opened or is none; a Postgres is asked at the first query only
 */
export async function openDatabase(
  url: string,
  { mayCreate, poolSize, statementTimeoutMs, hasTransactionPooler = false }: DatabaseOptions,
): Promise<Db> {
  const dialect = isPostgresUrl(url)
    ? createPostgresDialect({ url, poolSize, statementTimeoutMs, hasTransactionPooler })
    : await openSqliteFile(url.replace(/^sqlite:/, ""), mayCreate);
  return new Kysely<Schema>({ dialect: reportingFirstErrors(dialect) });
}

async function openSqliteFile(path: string, mayCreate: boolean): Promise<Dialect> {
  const before = inodeOf(path);
  const dialect = await createSqliteDialect(path, mayCreate);
  // A restore may have come between opening the file and its lock: what was opened has another name by now.
  if (before === null || before === inodeOf(path)) return dialect;
  throw new DatabaseError(`The database ${path} was replaced while it was being opened: try again.`);
}

/**
 * Kysely rolls back whatever failed, and where that fails too reports only that. It does where the database has ended the
 * transaction already (SQLite on a full disk) or is gone; what counts is what went wrong first.
 */
function reportingFirstErrors(dialect: Dialect): Dialect {
  return {
    createAdapter: () => dialect.createAdapter(),
    createIntrospector: (db) => dialect.createIntrospector(db),
    createQueryCompiler: () => dialect.createQueryCompiler(),
    createDriver: () => {
      const driver = dialect.createDriver();
      const rollback = driver.rollbackTransaction.bind(driver);
      driver.rollbackTransaction = (connection) => rollback(connection).catch(() => {});
      return driver;
    },
  };
}

/** The path in an SQLite URL, as it is written there; null for a Postgres and a database in memory. */
export function sqliteFile(url: string): string | null {
  return isPostgresUrl(url) || url === "sqlite::memory:" ? null : url.replace(/^sqlite:/, "");
}

/** What tells a file from another one that takes its name; null where there is none. */
function inodeOf(path: string): number | null {
  try {
    return statSync(path, { throwIfNoEntry: false })?.ino ?? null;
  } catch {
    return null; // Opening it tells why it cannot be looked at.
  }
}

export function isPostgresUrl(url: string): boolean {
  return /^postgres(ql)?:\/\//.test(url);
}

/**
 * Runs `work` in one transaction: all of it is kept, or, where it throws, none. Inside, use only the `Db` handed to
 * `work` (another would wait for this one for ever), and neither hash nor fetch.
 */
export function transaction<T>(db: Db, work: (db: TransactionDb) => Promise<T>): Promise<T> {
  return db.transaction().execute(work);
}

/**
 * Asks the database for nothing, and waits until all that has been committed is kept: SQLite lets others see what is not
 * on the disk yet. It stays a raw statement, since no select of Kysely's own waits for that.
 *
 * @throws Error where it does not answer, or keeps nothing
 */
export async function ping(db: Db): Promise<void> {
  await sql`select 1`.execute(db);
}
