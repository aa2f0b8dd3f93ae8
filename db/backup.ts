import { closeSync, existsSync, fsyncSync, linkSync, lstatSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { sql } from "kysely";
import { DatabaseError } from "./error.ts";
import { createExclusive } from "./exclusive-file.ts";
import { explainFolder } from "./explain.ts";
import { createWorkspace, type Folder, openFolder, requireSameFile, resolveLinks } from "./folder.ts";
import { listDamage } from "./integrity.ts";
import { findSchemaState } from "./migrate.ts";
import type { Db } from "./open.ts";

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
    const descriptor = createExclusive(workspace.at(COPY));
    try {
      const path = join(workspace.path, COPY);
      await sql`vacuum into ${path}`.execute(db);
      await requireSoundCopy(db, path);
      requireSameFile(descriptor, path, "written");
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
    const [damage] = await listDamage(db, "copy.integrity_check");
    if (damage !== undefined) throw new Error(`the copy is damaged (${damage})`);
  } finally {
    await sql`detach copy`.execute(db);
  }
}

/** @throws Error if another file has the name */
function nameFile(from: string, to: string): void {
  try {
    linkSync(from, to);
    rmSync(from);
  } catch (error) {
    if (lstatSync(to, { throwIfNoEntry: false }) !== undefined) throw error;
    // Some file systems have no hard links. There, an empty file reserves the name and the copy replaces it.
    closeSync(createExclusive(to));
    renameSync(from, to);
  }
}
