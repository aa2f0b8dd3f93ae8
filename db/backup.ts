import { closeSync, existsSync, fstatSync, fsyncSync, linkSync, lstatSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { sql } from "kysely";
import { DatabaseError } from "./error.ts";
import { createExclusive } from "./exclusive-file.ts";
import { explainFolder } from "./explain.ts";
import { createWorkspace, type Folder, openFolder, resolveLinks, type Workspace } from "./folder.ts";
import { findSchemaState } from "./migrate.ts";
import type { Db } from "./open.ts";

const OWNER_ONLY = 0o600;

/** The name of the copy in its workspace. */
const COPY = "copy.db";

/**
 * Writes a copy of an SQLite database to a file, as it stands at one moment, while others write to it. The file gets its
 * name when it is whole and checked; a backup that is cut off leaves a folder `….unfinished-…`.
 *
 * @throws DatabaseError where the file exists already, or cannot be written
 */
export async function backUp(db: Db, file: string): Promise<void> {
  const path = resolve(file);
  if (existsSync(path)) throw new DatabaseError(`${file} exists already: a backup overwrites nothing.`);
  const { kind } = await findSchemaState(db);
  if (kind === "empty" || kind === "foreign") throw new DatabaseError("There is nothing of Postern in the database.");
  try {
    const folder = openFolder(resolveLinks(dirname(path)));
    try {
      await writeCopy(db, folder, basename(path));
    } finally {
      folder.close();
    }
  } catch (error) {
    throw new DatabaseError(`Cannot write the backup ${file}: ${explainFolder(dirname(file), error)}.`, {
      cause: error,
    });
  }
}

async function writeCopy(db: Db, folder: Folder, name: string): Promise<void> {
  const workspace = createWorkspace(folder, `${name}.unfinished`);
  try {
    // SQLite writes into an empty file, but would make one that everybody can read.
    const descriptor = createExclusive(workspace.at(COPY), OWNER_ONLY);
    try {
      const path = join(workspace.path, COPY);
      await sql`vacuum into ${path}`.execute(db);
      await requireSoundCopy(db, path);
      requireWritten(descriptor, workspace);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    nameFile(workspace.at(COPY), folder.at(name));
    folder.sync();
  } finally {
    workspace.remove();
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

/** SQLite opens a path. If another user exchanged a folder of that path, another file was written. */
function requireWritten(descriptor: number, workspace: Workspace): void {
  const [written, created] = [lstatSync(join(workspace.path, COPY)), fstatSync(descriptor)];
  if (written.ino === created.ino && written.dev === created.dev) return;
  throw new DatabaseError("another user exchanged the copy while it was written");
}

/** Gives a file its name, if no other file has it by now. */
function nameFile(from: string, to: string): void {
  try {
    linkSync(from, to);
    rmSync(from);
  } catch (error) {
    if (lstatSync(to, { throwIfNoEntry: false }) !== undefined) throw error;
    // Some file systems have no links. The name is taken with an empty file, which the copy replaces.
    closeSync(createExclusive(to, OWNER_ONLY));
    renameSync(from, to);
  }
}
