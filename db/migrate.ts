import { type Migration, PostgresAdapter, sql } from "kysely";
import { DatabaseError } from "./error.ts";
import * as usersAndSessions from "./migrations/0001_users_and_sessions.ts";
import * as setupTokens from "./migrations/0002_setup_tokens.ts";
import * as throttles from "./migrations/0003_throttles.ts";
import * as events from "./migrations/0004_events.ts";
import * as eventMacs from "./migrations/0005_event_macs.ts";
import * as deviceDetails from "./migrations/0006_device_details.ts";
import * as sessionsByUse from "./migrations/0007_sessions_by_use.ts";
import * as passwordCosts from "./migrations/0008_password_costs.ts";
import * as oneTimeTokens from "./migrations/0009_one_time_tokens.ts";
import { type Db, type TransactionDb, transaction } from "./open.ts";

/** Every migration, oldest first. One that has landed is frozen: change the schema with the next one. */
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
};

/** Of our own name: the database may hold another application's, which may use Kysely too. */
const MIGRATION_TABLE = "postern_migration";

/** Kysely's migrator made these, and older versions of Postern look for them. */
const LOCK_TABLE = "postern_migration_lock";
const LOCK_ROW = "migration_lock";

/** The number that Kysely's migrator takes: during an upgrade, nodes of both versions exclude each other. */
const POSTGRES_LOCK = sql`select pg_advisory_xact_lock(3853314791062309107)`;

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
    return await transaction(db, applyMissing);
  } catch (error) {
    if (error instanceof DatabaseError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new DatabaseError(`Cannot migrate the database: ${reason}.`, { cause: error });
  }
}

/**
 * Kysely's own migrator takes a lock of the session before its transaction. Behind a pooler in transaction mode, such a
 * lock stays with a server connection that another client gets next. This lock ends with the transaction. On SQLite, the
 * transaction itself is the lock.
 */
async function applyMissing(db: TransactionDb): Promise<string[]> {
  const isPostgres = db.getExecutor().adapter instanceof PostgresAdapter;
  if (isPostgres) await POSTGRES_LOCK.execute(db);
  await createTables(db);
  const missing = await findMissingMigrations(db);
  const timestamp = isPostgres ? POSTGRES_TIMESTAMP : SQLITE_TIMESTAMP;
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

/** As Kysely's migrator made them. */
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
 * Writes a row as it is: only a write proves that the server is no standby, and that its disk takes a page.
 *
 * @throws Error if the database takes no writes
 */
export async function proveWritable(db: Db): Promise<void> {
  const unchanged = db.withTables<MigrationTables>().updateTable(LOCK_TABLE).set({ is_locked: 0 });
  await unchanged.where("id", "=", LOCK_ROW).execute();
}

/** How a database stands to this version: `names` are the tables, or the migrations, that the state is about. */
export interface SchemaState {
  /** Without our tables; with another application's under our names; ahead of us; to be migrated; up to date. */
  kind: "empty" | "foreign" | "newer" | "behind" | "current";
  names: string[];
}

/** Looks, and changes nothing. */
export async function findSchemaState(db: Db): Promise<SchemaState> {
  const tables = (await db.introspection.getTables()).map(({ name }) => name);
  if (!tables.includes(MIGRATION_TABLE)) {
    const taken = tables.filter((name) => ["users", "sessions", "throttles", "devices"].includes(name));
    return { kind: taken.length === 0 ? "empty" : "foreign", names: taken };
  }
  const unknown = (await listApplied(db)).map(({ name }) => name).filter((name) => !(name in MIGRATIONS));
  if (unknown.length > 0) return { kind: "newer", names: unknown };
  const missing = await findMissingMigrations(db);
  return { kind: missing.length > 0 ? "behind" : "current", names: missing };
}

/** The migrations that were applied, oldest first, each with its moment as ISO 8601: the first one tells databases apart. */
export function listApplied(db: Db): Promise<{ name: string; timestamp: string }[]> {
  return db
    .withTables<MigrationTables>()
    .selectFrom(MIGRATION_TABLE)
    .select(["name", "timestamp"])
    .orderBy("name")
    .execute();
}

/** This version's migrations that the database has not had. @throws Error where it has had none at all */
export async function findMissingMigrations(db: Db): Promise<string[]> {
  const applied = (await listApplied(db)).map(({ name }) => name);
  return Object.keys(MIGRATIONS).filter((name) => !applied.includes(name));
}

/** The sentence about a database that is not ours to use, null where it is. */
export function schemaMistake({ kind, names }: SchemaState): string | null {
  if (kind === "foreign") {
    return `The database belongs to another application: it has a table ${names.join(" and ")} that is not Postern's.`;
  }
  if (kind !== "newer") return null;
  return (
    `The database was made by a newer Postern (it has ${names.join(", ")}, which this version does not know). ` +
    "Run that version, or restore a backup from before it."
  );
}

/** Refuses a database that a newer version has migrated, and one where our tables' names are taken. */
async function requireOurs(db: Db): Promise<void> {
  const mistake = schemaMistake(await findSchemaState(db));
  if (mistake !== null) throw new DatabaseError(mistake);
}
