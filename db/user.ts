import { lstatSync, statSync } from "node:fs";
import { dirname } from "node:path";

// A command that root runs works on the files of a service, which is another user. File modes do not bind root: it could
// be led to any file. So root takes the user of the service while SQLite opens a database by its path.

/** Deno asks a person for permission before it tells the user of the process. */
declare const Deno: { permissions: { querySync: (of: { name: "sys"; kind: "uid" }) => { state: string } } } | undefined;

/** Whether this process is root, as far as it may know. */
export function isRoot(): boolean {
  if (typeof Deno !== "undefined") {
    const { permissions } = Deno;
    if (permissions.querySync({ name: "sys", kind: "uid" }).state !== "granted") return false;
  }
  return process.geteuid?.() === 0;
}

/**
 * Runs `work` as the owner of a file, or of its folder if there is no such file. Only root can, and goes back to root
 * afterwards. Nothing else may run in this process meanwhile: the user is the whole process's.
 *
 * @param path without links
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

/** @returns false where root may not: in a container without CAP_SETUID, or if the user is unknown to the container */
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
  } catch {} // What may not be set was not changed either.
}
