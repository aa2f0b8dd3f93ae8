import { type Kysely, PostgresAdapter, sql } from "kysely";

const isPostgres = (db: Kysely<unknown>) => db.getExecutor().adapter instanceof PostgresAdapter;

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("events").addColumn("lane", "integer").execute();
  await db.schema.alterTable("events").addColumn("lane_number", "bigint").execute();
  for (const name of ["seen", "mac"]) {
    await db.schema
      .alterTable("events")
      .addColumn(name, "text", (column) => column.notNull().defaultTo(""))
      .execute();
  }
  await db.schema
    .alterTable("event_chains")
    .addColumn("mac", "text", (column) => column.notNull().defaultTo(""))
    .execute();
  await db.schema.createIndex("events_lane_number").on("events").columns(["lane", "lane_number"]).execute();
  await createLanes(db);
  for (const statement of isPostgres(db) ? await postgresTriggers(db) : SQLITE_TRIGGERS) {
    await sql.raw(statement).execute(db);
  }
}

async function createLanes(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("event_lanes")
    .addColumn("lane", "integer", (column) => column.primaryKey())
    .addColumn("reason", "text", (column) => column.notNull())
    .addColumn("opened_at", "bigint", (column) => column.notNull())
    .addColumn("last_number", "bigint", (column) => column.notNull())
    .addColumn("last_digest", "text", (column) => column.notNull())
    .addColumn("cut_number", "bigint", (column) => column.notNull())
    .addColumn("cut_digest", "text", (column) => column.notNull())
    .addColumn("cut_at", "bigint", (column) => column.notNull())
    .addColumn("mac", "text", (column) => column.notNull())
    .execute();
  // A migration has no key. This row asks the next process that has one to seal what is there.
  await sql`insert into event_lanes values (0, 'unsealed', 0, 0, '', 0, '', 0, '')`.execute(db);
}

// An event without a MAC may get its place and its MAC, once, when the trail of before is sealed. Apart from that, 0004
// holds. A lane never goes back, and is deleted only while it is empty.

/** Every column of before. */
const COLUMNS = [
  ...["id", "at", "kind", "subject", "actor", "address", "browser"],
  ...["system", "request_id", "detail", "number", "previous", "hash"],
];

const SQLITE_TRIGGERS = [
  "drop trigger events_update",
  `create trigger events_update before update on events
   when old.mac <> '' or old.lane is not null or ${COLUMNS.map((name) => `new.${name} is not old.${name}`).join(" or ")}
   begin select raise(abort, 'events are append only'); end`,
  `create trigger event_lanes_update before update on event_lanes
   when new.lane <> old.lane or new.last_number < old.last_number
     or new.cut_number < old.cut_number or new.cut_number > new.last_number
   begin select raise(abort, 'lanes of events only grow'); end`,
  `create trigger event_lanes_delete before delete on event_lanes
   when old.last_number > 0
   begin select raise(abort, 'lanes of events only grow'); end`,
];

async function postgresTriggers(db: Kysely<unknown>): Promise<string[]> {
  const { rows } = await sql<{ version: string }>`select version()`.execute(db);
  const statements = [
    `create or replace function postern_guard_events() returns trigger language plpgsql as $$
     begin
       if tg_op = 'DELETE' then
         if old.number <= (select c.cut_number from event_chains c where c.subject = old.subject) then
           return old;
         end if;
       end if;
       if tg_op = 'UPDATE' then
         if old.mac = '' and old.lane is null and ${COLUMNS.map((name) => `new.${name} = old.${name}`).join(" and ")} then
           return new;
         end if;
       end if;
       raise exception 'events are append only';
     end $$`,
    `create function postern_guard_event_lanes() returns trigger language plpgsql as $$
     begin
       if tg_op = 'UPDATE' then
         if new.lane = old.lane and new.last_number >= old.last_number
           and new.cut_number >= old.cut_number and new.cut_number <= new.last_number then
           return new;
         end if;
       end if;
       if tg_op = 'DELETE' then
         if old.last_number = 0 then
           return old;
         end if;
       end if;
       raise exception 'lanes of events only grow';
     end $$`,
    `create trigger event_lanes_guard before update or delete on event_lanes
     for each row execute function postern_guard_event_lanes()`,
  ];
  // CockroachDB has no triggers of statements: https://github.com/cockroachdb/cockroach/issues/126362
  if (rows[0]?.version.includes("CockroachDB")) return statements;
  return [
    ...statements,
    `create trigger event_lanes_truncate before truncate on event_lanes
     for each statement execute function postern_guard_event_lanes()`,
  ];
}
