import { Kysely, type Transaction } from "kysely";
import type { Schema } from "./schema.ts";
import { createSqliteDialect } from "./sqlite.ts";

/** The database, or a transaction on it: store functions take either and do not ask which. */
export type Db = Kysely<Schema>;

export interface DatabaseOptions {
  /** Whether an SQLite file that is missing is made. */
  mayCreate: boolean;
}

/**
 * @param url `sqlite:path`, or `sqlite::memory:`
 * @throws DatabaseError where it cannot be opened or is not a database
 */
export async function openDatabase(url: string, options: DatabaseOptions): Promise<Db> {
  return new Kysely<Schema>({ dialect: await createSqliteDialect(url.replace(/^sqlite:/, ""), options) });
}

/**
 * Runs `work` in one transaction: all of it is kept, or, where it throws, none. Inside, use only the `Db` handed to
 * `work` (another would wait for this one for ever), and neither hash nor fetch.
 */
export function transaction<T>(db: Db, work: (db: Transaction<Schema>) => Promise<T>): Promise<T> {
  return db.transaction().execute(work);
}
