import { sql } from "kysely";
import { emptyLane } from "../../db/event-lanes.ts";
import { sealTrail } from "../../db/event-seal.ts";
import { migrate } from "../../db/migrate.ts";
import { type Db, openDatabase, transaction } from "../../db/open.ts";
import { environment } from "../../lib/config/load.ts";
import { TEST_KEYS } from "./secret-key.ts";

/** A Postgres whose tables the tests may empty. Without it, they run on SQLite in memory. */
export const TEST_DATABASE_URL = environment["TEST_DATABASE_URL"];

let shared: Promise<Db> | undefined;

/** An empty database: one in memory for each test, or the one Postgres of this test file, emptied. */
export async function openTestDatabase(): Promise<{ db: Db; close: () => Promise<void> }> {
  if (TEST_DATABASE_URL === undefined) {
    template ??= readTemplate();
    return openCopy(await template);
  }
  shared ??= openShared(TEST_DATABASE_URL);
  const db = await shared;
  await db.deleteFrom("users").execute();
  await db.deleteFrom("groups").execute();
  await db.deleteFrom("throttles").execute();
  await db.deleteFrom("mails").execute();
  await db.deleteFrom("one_time_tokens").execute();
  await emptyTrail(db);
  return { db, close: async () => {} };
}

/** A database in memory, made by these statements. */
export async function openCopy(statements: string[]): Promise<{ db: Db; close: () => Promise<void> }> {
  const db = await openMemory();
  for (const statement of statements) await sql.raw(statement).execute(db);
  return { db, close: () => db.destroy() };
}

const openMemory = () => openDatabase("sqlite::memory:", { mayCreate: true, poolSize: 1 });

let template: Promise<string[]> | undefined;

async function readTemplate(): Promise<string[]> {
  const db = await openMemory();
  await migrate(db);
  await sealTrail(db, TEST_KEYS.audit, 0);
  const statements = await readStatements(db);
  await db.destroy();
  return statements;
}

/** The statements that make an equal database in memory: tables, rows, and then triggers and indexes. */
export async function readStatements(db: Db): Promise<string[]> {
  const objects = await sql<{ type: string; name: string; sql: string }>`
    select type, name, sql from sqlite_master where sql is not null order by type <> 'table', rowid`.execute(db);
  const tables = objects.rows.filter(({ type, name }) => type === "table" && name !== "sqlite_sequence");
  const rows: string[] = [];
  for (const { name } of [...tables, { name: "sqlite_sequence" }]) rows.push(...(await readRows(db, name)));
  const others = objects.rows.filter(({ type }) => type !== "table");
  return [...tables, ...others].map(({ sql }) => sql).toSpliced(tables.length, 0, ...rows);
}

async function readRows(db: Db, table: string): Promise<string[]> {
  const columns = await sql<{ name: string }>`select name from pragma_table_info(${table})`.execute(db);
  const quoted = columns.rows.map(({ name }) => `quote("${name}")`).join(" || ',' || ");
  const { rows } = await sql<{ row: string }>`select ${sql.raw(quoted)} as row from ${sql.table(table)}`.execute(db);
  return rows.length === 0 ? [] : [`insert into "${table}" values (${rows.map(({ row }) => row).join("), (")})`];
}

/** Without the triggers, as only a superuser can. */
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
