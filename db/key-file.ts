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
import { DatabaseError } from "./error.ts";
import { createExclusive, giveToFolderOwner } from "./exclusive-file.ts";

const OWNER_ONLY = 0o600;
const OTHERS = 0o077;

/** Where the secret key of an SQLite database stands: beside the name that DATABASE_URL gives the file. */
export function keyFileOf(databaseFile: string): string {
  return join(dirname(databaseFile), "postern.key");
}

/**
 * Reads the key file through one descriptor, so that what is checked is what is read.
 *
 * @returns its text without the line end, null if there is none
 * @throws DatabaseError if it is a link, if another user owns it, or if another user may read it
 */
export function readKeyFile(path: string): string | null {
  let descriptor: number;
  try {
    // O_NONBLOCK: to open a planted pipe would wait for its writer.
    descriptor = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    if (hasCode(error, "ENOENT")) return null;
    throw new DatabaseError(unreadable(path, error), { cause: error });
  }
  try {
    const mistake = keyFileMistake(path, fstatSync(descriptor));
    if (mistake !== null) throw new DatabaseError(mistake);
    return readFileSync(descriptor, "utf8").trim();
  } finally {
    closeSync(descriptor);
  }
}

function unreadable(path: string, error: unknown): string {
  if (hasCode(error, "ELOOP")) return `The key file ${path} is a symbolic link. Put the file itself there.`;
  const reason = error instanceof Error ? error.message : String(error);
  return `The key file ${path} cannot be read: ${reason}. Run the command as its owner.`;
}

/** @returns the sentence about a file that must not be trusted, null if it may be */
function keyFileMistake(path: string, stat: Stats): string | null {
  const { mode, uid, size } = stat;
  if (!stat.isFile()) return `The key file ${path} is not a file. Remove it.`;
  if (size > 4096) return `The key file ${path} holds more than a key. Put the key back.`;
  if (process.platform === "win32") return null; // It has other permissions than these.
  if ((mode & OTHERS) !== 0) return `The key file ${path} can be read by other users. Run: chmod 600 ${path}`;
  if (uid === ownUid(uid) || uid === statSync(dirname(path)).uid) return null;
  return `The key file ${path} belongs to another user (${uid}). Make it, or have it owned by, the user of the server.`;
}

/** Deno needs a permission to tell it. Without: only its owner, or root, can have opened a file of this mode. */
function ownUid(otherwise: number): number {
  try {
    return process.geteuid?.() ?? otherwise;
  } catch {
    return otherwise;
  }
}

/**
 * Creates the key file, unless it is there. Another process may find it empty for a moment.
 *
 * @returns whether this call has created it
 * @throws DatabaseError if the folder cannot be written
 */
export function createKeyFile(path: string, text: string): boolean {
  try {
    const descriptor = createExclusive(path, OWNER_ONLY);
    try {
      giveToFolderOwner(descriptor, dirname(path));
      writeSync(descriptor, `${text}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    const reason = error instanceof Error ? error.message : String(error);
    const remedy = "Let the server write the folder, or set POSTERN_SECRET_KEY.";
    throw new DatabaseError(`The key file ${path} cannot be created: ${reason}. ${remedy}`, { cause: error });
  }
  syncFolder(dirname(path));
  return true;
}

/** Has the new name survive a power cut, if the folder may be opened: Deno may be allowed the file alone. */
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

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
