import { type Kysely, sql } from "kysely";

/** What a user is shown of a known device. Nothing is known of those from before but when they were made known. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const name of ["browser", "system"]) {
    await db.schema
      .alterTable("devices")
      .addColumn(name, "text", (column) => column.notNull().defaultTo(""))
      .execute();
  }
  await db.schema
    .alterTable("devices")
    .addColumn("last_used_at", "bigint", (column) => column.notNull().defaultTo(0))
    .execute();
  await sql`update devices set last_used_at = created_at`.execute(db);
}
