import { migrate } from "../../db/migrate.ts";
import { type Db, openDatabase } from "../../db/open.ts";
import { environment } from "../../lib/config.ts";

/** Names a Postgres whose tables the tests may empty; without it they run on SQLite in memory. */
export const TEST_DATABASE_URL = environment["TEST_DATABASE_URL"];

let shared: Promise<Db> | undefined;

/** An empty database: one in memory for each test, or the one Postgres of this test file, emptied. */
export async function openTestDatabase(): Promise<{ db: Db; close: () => Promise<void> }> {
  if (TEST_DATABASE_URL === undefined) {
    const db = await openDatabase("sqlite::memory:", { mayCreate: true, poolSize: 1 });
    await migrate(db);
    return { db, close: () => db.destroy() };
  }
  shared ??= openShared(TEST_DATABASE_URL);
  const db = await shared;
  await db.deleteFrom("users").execute();
  await db.deleteFrom("throttles").execute();
  // Of the events, as the hourly clearing does: nothing else may.
  await db
    .updateTable("event_chains")
    .set((row) => ({ cut_number: row.ref("last_number"), cut_hash: row.ref("last_hash") }))
    .execute();
  await db.deleteFrom("events").execute();
  return { db, close: async () => {} };
}

async function openShared(url: string): Promise<Db> {
  const db = await openDatabase(url, { mayCreate: false, poolSize: 5 });
  await migrate(db);
  return db;
}
