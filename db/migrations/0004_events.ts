import { type Kysely, PostgresAdapter, sql } from "kysely";
import { numbered } from "../columns.ts";

const isPostgres = (db: Kysely<unknown>) => db.getExecutor().adapter instanceof PostgresAdapter;

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("events")
    // More of them than an `integer` of Postgres counts. SQLite's has 64 bits, and numbers a column of that name alone.
    .addColumn("id", isPostgres(db) ? "bigint" : "integer", (column) => numbered(db, column))
    .addColumn("at", "bigint", (column) => column.notNull())
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("subject", "text", (column) => column.notNull())
    .addColumn("actor", "text", (column) => column.notNull())
    .addColumn("address", "text", (column) => column.notNull())
    .addColumn("browser", "text", (column) => column.notNull())
    .addColumn("system", "text", (column) => column.notNull())
    .addColumn("request_id", "text", (column) => column.notNull())
    .addColumn("detail", "text", (column) => column.notNull())
    .addColumn("number", "bigint", (column) => column.notNull())
    .addColumn("previous", "text", (column) => column.notNull())
    .addColumn("hash", "text", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("events_subject_number").unique().on("events").columns(["subject", "number"]).execute();
  await db.schema
    .createTable("event_chains")
    .addColumn("subject", "text", (column) => column.primaryKey())
    .addColumn("last_number", "bigint", (column) => column.notNull())
    .addColumn("last_hash", "text", (column) => column.notNull())
    .addColumn("cut_number", "bigint", (column) => column.notNull())
    .addColumn("cut_hash", "text", (column) => column.notNull())
    .addColumn("cut_at", "bigint", (column) => column.notNull())
    .execute();
  for (const statement of isPostgres(db) ? await postgresTriggers(db) : SQLITE_TRIGGERS) {
    await sql.raw(statement).execute(db);
  }
}

// An event is never changed, and deleted only where its chain has been noted as cut beyond it. A chain is never deleted,
// and neither its end nor its cut goes back.

const SQLITE_TRIGGERS = [
  // `insert or replace` deletes rows without asking the triggers on deletion: https://www.sqlite.org/lang_conflict.html
  `create trigger events_insert before insert on events
   when exists (select 1 from events where id = new.id)
     or exists (select 1 from events where subject = new.subject and number = new.number)
   begin select raise(abort, 'events are append only'); end`,
  `create trigger events_update before update on events
   begin select raise(abort, 'events are append only'); end`,
  `create trigger events_delete before delete on events
   when old.number > coalesce((select cut_number from event_chains where subject = old.subject), 0)
   begin select raise(abort, 'events are append only'); end`,
  `create trigger event_chains_update before update on event_chains
   when new.subject <> old.subject or new.last_number < old.last_number
     or new.cut_number < old.cut_number or new.cut_number > new.last_number
   begin select raise(abort, 'chains of events only grow'); end`,
  `create trigger event_chains_delete before delete on event_chains
   begin select raise(abort, 'chains of events only grow'); end`,
];

async function postgresTriggers(db: Kysely<unknown>): Promise<string[]> {
  const { rows } = await sql<{ version: string }>`select version()`.execute(db);
  const statements = [
    `create function postern_guard_events() returns trigger language plpgsql as $$
     begin
       if tg_op = 'DELETE' then
         if old.number <= (select c.cut_number from event_chains c where c.subject = old.subject) then
           return old;
         end if;
       end if;
       raise exception 'events are append only';
     end $$`,
    `create function postern_guard_event_chains() returns trigger language plpgsql as $$
     begin
       if tg_op = 'UPDATE' then
         if new.subject = old.subject and new.last_number >= old.last_number
           and new.cut_number >= old.cut_number and new.cut_number <= new.last_number then
           return new;
         end if;
       end if;
       raise exception 'chains of events only grow';
     end $$`,
    `create trigger events_guard before update or delete on events
     for each row execute function postern_guard_events()`,
    `create trigger event_chains_guard before update or delete on event_chains
     for each row execute function postern_guard_event_chains()`,
  ];
  // CockroachDB has no triggers of statements: https://github.com/cockroachdb/cockroach/issues/126362
  if (rows[0]?.version.includes("CockroachDB")) return statements;
  return [
    ...statements,
    `create trigger events_truncate before truncate on events
     for each statement execute function postern_guard_events()`,
    `create trigger event_chains_truncate before truncate on event_chains
     for each statement execute function postern_guard_event_chains()`,
  ];
}
