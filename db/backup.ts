import { closeSync, existsSync, fsyncSync, linkSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { sql } from "kysely";
import { DatabaseError } from "./error.ts";
import { findSchemaState } from "./migrate.ts";
import type { Db } from "./open.ts";

const OWNER_ONLY = 0o600;

/**
 * Writes a copy of an SQLite database to a file, as it stands at one moment, while others write to it. The file gets its
 * name when it is whole and checked; one that is cut off leaves `….unfinished`.
 *
 * @throws DatabaseError where the file exists already, or cannot be written
 */
export async function backUp(db: Db, file: string): Promise<void> {
  const path = resolve(file);
  if (existsSync(path)) throw new DatabaseError(`${file} exists already: a backup overwrites nothing.`);
  const { kind } = await findSchemaState(db);
  if (kind === "empty" || kind === "foreign") throw new DatabaseError("There is nothing of Postern in the database.");
  const unfinished = `${path}.unfinished`;
  try {
    rmSync(unfinished, { force: true });
    // SQLite writes into an empty file, but would make one that everybody can read.
    closeSync(openSync(unfinished, "wx", OWNER_ONLY));
    await sql`vacuum into ${unfinished}`.execute(db);
    await requireSoundCopy(db, unfinished);
    sync(unfinished);
    nameFile(unfinished, path);
    sync(dirname(path));
  } catch (error) {
    rmSync(unfinished, { force: true });
    const reason = error instanceof Error ? error.message : String(error);
    throw new DatabaseError(`Cannot write the backup ${file}: ${reason}.`, { cause: error });
  }
}

/** Looked at through the open database: opened by itself, it would be changed to write-ahead logging. */
async function requireSoundCopy(db: Db, path: string): Promise<void> {
  await sql`attach ${path} as copy`.execute(db);
  try {
    const { rows } = await sql<{ integrity_check: string }>`pragma copy.integrity_check`.execute(db);
    const damage = rows.map((row) => row.integrity_check).filter((line) => line !== "ok");
    if (damage.length > 0) throw new Error(`the copy is damaged (${damage[0]})`);
  } finally {
    await sql`detach copy`.execute(db);
  }
}

/** Gives a file its name, where no other has it by now. */
function nameFile(from: string, to: string): void {
  try {
    linkSync(from, to);
    rmSync(from);
  } catch (error) {
    // Some file systems have no links.
    if (existsSync(to)) throw error;
    renameSync(from, to);
  }
}

/** Has a file, or the names in a folder, survive a power cut. */
export function sync(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
