import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmdirSync,
  rmSync,
  type Stats,
  statSync,
} from "node:fs";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { DatabaseError } from "./error.ts";
import { isRoot } from "./user.ts";

// Another user may be able to write the folder in which we work, or one above it: what a path leads to can change between
// two system calls. Node has no openat(2). On Linux, a name under /proc/self/fd/N goes from the open folder itself.

const isWindows = process.platform === "win32";

const isDeno = process.versions["deno"] !== undefined;

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

/** As Linux's own limit: path_resolution(7). */
const MAX_LINKS = 40;

/** A folder that is open: it stays the same one, whatever is renamed. */
export interface Folder {
  /** Without links, for messages and for SQLite, which knows folders by their paths only. */
  path: string;
  /** Windows opens no folders. */
  descriptor?: number;
  /** Its owner and mode. */
  stat: Stats;
  /** The path of a name in it, for system calls. */
  at: (name: string) => string;
  /** Has the names in it survive a power cut. */
  sync: () => void;
  close: () => void;
}

/** @throws Error with the code ENOENT, ENOTDIR, EACCES, or ELOOP if it is a link */
export function openFolder(path: string): Folder {
  if (isWindows) return { path, stat: statSync(path), at: (name) => join(path, name), sync: () => {}, close: () => {} };
  const descriptor = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  const open = `/proc/self/fd/${descriptor}`;
  // Deno lets only a program with every permission go there.
  const isPinned = !isDeno && existsSync(open);
  return {
    path,
    descriptor,
    stat: fstatSync(descriptor),
    at: (name) => join(isPinned ? open : path, name),
    sync: () => fsyncSync(descriptor),
    close: () => closeSync(descriptor),
  };
}

/** A folder that only this process's user can enter. */
export interface Workspace extends Folder {
  /** Deletes it and all that is in it. */
  remove: () => void;
}

/**
 * Makes a folder in a folder, with a name that cannot be foretold.
 *
 * @param name how its name begins
 */
export function createWorkspace(parent: Folder, name: string): Workspace {
  const made = basename(mkdtempSync(parent.at(`${name}-`)));
  const workspace = openFolder(parent.at(made));
  makePrivate(workspace);
  return {
    ...workspace,
    path: join(parent.path, made),
    remove: () => {
      for (const file of readdirSync(workspace.at("."))) rmSync(workspace.at(file), { force: true });
      workspace.close();
      try {
        rmdirSync(parent.at(made));
      } catch {} // Another user moved it, empty as it is.
    },
  };
}

/** Another user may have exchanged the folder before it was opened. Then root takes that one away from its owner. */
function makePrivate({ descriptor, stat }: Folder): void {
  if (descriptor === undefined || ((stat.mode & 0o077) === 0 && (stat.uid === 0 || !isRoot()))) return;
  try {
    fchownSync(descriptor, 0, stat.gid);
    fchmodSync(descriptor, 0o700);
  } catch {} // A file system without owners and modes, such as FAT.
}

/**
 * Where a path leads, links resolved; what is missing at its end stays as it is written.
 *
 * Root follows a link of another user only to what that user owns, as Apache's SymLinksIfOwnerMatch does. Otherwise the
 * user of a service could choose any file of the system for root to write.
 *
 * @throws DatabaseError
 */
export function resolveLinks(path: string): string {
  // Deno may not be allowed to look at the folders above. Windows lets administrators alone make links.
  if (isWindows || (isDeno && !isRoot())) return existsSync(path) ? realpathSync(path) : resolve(path);
  return resolveFrom(isAbsolute(path) ? "/" : process.cwd(), path, 0);
}

function resolveFrom(start: string, path: string, links: number): string {
  if (links > MAX_LINKS) throw new DatabaseError(`${path} is a link that leads to itself`);
  let at = isAbsolute(path) ? "/" : start;
  for (const name of path.split("/")) {
    const next = name === ".." ? dirname(at) : join(at, name);
    const entry = lstatSync(next, { throwIfNoEntry: false });
    if (!entry?.isSymbolicLink()) {
      at = next;
      continue;
    }
    at = resolveFrom(at, readlinkSync(next), links + 1);
    if (entry.uid !== 0 && isRoot()) requireOwner(next, entry.uid, at);
  }
  return at;
}

function requireOwner(link: string, uid: number, target: string): void {
  const end = lstatSync(target, { throwIfNoEntry: false }) ?? lstatSync(dirname(target), { throwIfNoEntry: false });
  if (end?.uid === uid) return;
  throw new DatabaseError(
    `${link} is a link of another user, and leads root to what that user does not own: ` +
      `name the file that is meant instead, or make the link root's with chown -h root ${link}`,
  );
}
