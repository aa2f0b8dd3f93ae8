import type { Db } from "./open.ts";

/** How many rows each table has. */
export interface Counts {
  users: number;
  sessions: number;
}

export async function countRows(db: Db): Promise<Counts> {
  return { users: await countOf(db, "users"), sessions: await countOf(db, "sessions") };
}

async function countOf(db: Db, table: "users" | "sessions"): Promise<number> {
  const row = await db
    .selectFrom(table)
    .select(({ fn }) => fn.countAll().as("count"))
    .executeTakeFirstOrThrow();
  return Number(row.count);
}
