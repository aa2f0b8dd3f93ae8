import { sql } from "kysely";
import { isPostgres } from "./columns.ts";
import type { Db } from "./open.ts";

/** The tables with generated ids. */
type Numbered = "users" | "groups" | "events";

/** The highest id ever used; deleted rows count, because an id is never used twice. 0 if there was no row. */
export async function findLastId(db: Db, table: Numbered): Promise<number> {
  const { rows } = isPostgres(db)
    ? await sql<{ last: number | null }>`
        select pg_sequence_last_value(pg_get_serial_sequence(${table}, 'id')::regclass) as last`.execute(db)
    : await sql<{ last: number | null }>`select seq as last from sqlite_sequence where name = ${table}`.execute(db);
  const highest = await db.selectFrom(table).select("id").orderBy("id", "desc").limit(1).executeTakeFirst();
  return Math.max(rows[0]?.last ?? 0, highest?.id ?? 0);
}

/** Makes the next generated id greater than `last`. On Postgres, rows inserted with an id do not advance the sequence. */
export async function numberAbove(db: Db, table: Numbered, last: number): Promise<void> {
  if (last < 1) return;
  if (isPostgres(db)) {
    await sql`select setval(pg_get_serial_sequence(${table}, 'id'), ${last})`.execute(db);
    return;
  }
  await sql`delete from sqlite_sequence where name = ${table}`.execute(db);
  await sql`insert into sqlite_sequence (name, seq) values (${table}, ${last})`.execute(db);
}
