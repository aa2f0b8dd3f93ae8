import { PostgresAdapter, sql } from "kysely";
import type { Db } from "./open.ts";

/** The tables that the database numbers. */
type Numbered = "users" | "events";

/** The highest id that a row has, or had: that of a deleted one is never given again. 0 where there was none. */
export async function findLastId(db: Db, table: Numbered): Promise<number> {
  const { rows } = isPostgres(db)
    ? await sql<{ last: number | null }>`
        select pg_sequence_last_value(pg_get_serial_sequence(${table}, 'id')::regclass) as last`.execute(db)
    : await sql<{ last: number | null }>`select seq as last from sqlite_sequence where name = ${table}`.execute(db);
  const highest = await db.selectFrom(table).select("id").orderBy("id", "desc").limit(1).executeTakeFirst();
  return Math.max(rows[0]?.last ?? 0, highest?.id ?? 0);
}

/** Has the next row numbered above `last`: rows that were written with their ids do not move the numbers of Postgres. */
export async function numberAbove(db: Db, table: Numbered, last: number): Promise<void> {
  if (last < 1) return;
  if (isPostgres(db)) {
    await sql`select setval(pg_get_serial_sequence(${table}, 'id'), ${last})`.execute(db);
    return;
  }
  await sql`delete from sqlite_sequence where name = ${table}`.execute(db);
  await sql`insert into sqlite_sequence (name, seq) values (${table}, ${last})`.execute(db);
}

function isPostgres(db: Db): boolean {
  return db.getExecutor().adapter instanceof PostgresAdapter;
}
