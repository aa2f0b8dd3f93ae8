import { type Kysely, PostgresAdapter, sql } from "kysely";

const isPostgres = (db: Kysely<unknown>) => db.getExecutor().adapter instanceof PostgresAdapter;

/** One table for every token that can be used once. The set-up links move into it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("one_time_tokens")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("purpose", "text", (column) => column.notNull())
    .addColumn("user_id", "integer", (column) => column.references("users.id").onDelete("cascade"))
    .addColumn("subject", "text", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("expires_at", "bigint", (column) => column.notNull())
    .execute();
  for (const columns of [["user_id"], ["purpose", "subject"], ["expires_at"]]) {
    await db.schema
      .createIndex(`one_time_tokens_${columns.join("_")}`)
      .on("one_time_tokens")
      .columns(columns)
      .execute();
  }
  // Every set-up link was valid for 30 minutes.
  await sql`insert into one_time_tokens (id, purpose, user_id, subject, created_at, expires_at)
    select id, 'setup', null, '', expires_at - 1800000, expires_at from setup_tokens`.execute(db);
  for (const statement of isPostgres(db) ? POSTGRES_TRIGGERS : SQLITE_TRIGGERS) await sql.raw(statement).execute(db);
  await db.schema.dropTable("setup_tokens").execute();
}

// If a user is made or deleted, every set-up link is deleted: see 0008. The triggers keep their names.

const SQLITE_TRIGGERS = ["insert", "delete"].flatMap((event) => [
  `drop trigger users_${event}_setup`,
  `create trigger users_${event}_setup before ${event} on users
   begin delete from one_time_tokens where purpose = 'setup'; end`,
]);

const POSTGRES_TRIGGERS = [
  `create or replace function postern_use_up_setup_tokens() returns trigger language plpgsql as $$
   begin
     delete from one_time_tokens where purpose = 'setup';
     if tg_op = 'DELETE' then return old; end if;
     return new;
   end $$`,
];
