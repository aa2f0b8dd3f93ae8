import { sql } from "kysely";
import { emptyLane } from "../../db/event-lanes.ts";
import { sealTrail } from "../../db/event-seal.ts";
import { migrate } from "../../db/migrate.ts";
import { type Db, openDatabase, transaction } from "../../db/open.ts";
import { environment } from "../../lib/config/load.ts";
import { TEST_KEYS } from "./secret-key.ts";

/** Names a Postgres whose tables the tests may empty; without it they run on SQLite in memory. */
export const TEST_DATABASE_URL = environment["TEST_DATABASE_URL"];

let shared: Promise<Db> | undefined;

/** An empty database: one in memory for each test, or the one Postgres of this test file, emptied. */
export async function openTestDatabase(): Promise<{ db: Db; close: () => Promise<void> }> {
  if (TEST_DATABASE_URL === undefined) {
    const db = await openDatabase("sqlite::memory:", { mayCreate: true, poolSize: 1 });
    await migrate(db);
    await sealTrail(db, TEST_KEYS.audit, 0);
    return { db, close: () => db.destroy() };
  }
  shared ??= openShared(TEST_DATABASE_URL);
  const db = await shared;
  await db.deleteFrom("users").execute();
  await db.deleteFrom("throttles").execute();
  await emptyTrail(db);
  return { db, close: async () => {} };
}

/** Past the triggers, as nothing but a superuser can. */
async function emptyTrail(db: Db): Promise<void> {
  await transaction(db, async (db) => {
    await sql`set local session_replication_role = replica`.execute(db);
    for (const table of ["events", "event_chains", "event_lanes"] as const) await db.deleteFrom(table).execute();
    await db
      .insertInto("event_lanes")
      .values({ ...emptyLane(0, "unsealed", 0), mac: "" })
      .execute();
  });
  await sealTrail(db, TEST_KEYS.audit, 0);
}

async function openShared(url: string): Promise<Db> {
  const db = await openDatabase(url, { mayCreate: false, poolSize: 5 });
  await migrate(db);
  return db;
}
