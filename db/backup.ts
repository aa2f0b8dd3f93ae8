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

const COPY = "copy.db";

/**
 * Copies an SQLite database to a file, in the state of one moment, while servers write to it. The file gets its name
 * after the check. If the process is killed, a folder `….unfinished-…` remains.
 *
 * @throws DatabaseError if the file exists or cannot be written
 */
export async function backUp(db: Db, file: string): Promise<void> {
  const path = resolve(file);
  if (existsSync(path))
    throw new DatabaseError(`${file} exists already. Choose another name: a backup overwrites nothing.`);
  const { kind } = await findSchemaState(db);
  if (kind === "empty" || kind === "foreign") throw new DatabaseError("The database holds no data of Postern.");
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
    // SQLite accepts an empty file as the target. It would create one that other users can read.
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

/** Checks the copy through the open database. Opened by itself, the copy would change to write-ahead logging. */
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

/** SQLite opens the copy by its path. If another user exchanged a folder of the path, SQLite wrote another file. */
function requireWritten(descriptor: number, workspace: Workspace): void {
  const [written, created] = [lstatSync(join(workspace.path, COPY)), fstatSync(descriptor)];
  if (written.ino === created.ino && written.dev === created.dev) return;
  throw new DatabaseError("another user exchanged the copy while it was written");
}

/** @throws Error if another file has the name */
function nameFile(from: string, to: string): void {
  try {
    linkSync(from, to);
    rmSync(from);
  } catch (error) {
    if (lstatSync(to, { throwIfNoEntry: false }) !== undefined) throw error;
    // Some file systems have no hard links. There, an empty file reserves the name and the copy replaces it.
    closeSync(createExclusive(to, OWNER_ONLY));
    renameSync(from, to);
  }
}
