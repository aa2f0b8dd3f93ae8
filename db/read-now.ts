import type { CompiledQuery, DialectAdapter } from "kysely";
import { isBusy } from "./outage.ts";
import type { Db } from "./schema.ts";

/** Runs a select synchronously on a read-only connection. @throws the driver's error */
export type Reader = (sql: string, parameters: readonly unknown[]) => unknown[];

const READERS = new WeakMap<DialectAdapter, Reader>();

/** @param adapter shared by a database and its transactions */
export function attachReader(adapter: DialectAdapter, reader: Reader): void {
  READERS.set(adapter, reader);
}

/**
 * Runs a select. For an SQLite file, a second connection answers synchronously: the first one would show the
 * uncommitted writes of another request's transaction. In a transaction, in memory, on Postgres, and while SQLite
 * recovers its log, the select takes the normal path.
 *
 * @returns the committed rows, also those of other processes; nothing is cached
 */
export function readNow<R>(db: Db, query: CompiledQuery<R>): R[] | Promise<R[]> {
  const read = db.isTransaction ? undefined : READERS.get(db.getExecutor().adapter);
  if (read === undefined) return readThroughKysely(db, query);
  try {
    return read(query.sql, query.parameters) as R[]; // The query was compiled for rows of this type.
  } catch (error) {
    if (!isBusy(error)) throw error;
    return readThroughKysely(db, query);
  }
}

async function readThroughKysely<R>(db: Db, query: CompiledQuery<R>): Promise<R[]> {
  return (await db.executeQuery(query)).rows;
}
