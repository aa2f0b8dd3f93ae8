import { type Kysely, sql } from "kysely";
import { isPostgres, numbered } from "../columns.ts";

export async function up(db: Kysely<unknown>): Promise<void> {
  // Byte by byte as on SQLite, so that both databases sort the names alike.
  const text = isPostgres(db) ? sql`text collate "C"` : sql`text`;
  await db.schema
    .createTable("groups")
    .addColumn("id", "integer", (column) => numbered(db, column))
    .addColumn("name", text, (column) => column.notNull().unique())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema
    .createTable("user_groups")
    .addColumn("user_id", "integer", (column) => column.notNull().references("users.id").onDelete("cascade"))
    .addColumn("group_id", "integer", (column) => column.notNull().references("groups.id").onDelete("cascade"))
    .addPrimaryKeyConstraint("user_groups_pkey", ["user_id", "group_id"])
    .execute();
  await db.schema.createIndex("user_groups_group_id").on("user_groups").column("group_id").execute();
}
