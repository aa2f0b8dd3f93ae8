import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  type Stats,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { codeOf, DatabaseError, messageOf } from "./error.ts";
import { createExclusive, giveToFolderOwner } from "./exclusive-file.ts";

const OTHERS = 0o077;

/** The path of the secret key: beside the path in DATABASE_URL, even if that is a symbolic link. */
export function keyFileOf(databaseFile: string): string {
  return join(dirname(databaseFile), "postern.key");
}

/**
 * Checks and reads the key file through one descriptor, so that another user cannot exchange it in between.
 *
 * @returns the text without the line end; null if the file is missing
 * @throws DatabaseError if the file is a symbolic link, or if another user owns it or can read it
 */
export function readKeyFile(path: string): string | null {
  let descriptor: number;
  try {
    // O_NONBLOCK: if another user planted a named pipe, the open must not wait for a writer.
    descriptor = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw new DatabaseError(explainOpen(path, error), { cause: error });
  }
  try {
    const problem = explainUnsafe(path, fstatSync(descriptor));
    if (problem !== null) throw new DatabaseError(problem);
    return readFileSync(descriptor, "utf8").trim();
  } finally {
    closeSync(descriptor);
  }
}

function explainOpen(path: string, error: unknown): string {
  if (codeOf(error) === "ELOOP") return `The key file ${path} is a symbolic link. Put the file itself there.`;
  return `The key file ${path} cannot be read: ${messageOf(error)}. Run the command as its owner.`;
}

/** @returns the sentence about a file that is not safe to use; null if it is safe */
function explainUnsafe(path: string, stat: Stats): string | null {
  const { mode, uid, size } = stat;
  if (!stat.isFile()) return `The key file ${path} is not a file. Remove it.`;
  if (size > 4096) return `The key file ${path} holds more than a key. Put the key back.`;
  if (process.platform === "win32") return null; // Windows has no POSIX modes.
  if ((mode & OTHERS) !== 0) return `The key file ${path} can be read by other users. Run: chmod 600 ${path}`;
  if (uid === ownUid(uid) || uid === statSync(dirname(path)).uid) return null;
  return `The key file ${path} belongs to another user (${uid}). Change its owner to the user of the server.`;
}

/** @param otherwise for Deno without the permission: only the owner or root can open a file of this mode */
function ownUid(otherwise: number): number {
  try {
    return process.geteuid?.() ?? otherwise;
  } catch {
    return otherwise;
  }
}

/**
 * Creates the key file if it is missing. Until the key is written, another process may read an empty file.
 *
 * @throws DatabaseError if the file cannot be created
 */
export function createKeyFile(path: string, text: string): void {
  try {
    const descriptor = createExclusive(path);
    try {
      giveToFolderOwner(descriptor, dirname(path));
      writeSync(descriptor, `${text}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (codeOf(error) === "EEXIST") return;
    const sentence = `The key file ${path} cannot be created: ${messageOf(error)}.`;
    const remedy = "Give the server write access to the folder, or set POSTERN_SECRET_KEY.";
    throw new DatabaseError(`${sentence} ${remedy}`, { cause: error });
  }
  syncFolder(dirname(path));
}

/** Makes the new name survive a power failure. On Deno, the permission may cover only the file: then does nothing. */
function syncFolder(folder: string): void {
  try {
    const descriptor = openSync(folder, constants.O_RDONLY);
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch {}
}
