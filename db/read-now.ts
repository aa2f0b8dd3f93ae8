import type { CompiledQuery, DialectAdapter } from "kysely";
import { isBusy } from "./outage.ts";
import type { Db } from "./schema.ts";

/** Runs a select at once, on a connection that only reads. @throws Error as the driver does */
export type Reader = (sql: string, parameters: readonly unknown[]) => unknown[];

const READERS = new WeakMap<DialectAdapter, Reader>();

/** @param adapter what a database and its transactions have in common */
export function attachReader(adapter: DialectAdapter, reader: Reader): void {
  READERS.set(adapter, reader);
}

/**
 * Runs a select. An SQLite file answers at once, from a second connection: the writing one would show what another
 * request's open transaction has written and may yet roll back. In a transaction, on a database in memory and on
 * Postgres, the select takes the ordinary path, as it does while SQLite recovers its log.
 *
 * @returns the rows as they are at this moment, whichever process wrote them
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
