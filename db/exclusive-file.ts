import { constants, fchownSync, fstatSync, openSync, statSync } from "node:fs";
import { isRoot } from "./user.ts";

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = constants;

/** The mode of every file: each holds password hashes or a key. */
export const OWNER_ONLY = 0o600;

/**
 * Creates a file if its name is free. With O_EXCL, the system follows no symbolic link, not even a dangling one
 * (open(2)). Another user who can write the folder therefore cannot redirect the write.
 *
 * Change the mode and the owner through the descriptor: the path may lead to another file by then.
 *
 * @returns a descriptor for reading and writing
 * @throws Error with the code EEXIST if the name is taken
 */
export function createExclusive(path: string): number {
  return openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, OWNER_ONLY);
}

/**
 * If root created the file, makes the owner of the folder its owner. That is the user of the service, which could not
 * read a file of root. If another user created the file, does nothing.
 */
export function giveToFolderOwner(descriptor: number, folder: string): void {
  // On Deno, only root with the permission to know that it is root may read the folder.
  if (isRoot()) giveTo(descriptor, statSync(folder));
}

/** If root created the file, changes its owner. If another user created the file, does nothing. */
export function giveTo(descriptor: number, { uid, gid }: { uid: number; gid: number }): void {
  const own = fstatSync(descriptor);
  // The owner of a new file is the user of the process. Deno needs a permission to read that user directly.
  if (own.uid === 0 && (own.uid !== uid || own.gid !== gid)) fchownSync(descriptor, uid, gid);
}
