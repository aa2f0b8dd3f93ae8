import { lstatSync, statSync } from "node:fs";
import { dirname } from "node:path";

// If root runs a command, the files belong to another user: the service. That user could redirect root to any file,
// because file modes do not restrict root. Therefore root becomes that user while SQLite opens a database by its path.

/** Deno asks for a permission before `process.geteuid`. */
declare const Deno: { permissions: { querySync: (of: { name: "sys"; kind: "uid" }) => { state: string } } } | undefined;

/** False on Deno without the permission `sys`. */
export function isRoot(): boolean {
  if (typeof Deno !== "undefined") {
    const { permissions } = Deno;
    if (permissions.querySync({ name: "sys", kind: "uid" }).state !== "granted") return false;
  }
  return process.geteuid?.() === 0;
}

/**
 * If this process is root, runs `work` as the owner of the file, or of its folder if the file is missing. The user
 * applies to the whole process, so nothing else may run until `work` ends.
 *
 * @param path without symbolic links
 */
export async function asOwnerOf<T>(path: string, work: () => Promise<T>): Promise<T> {
  const owner = isRoot() ? findOwner(path) : null;
  return owner === null || owner.uid === 0 || !become(owner) ? work() : work().finally(returnToRoot);
}

function findOwner(path: string) {
  const entry = lstatSync(path, { throwIfNoEntry: false });
  return entry?.isFile() ? entry : (statSync(dirname(path), { throwIfNoEntry: false }) ?? null);
}

let own: { gid: number; groups: number[] } = { gid: 0, groups: [] };

/** @returns false in a container without CAP_SETUID, or without a mapping for the user */
function become({ uid, gid }: { uid: number; gid: number }): boolean {
  own = { gid: process.getegid?.() ?? 0, groups: process.getgroups?.() ?? [] };
  try {
    process.setgroups?.([gid]);
    process.setegid?.(gid);
    process.seteuid?.(uid);
    return process.geteuid?.() === uid;
  } catch {
    returnToRoot();
    return false;
  }
}

function returnToRoot(): void {
  try {
    process.seteuid?.(0);
    process.setegid?.(own.gid);
    process.setgroups?.(own.groups);
  } catch {} // If this is not permitted, nothing was changed before either.
}
