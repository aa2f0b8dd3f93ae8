import { type Migration, sql } from "kysely";
import { isPostgres } from "./columns.ts";
import { DatabaseError, messageOf } from "./error.ts";
import * as usersAndSessions from "./migrations/0001_users_and_sessions.ts";
import * as setupTokens from "./migrations/0002_setup_tokens.ts";
import * as throttles from "./migrations/0003_throttles.ts";
import * as events from "./migrations/0004_events.ts";
import * as eventMacs from "./migrations/0005_event_macs.ts";
import * as deviceDetails from "./migrations/0006_device_details.ts";
import * as sessionsByUse from "./migrations/0007_sessions_by_use.ts";
import * as passwordCosts from "./migrations/0008_password_costs.ts";
import * as oneTimeTokens from "./migrations/0009_one_time_tokens.ts";
import * as groups from "./migrations/0010_groups.ts";
import * as mail from "./migrations/0011_mail.ts";
import * as usernamesLikeAddresses from "./migrations/0012_usernames_like_addresses.ts";
import * as secondFactors from "./migrations/0013_second_factors.ts";
import { type Db, type TransactionDb, transaction } from "./open.ts";

/** Every migration, oldest first. A migration never changes: add a new one. */
const MIGRATIONS: Record<string, Migration> = {
  "0001_users_and_sessions": usersAndSessions,
  "0002_setup_tokens": setupTokens,
  "0003_throttles": throttles,
  "0004_events": events,
  "0005_event_macs": eventMacs,
  "0006_device_details": deviceDetails,
  "0007_sessions_by_use": sessionsByUse,
  "0008_password_costs": passwordCosts,
  "0009_one_time_tokens": oneTimeTokens,
  "0010_groups": groups,
  "0011_mail": mail,
  "0012_usernames_like_addresses": usernamesLikeAddresses,
  "0013_second_factors": secondFactors,
};

/** Not Kysely's default name, because another application in the database may use Kysely too. */
const MIGRATION_TABLE = "postern_migration";

/** Older versions of Postern used Kysely's migrator, which needs this table. */
const LOCK_TABLE = "postern_migration_lock";
const LOCK_ROW = "migration_lock";

/** The lock number of Kysely's migrator. During an upgrade, nodes of old and new versions exclude each other. */
const POSTGRES_LOCK = sql`select pg_advisory_xact_lock(3853314791062309107)`;

/**
 * Applies the missing migrations in one transaction. Several processes may call it at the same time.
 *
 * @returns the names of the applied migrations
 * @throws DatabaseError also for a foreign schema, or one that a newer Postern has migrated
 */
export async function migrate(db: Db): Promise<string[]> {
  try {
    const state = await findSchemaState(db);
    const problem = explainSchema(state);
    if (problem !== null) throw new DatabaseError(problem);
    // On Postgres, the transaction below also proves that the server is not a standby.
    if (state.kind === "current" && !isPostgres(db)) return [];
    return await transaction(db, applyMissing);
  } catch (error) {
    if (error instanceof DatabaseError) throw error;
    throw new DatabaseError(`Cannot migrate the database: ${messageOf(error)}.`, { cause: error });
  }
}

/**
 * Kysely's migrator takes a session lock. Behind a pooler in transaction mode, that lock would stay on a server
 * connection that another client uses next. This lock ends with the transaction. On SQLite, the transaction itself
 * holds the write lock.
 */
async function applyMissing(db: TransactionDb): Promise<string[]> {
  if (isPostgres(db)) await POSTGRES_LOCK.execute(db);
  await createTables(db);
  const missing = await findMissingMigrations(db);
  const timestamp = isPostgres(db) ? POSTGRES_TIMESTAMP : SQLITE_TIMESTAMP;
  for (const name of missing) {
    await MIGRATIONS[name]?.up(db);
    await db.withTables<MigrationTables>().insertInto(MIGRATION_TABLE).values({ name, timestamp }).execute();
  }
  return missing;
}

/** ISO 8601, in UTC. */
const POSTGRES_TIMESTAMP = sql<string>`replace(cast(current_timestamp at time zone 'utc' as text), ' ', 'T') || 'Z'`;
const SQLITE_TIMESTAMP = sql<string>`strftime('%Y-%m-%dT%H:%M:%fZ', 'now')`;

type MigrationTables = {
  [MIGRATION_TABLE]: { name: string; timestamp: string };
  [LOCK_TABLE]: { id: string; is_locked: number };
};

/** In the form of Kysely's migrator. */
async function createTables(db: TransactionDb): Promise<void> {
  await db.schema
    .createTable(MIGRATION_TABLE)
    .ifNotExists()
    .addColumn("name", "varchar(255)", (column) => column.notNull().primaryKey())
    .addColumn("timestamp", "varchar(255)", (column) => column.notNull())
    .execute();
  await db.schema
    .createTable(LOCK_TABLE)
    .ifNotExists()
    .addColumn("id", "varchar(255)", (column) => column.notNull().primaryKey())
    .addColumn("is_locked", "integer", (column) => column.notNull().defaultTo(0))
    .execute();
  await db
    .withTables<MigrationTables>()
    .insertInto(LOCK_TABLE)
    .values({ id: LOCK_ROW, is_locked: 0 })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/**
 * Updates a row without a change. Only a write proves that the server is not a standby and the disk is not full.
 *
 * @throws Error if the write fails
 */
export async function proveWritable(db: Db): Promise<void> {
  const unchanged = db.withTables<MigrationTables>().updateTable(LOCK_TABLE).set({ is_locked: 0 });
  await unchanged.where("id", "=", LOCK_ROW).execute();
}

export interface SchemaState {
  /** `foreign`: another application has tables of our names. `behind`: migrations are missing. */
  kind: "empty" | "foreign" | "newer" | "behind" | "current";
  /** The tables of a foreign schema, the unknown migrations of a newer one, or the missing ones. */
  names: string[];
}

export async function findSchemaState(db: Db): Promise<SchemaState> {
  const tables = await listTables(db);
  if (!tables.includes(MIGRATION_TABLE)) {
    const taken = tables.filter((name) => ["users", "sessions", "throttles", "devices", "groups"].includes(name));
    return { kind: taken.length === 0 ? "empty" : "foreign", names: taken };
  }
  const unknown = (await listApplied(db)).map(({ name }) => name).filter((name) => !(name in MIGRATIONS));
  if (unknown.length > 0) return { kind: "newer", names: unknown };
  const missing = await findMissingMigrations(db);
  return { kind: missing.length > 0 ? "behind" : "current", names: missing };
}

/** On SQLite without Kysely's introspection, which asks for the columns of every table as well. */
async function listTables(db: Db): Promise<string[]> {
  if (isPostgres(db)) return (await db.introspection.getTables()).map(({ name }) => name);
  const catalog = db.withTables<{ sqlite_master: { type: string; name: string } }>().selectFrom("sqlite_master");
  return (await catalog.select("name").where("type", "in", ["table", "view"]).execute()).map(({ name }) => name);
}

/** The applied migrations, oldest first; the time is ISO 8601. */
export function listApplied(db: Db): Promise<{ name: string; timestamp: string }[]> {
  return db
    .withTables<MigrationTables>()
    .selectFrom(MIGRATION_TABLE)
    .select(["name", "timestamp"])
    .orderBy("name")
    .execute();
}

/** @throws Error if no migration was ever applied */
export async function findMissingMigrations(db: Db): Promise<string[]> {
  const applied = (await listApplied(db)).map(({ name }) => name);
  return Object.keys(MIGRATIONS).filter((name) => !applied.includes(name));
}

/** @returns the sentence about a foreign or newer schema; null for any other */
export function explainSchema({ kind, names }: SchemaState): string | null {
  if (kind === "foreign") {
    return (
      `The database belongs to another application: its table ${names.join(" and ")} is not Postern's. ` +
      "Set DATABASE_URL to another database."
    );
  }
  if (kind !== "newer") return null;
  return (
    `The database was migrated by a newer Postern (it has ${names.join(", ")}, which this version does not know). ` +
    "Run that version, or restore a backup from before the upgrade."
  );
}
