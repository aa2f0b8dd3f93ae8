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

// If another user can write the folder or one above it, a path can lead to another file after each system call. Node
// has no openat(2). On Linux, a path under /proc/self/fd/N starts at the open folder itself.

const isWindows = process.platform === "win32";

const isDeno = process.versions["deno"] !== undefined;

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

/** The limit of Linux: path_resolution(7). */
const MAX_LINKS = 40;

/** An open folder. It stays the same folder even if its path is renamed. */
export interface Folder {
  /** Without symbolic links; for messages and for SQLite, which opens files by path. */
  path: string;
  /** Missing on Windows, which cannot open folders. */
  descriptor?: number;
  stat: Stats;
  /** The path of a file in the folder, for system calls. */
  at: (name: string) => string;
  /** Makes the names in the folder survive a power failure. */
  sync: () => void;
  close: () => void;
}

/** @throws Error with the code ENOENT, ENOTDIR, EACCES, or ELOOP if it is a link */
export function openFolder(path: string): Folder {
  if (isWindows) return { path, stat: statSync(path), at: (name) => join(path, name), sync: () => {}, close: () => {} };
  const descriptor = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  const open = `/proc/self/fd/${descriptor}`;
  // On Deno, /proc needs every permission.
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

/** A temporary folder that only the user of this process can enter. */
export interface Workspace extends Folder {
  /** Deletes the folder and its files. */
  remove: () => void;
}

/** @param name the beginning of the folder's name; the rest is random */
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
      } catch {} // Another user moved the folder. It is empty.
    },
  };
}

/** If another user exchanged the folder before it was opened, root becomes the owner of that folder. */
function makePrivate({ descriptor, stat }: Folder): void {
  if (descriptor === undefined || ((stat.mode & 0o077) === 0 && (stat.uid === 0 || !isRoot()))) return;
  try {
    fchownSync(descriptor, 0, stat.gid);
    fchmodSync(descriptor, 0o700);
  } catch {} // FAT, for example, has no owners and modes.
}

/**
 * Resolves the symbolic links of a path. The end of the path may be missing.
 *
 * Root follows a link of another user only to a file of that user, as with Apache's SymLinksIfOwnerMatch. Otherwise the
 * user of the service could make root write any file of the system.
 *
 * @throws DatabaseError
 */
export function resolveLinks(path: string): string {
  // Deno may lack the permission to read the folders above. On Windows, only administrators can create links.
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

/**
 * SQLite opens the copy by its path. If another user exchanged a folder of the path, that was another file.
 *
 * @param verb what SQLite did with the copy
 * @throws DatabaseError if the path does not lead to the open file
 */
export function requireSameFile(descriptor: number, path: string, verb: "checked" | "written"): void {
  const [found, opened] = [lstatSync(path), fstatSync(descriptor)];
  if (found.ino === opened.ino && found.dev === opened.dev) return;
  throw new DatabaseError(`another user exchanged the copy while it was ${verb}`);
}

function requireOwner(link: string, uid: number, target: string): void {
  const end = lstatSync(target, { throwIfNoEntry: false }) ?? lstatSync(dirname(target), { throwIfNoEntry: false });
  if (end?.uid === uid) return;
  throw new DatabaseError(
    `${link} is a link of another user and leads to a file that this user does not own. ` +
      `Name the file itself, or run chown -h root ${link}`,
  );
}
