import { statSync } from "node:fs";
import { type Dialect, Kysely, sql } from "kysely";
import { DatabaseError } from "./error.ts";
import type { PostgresOptions } from "./postgres.ts";
import type { Db, Schema, TransactionDb } from "./schema.ts";
import { createSqliteDialect } from "./sqlite.ts";

export type { Db, TransactionDb } from "./schema.ts";

/** The options of Postgres do not matter to SQLite. */
export interface DatabaseOptions extends PostgresOptions {
  /** Whether a missing SQLite file is created. */
  mayCreate: boolean;
  /** The longest wait for SQLite's write lock; by default the limit for requests. */
  lockTimeoutMs?: number;
}

/** The longest waits for the database, and the longest life of a connection to Postgres. */
export type DatabaseTimeouts = Pick<
  DatabaseOptions,
  "connectTimeoutMs" | "statementTimeoutMs" | "connectionLifetimeMs" | "lockTimeoutMs"
>;

/**
 * Opens an SQLite file at once. Connects to Postgres at the first query.
 *
 * @param url `sqlite:path`, `sqlite::memory:`, or `postgres://user:password@host/name` with the parameters of libpq
 * @throws DatabaseError if an SQLite file cannot be opened
 */
export async function openDatabase(url: string, options: DatabaseOptions): Promise<Db> {
  const dialect = isPostgresUrl(url)
    ? (await loadPostgres()).createPostgresDialect(url, options)
    : await openSqliteFile(url.replace(/^sqlite:/, ""), options);
  return new Kysely<Schema>({ dialect });
}

/** Loads the driver of Postgres. A server with SQLite starts sooner and takes less memory without it. */
export function loadPostgres(): Promise<typeof import("./postgres.ts")> {
  return import("./postgres.ts");
}

async function openSqliteFile(path: string, { mayCreate, lockTimeoutMs }: DatabaseOptions): Promise<Dialect> {
  const before = inodeOf(path);
  const dialect = await createSqliteDialect(path, mayCreate, lockTimeoutMs);
  // If a restore replaced the file while it was opened, the open file has another name now.
  if (before === null || before === inodeOf(path)) return dialect;
  throw new DatabaseError(`The database ${path} was replaced while it was opened. Try again.`);
}

/** The path in an SQLite URL; null for Postgres and for a database in memory. */
export function sqliteFile(url: string): string | null {
  return isPostgresUrl(url) || url === "sqlite::memory:" ? null : url.replace(/^sqlite:/, "");
}

/** Null if the file is missing. */
function inodeOf(path: string): number | null {
  try {
    return statSync(path, { throwIfNoEntry: false })?.ino ?? null;
  } catch {
    return null; // The open reports the reason.
  }
}

export function isPostgresUrl(url: string): boolean {
  return /^postgres(ql)?:\/\//.test(url);
}

/**
 * Runs `work` in one transaction; rolls back if it throws. Inside, use only the `db` that `work` receives: on SQLite,
 * another one would wait for this transaction. Do not hash or fetch inside.
 */
export function transaction<T>(db: Db, work: (db: TransactionDb) => Promise<T>): Promise<T> {
  return db.transaction().execute(work);
}

/**
 * Checks that the database answers and, on SQLite, that all commits are on the disk. The statement is raw because a
 * select built by Kysely does not wait for the disk.
 *
 * @throws Error if the database does not answer or the disk fails
 */
export async function ping(db: Db): Promise<void> {
  await sql`select 1`.execute(db);
}
