import type { CompiledQuery, DialectAdapter } from "kysely";
import type { Db } from "./schema.ts";

/**
 * Runs a select outside of a transaction, on a connection of its own.
 *
 * @returns the rows; null if the normal path must answer @throws the driver's error
 */
export type Reader = (sql: string, parameters: readonly unknown[]) => unknown[] | null | Promise<unknown[] | null>;

const READERS = new WeakMap<DialectAdapter, Reader>();

/** @param adapter shared by a database and its transactions */
export function attachReader(adapter: DialectAdapter, reader: Reader): void {
  READERS.set(adapter, reader);
}

/**
 * Runs a select on the connection for reads, if there is one:
 *
 * - For an SQLite file, it answers synchronously. The first connection would show the uncommitted writes of another
 *   request's transaction.
 * - On Postgres, it sends each select at once, while earlier ones wait for their answers.
 *
 * In a transaction, the select takes the normal path.
 *
 * @returns the committed rows, also those of other processes; nothing is cached
 */
export function readNow<R>(db: Db, query: CompiledQuery<R>): R[] | Promise<R[]> {
  const read = db.isTransaction ? undefined : READERS.get(db.getExecutor().adapter);
  // The query was compiled for rows of this type.
  const rows = (read?.(query.sql, query.parameters) ?? null) as R[] | null | Promise<R[] | null>;
  if (rows instanceof Promise) return rows.then((found) => found ?? readThroughKysely(db, query));
  return rows ?? readThroughKysely(db, query);
}

async function readThroughKysely<R>(db: Db, query: CompiledQuery<R>): Promise<R[]> {
  return (await db.executeQuery(query)).rows;
}
