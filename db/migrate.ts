import { type Migration, Migrator } from "kysely";
import { DatabaseError } from "./error.ts";
import * as usersAndSessions from "./migrations/0001_users_and_sessions.ts";
import type { Db } from "./open.ts";

/** Every migration, oldest first. One that has landed is frozen: change the schema with the next one. */
const MIGRATIONS: Record<string, Migration> = {
  "0001_users_and_sessions": usersAndSessions,
};

/**
 * Brings the database up to this version's schema: all of it, or on any failure nothing. Several processes may do so at
 * once on one database.
 *
 * @returns the names of the migrations that were applied now
 * @throws DatabaseError where a newer Postern has migrated it already
 */
export async function migrate(db: Db): Promise<string[]> {
  const unknown = (await appliedMigrations(db)).filter((name) => !(name in MIGRATIONS));
  if (unknown.length > 0) {
    throw new DatabaseError(
      `The database was made by a newer Postern (it has ${unknown.join(", ")}, which this version does not know). ` +
        "Run that version, or restore a backup from before it.",
    );
  }
  const migrator = new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS } });
  const { error, results } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
  return (results ?? []).filter(({ status }) => status === "Success").map(({ migrationName }) => migrationName);
}

async function appliedMigrations(db: Db): Promise<string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some(({ name }) => name === "kysely_migration")) return [];
  const rows = await db
    .withTables<{ kysely_migration: { name: string } }>()
    .selectFrom("kysely_migration")
    .select("name")
    .execute();
  return rows.map(({ name }) => name);
}
