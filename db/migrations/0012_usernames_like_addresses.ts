import { type Kysely, sql } from "kysely";
import { isPostgres } from "../columns.ts";

/** Finds the username that is an address, with ASCII letters in any case. Most usernames have no @, and are left out. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const folded = isPostgres(db) ? sql`(lower(username collate "C"))` : sql`(lower(username))`;
  const hasAt = isPostgres(db) ? sql`strpos(username, '@') > 0` : sql`instr(username, '@') > 0`;
  await sql`create index users_username_like_address on users ${folded} where ${hasAt}`.execute(db);
}
