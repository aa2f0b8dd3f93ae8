import { type Migration, Migrator } from "kysely";
import { DatabaseError } from "./error.ts";
import * as usersAndSessions from "./migrations/0001_users_and_sessions.ts";
import type { Db } from "./open.ts";

/** Every migration, oldest first. One that has landed is frozen: change the schema with the next one. */
const MIGRATIONS: Record<string, Migration> = {
  "0001_users_and_sessions": usersAndSessions,
};

/** Of our own name: the database may hold another application's, which may use Kysely too. */
const MIGRATION_TABLE = "postern_migration";
const LOCK_TABLE = "postern_migration_lock";

/**
 * Brings the database up to this version's schema: all of it, or on any failure nothing. Several processes may do so at
 * once on one database.
 *
 * @returns the names of the migrations that were applied now
 * @throws DatabaseError where a newer Postern has migrated it already, or it cannot be done
 */
export async function migrate(db: Db): Promise<string[]> {
  try {
    await requireOurs(db);
    const provider = { getMigrations: async () => MIGRATIONS };
    const tables = { migrationTableName: MIGRATION_TABLE, migrationLockTableName: LOCK_TABLE };
    const { error, results } = await new Migrator({ db, provider, ...tables }).migrateToLatest();
    if (error !== undefined) throw error;
    return (results ?? []).filter(({ status }) => status === "Success").map(({ migrationName }) => migrationName);
  } catch (error) {
    if (error instanceof DatabaseError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new DatabaseError(`Cannot migrate the database: ${reason}.`, { cause: error });
  }
}

/** Refuses a database that a newer version has migrated, and one where our tables' names are taken. */
async function requireOurs(db: Db): Promise<void> {
  const tables = (await db.introspection.getTables()).map(({ name }) => name);
  if (!tables.includes(MIGRATION_TABLE)) {
    const taken = tables.filter((name) => ["users", "sessions"].includes(name));
    if (taken.length === 0) return;
    throw new DatabaseError(
      `The database belongs to another application: it has a table ${taken.join(" and ")} that is not Postern's.`,
    );
  }
  const rows = await db
    .withTables<{ [MIGRATION_TABLE]: { name: string } }>()
    .selectFrom(MIGRATION_TABLE)
    .select("name")
    .execute();
  const unknown = rows.map(({ name }) => name).filter((name) => !(name in MIGRATIONS));
  if (unknown.length === 0) return;
  throw new DatabaseError(
    `The database was made by a newer Postern (it has ${unknown.join(", ")}, which this version does not know). ` +
      "Run that version, or restore a backup from before it.",
  );
}
