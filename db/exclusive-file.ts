import { constants, fchownSync, fstatSync, openSync, statSync } from "node:fs";
import { isRoot } from "./user.ts";

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = constants;

/**
 * Creates a file if nothing has its name. A symbolic link has the name too, even one that leads nowhere: with O_EXCL,
 * the system follows none (open(2)). So another user who can write the folder cannot choose the file that is written.
 *
 * Change the mode and the owner through the descriptor. The path may lead elsewhere by then.
 *
 * @returns a descriptor for reading and writing
 * @throws Error with the code EEXIST if the name is taken
 */
export function createExclusive(path: string, mode: number): number {
  return openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
}

/**
 * If root created the file, gives it to the owner of its folder. That is the user of the service, which could not read
 * a file of root. Any other user keeps the file.
 */
export function giveToFolderOwner(descriptor: number, folder: string): void {
  // On Deno, only root with the permission to know that it is root may read the folder.
  if (isRoot()) giveTo(descriptor, statSync(folder));
}

/** If root created the file, gives it to a user. Any other user keeps the file. */
export function giveTo(descriptor: number, { uid, gid }: { uid: number; gid: number }): void {
  const own = fstatSync(descriptor);
  // The owner of a new file is its process's user. Deno needs a permission to tell the user itself.
  if (own.uid === 0 && (own.uid !== uid || own.gid !== gid)) fchownSync(descriptor, uid, gid);
}
