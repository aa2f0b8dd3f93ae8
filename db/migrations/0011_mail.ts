import { type Kysely, sql } from "kysely";
import { isPostgres } from "../columns.ts";

/** Mail: the outbox, what a link carries, when an address was proved, and when each kind of notice was last sent. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("users").addColumn("email_proved_at", "bigint").execute();
  for (const [table, column] of [
    ["users", "language"],
    ["one_time_tokens", "facts"],
  ] as const) {
    await db.schema
      .alterTable(table)
      .addColumn(column, "text", (column) => column.notNull().defaultTo(""))
      .execute();
  }
  // ASCII letters alone are compared without case (CVE-2019-19844). In the collation "C", Postgres maps no others.
  const folded = isPostgres(db) ? sql`(lower(email collate "C"))` : sql`(lower(email))`;
  await sql`create index users_email on users ${folded}`.execute(db);
  await sql`create unique index users_proved_email on users ${folded} where email_proved_at is not null`.execute(db);
  await db.schema
    .createTable("mails")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("purpose", "text", (column) => column.notNull())
    .addColumn("user_id", "integer", (column) => column.references("users.id").onDelete("cascade"))
    .addColumn("address", "text", (column) => column.notNull())
    .addColumn("language", "text", (column) => column.notNull())
    .addColumn("facts", "text", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("due_at", "bigint", (column) => column.notNull())
    .addColumn("attempts", "integer", (column) => column.notNull())
    .addColumn("error", "text", (column) => column.notNull())
    .addColumn("failed_at", "bigint")
    .execute();
  await sql`create index mails_due_at on mails (due_at) where failed_at is null`.execute(db);
  await db.schema.createIndex("mails_user_id").on("mails").column("user_id").execute();
  await db.schema
    .createTable("notices")
    .addColumn("user_id", "integer", (column) => column.notNull().references("users.id").onDelete("cascade"))
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("sent_at", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("notices_pkey", ["user_id", "kind"])
    .execute();
}
