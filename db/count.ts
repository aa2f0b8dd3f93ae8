import type { Db } from "./open.ts";

const TABLES = [
  "users",
  "groups",
  "user_groups",
  "totp_factors",
  "recovery_codes",
  "passkeys",
  "sessions",
  "events",
] as const;

/** The number of rows of each table; 0 if the table is missing, as in an old backup. */
export type Counts = Record<(typeof TABLES)[number], number>;

export async function countRows(db: Db): Promise<Counts> {
  const present = new Set((await db.introspection.getTables()).map(({ name }) => name));
  const counts = Object.fromEntries(TABLES.map((table) => [table, 0])) as Counts; // Exactly these tables.
  for (const table of TABLES) if (present.has(table)) counts[table] = await countTable(db, table);
  return counts;
}

export function sumOf(counts: Counts): number {
  return TABLES.reduce((sum, table) => sum + counts[table], 0);
}

export function areSame(one: Counts, other: Counts): boolean {
  return TABLES.every((table) => one[table] === other[table]);
}

export async function countTable(db: Db, table: (typeof TABLES)[number]): Promise<number> {
  const row = await db
    .selectFrom(table)
    .select(({ fn }) => fn.countAll().as("count"))
    .executeTakeFirstOrThrow();
  return Number(row.count);
}
