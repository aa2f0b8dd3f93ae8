import { sql } from "kysely";
import { DatabaseError } from "./error.ts";
import type { Db } from "./open.ts";

/** Checks every page, index and foreign key of an SQLite database. @throws DatabaseError if it is damaged */
export async function requireSound(db: Db): Promise<void> {
  const damage = [
    ...(await listDamage(db, "integrity_check")),
    ...(await sql`pragma foreign_key_check`.execute(db)).rows.map(() => "a session without its user"),
  ];
  if (damage.length > 0) throw new DatabaseError(`it is damaged (${damage[0]})`);
}

/**
 * @param check `quick_check` does not compare indexes with their tables; `copy` is an attached database
 * @returns SQLite's messages; empty if the file is sound
 */
export async function listDamage(
  db: Db,
  check: "quick_check" | "integrity_check" | "copy.integrity_check",
): Promise<string[]> {
  const { rows } = await sql<Record<string, string>>`pragma ${sql.raw(check)}`.execute(db);
  return rows.flatMap((row) => Object.values(row)).filter((line) => line !== "ok");
}
