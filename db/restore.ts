import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { sql } from "kysely";
import { type Counts, countRows } from "./count.ts";
import { DatabaseError, messageOf } from "./error.ts";
import { listLanes } from "./event-lanes.ts";
import type { Lane } from "./event-macs.ts";
import { createExclusive, giveTo } from "./exclusive-file.ts";
import { explainFolder, explainUnreadable, isMissing } from "./explain.ts";
import { createWorkspace, type Folder, openFolder, requireSameFile, resolveLinks, type Workspace } from "./folder.ts";
import { requireSound } from "./integrity.ts";
import { explainSchema, findSchemaState } from "./migrate.ts";
import { type Db, openDatabase } from "./open.ts";
import { isBusy, isDamage } from "./outage.ts";
import type { Instant } from "./schema.ts";
import { type SealTally, tallySeals } from "./sealed-secrets.ts";
import { asOwnerOf } from "./user.ts";

const CANDIDATE = "candidate.db";

const CHUNK_BYTES = 4 * 1024 * 1024;

/** Long enough for a short command; a server keeps the database open for longer. */
const WAIT_FOR_OTHERS_MS = 1000;

/** A checked copy of a backup, in a workspace beside the database. */
export interface Restoration {
  /** The path of the database, links resolved. */
  target: string;
  folder: Folder;
  workspace: Workspace;
  /** Of the checked copy. */
  descriptor: number;
  counts: Counts;
  /** Of the backup's audit trail. */
  lanes: Lane[];
  /** The keys that have sealed the backup's authenticator apps. */
  seals: SealTally[];
}

/**
 * Copies a backup beside the database and checks every page and the schema of the copy.
 *
 * @param file the backup; it stays unchanged
 * @param path the database to be replaced; it may be missing
 * @throws DatabaseError
 */
export async function prepareRestore(
  file: string,
  path: string,
  { endSessions }: { endSessions: boolean },
): Promise<Restoration> {
  requireBackup(file);
  if (isSameFile(file, path)) throw new DatabaseError(`${file} is the database itself. Name a backup of it.`);
  const opened: { close: () => void }[] = [];
  try {
    const source = resolveLinks(file);
    const { target, folder, workspace } = openTarget(path);
    opened.unshift(folder);
    opened.unshift({ close: workspace.remove });
    const descriptor = copyFile(source, workspace, CANDIDATE);
    opened.unshift({ close: () => closeSync(descriptor) });
    if (existsSync(`${source}-wal`)) closeSync(copyFile(`${source}-wal`, workspace, `${CANDIDATE}-wal`));
    const candidate = join(workspace.path, CANDIDATE);
    const found = await checkCandidate(candidate, endSessions);
    requireSameFile(descriptor, candidate, "checked");
    fsyncSync(descriptor);
    return { target, folder, workspace, descriptor, ...found };
  } catch (error) {
    for (const { close } of opened) close();
    const cause = error instanceof DatabaseError && error.cause !== undefined ? error.cause : error;
    const reason = cause instanceof Error ? cause.message.replace(/\.$/, "") : String(cause);
    throw new DatabaseError(`Cannot restore ${file}: ${reason}.`, { cause: error });
  }
}

function openTarget(path: string): { target: string; folder: Folder; workspace: Workspace } {
  try {
    // If the path is a symbolic link, its target is replaced and the link stays.
    const target = resolveLinks(path);
    const folder = openFolder(dirname(target));
    return { target, folder, workspace: createWorkspace(folder, `${basename(target)}.restoring`) };
  } catch (error) {
    if (error instanceof DatabaseError) throw error;
    throw new DatabaseError(explainFolder(dirname(path), error));
  }
}

/** @throws DatabaseError if the file is missing or cannot be read */
export function requireBackup(file: string): void {
  if (isMissing(file)) throw new DatabaseError(`There is no file ${resolve(file)}.`);
  try {
    closeSync(openSync(file, constants.O_RDONLY | constants.O_NONBLOCK));
  } catch (error) {
    throw new DatabaseError(`Cannot restore ${file}: ${explainUnreadable(file, error)}.`, { cause: error });
  }
}

/** Deletes the copy that `prepareRestore` created. */
export function discardRestore({ folder, workspace, descriptor }: Restoration): void {
  closeSync(descriptor);
  workspace.remove();
  folder.close();
}

/**
 * Replaces the database by the checked copy in one atomic step.
 *
 * @returns the new path of the replaced database; null if the database was missing
 * @throws DatabaseError if a server or another command has the database open
 */
export async function commitRestore(restoration: Restoration, now: Instant): Promise<string | null> {
  const { target, folder } = restoration;
  const name = basename(target);
  const replaced = lstatSync(folder.at(name), { throwIfNoEntry: false });
  if (replaced === undefined) {
    replace(restoration, folder.stat, null);
    return null;
  }
  requireReplaceable(restoration, replaced);
  const kept = `${name}.replaced-${new Date(now).toISOString().replaceAll(":", "")}`;
  const db = await asOwnerOf(target, () => lock(target));
  try {
    replace(restoration, replaced, kept);
    return join(dirname(target), kept);
  } catch (error) {
    throw new DatabaseError(`Cannot replace the database: ${messageOf(error)}.`, { cause: error });
  } finally {
    await db?.destroy();
  }
}

function requireReplaceable({ target, descriptor }: Restoration, replaced: Stats): void {
  if (!replaced.isFile()) throw new DatabaseError(`Cannot replace the database: ${target} is not a file any more.`);
  const { uid } = fstatSync(descriptor);
  if (uid === 0 || uid === replaced.uid) return;
  throw new DatabaseError(`${target} belongs to another user. Run restore as that user, or as root.`);
}

function isSameFile(one: string, other: string): boolean {
  const [first, second] = [one, other].map(statOf);
  return first !== undefined && first.ino === second?.ino && first.dev === second.dev;
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined; // The open reports the reason.
  }
}

/** @returns a descriptor of the copy */
function copyFile(from: string, workspace: Workspace, name: string): number {
  // O_NONBLOCK: a named pipe must not wait for a writer. O_NOFOLLOW: another user may have planted a link since.
  const source = openSync(from, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (!fstatSync(source).isFile()) throw new DatabaseError("it is not a file");
    const copy = createExclusive(workspace.at(name));
    const chunk = new Uint8Array(CHUNK_BYTES);
    for (let length = readSync(source, chunk); length > 0; length = readSync(source, chunk)) {
      for (let written = 0; written < length; ) written += writeSync(copy, chunk, written, length - written);
    }
    return copy;
  } finally {
    closeSync(source);
  }
}

async function checkCandidate(
  candidate: string,
  endSessions: boolean,
): Promise<Pick<Restoration, "counts" | "lanes" | "seals">> {
  const db = await openDatabase(`sqlite:${candidate}`, { mayCreate: false, poolSize: 1 });
  try {
    await requireSound(db);
    const state = await findSchemaState(db);
    if (state.kind === "empty") throw new DatabaseError("it is not a database of Postern");
    const problem = explainSchema(state);
    if (problem !== null) throw new DatabaseError(problem);
    if (endSessions) await db.deleteFrom("sessions").execute();
    await deleteTokensAndMails(db);
    // A backup from before the MACs has no lanes.
    const hasLanes = !state.names.includes("0005_event_macs");
    const hasFactors = !state.names.includes("0013_second_factors");
    return {
      counts: await countRows(db),
      lanes: hasLanes ? await listLanes(db) : [],
      seals: hasFactors ? await tallySeals(db) : [],
    };
  } finally {
    await db.destroy();
  }
}

/**
 * A token in the backup may have been used since. No token may be used twice. A mail in it may have been sent since, and
 * its link is dead. A login that waits for its second factor begins again.
 */
async function deleteTokensAndMails(db: Db): Promise<void> {
  const tables = (await db.introspection.getTables()).map(({ name }) => name);
  // The second table is in a backup of an older version, which has no mails.
  const passing = ["one_time_tokens", "setup_tokens", "mails", "pending_logins"];
  for (const name of passing.filter((name) => tables.includes(name))) {
    await sql`delete from ${sql.table(name)}`.execute(db);
  }
}

/**
 * Opens the database exclusively.
 *
 * In WAL mode, every connection holds a shared lock, even an idle one. To leave WAL mode needs an exclusive lock, so it
 * succeeds only if no other connection exists. It also writes the log into the file, which is then complete.
 * https://www.sqlite.org/wal.html#activating_and_configuring_wal_mode
 *
 * @returns null if the file is damaged; no server can have such a file open
 */
async function lock(path: string): Promise<Db | null> {
  const db = await openReplaced(path);
  if (db === null) return null;
  try {
    await sql`pragma busy_timeout = ${sql.lit(WAIT_FOR_OTHERS_MS)}`.execute(db);
    const { rows } = await sql<{ journal_mode: string }>`pragma journal_mode = delete`.execute(db);
    if (rows[0]?.journal_mode !== "delete") throw inUse(path);
    await sql`begin exclusive`.execute(db);
    return db;
  } catch (error) {
    await db.destroy();
    if (isDamage(error)) return null;
    throw isBusy(error) ? inUse(path, error) : error;
  }
}

function inUse(path: string, cause?: unknown): DatabaseError {
  return new DatabaseError(`${path} is open in a server or another command. Stop it first.`, { cause });
}

async function openReplaced(path: string): Promise<Db | null> {
  try {
    return await openDatabase(`sqlite:${path}`, { mayCreate: false, poolSize: 1 });
  } catch (error) {
    if (error instanceof Error && isDamage(error.cause)) return null;
    throw error;
  }
}

/**
 * The path always leads to a database: the old file gets a second name before the new file replaces it.
 *
 * @param owner the owner of the replaced file, or else of the folder; the operator may be another user
 * @param kept the new name of the replaced file
 */
function replace({ target, folder, workspace, descriptor }: Restoration, owner: Stats, kept: string | null): void {
  const name = basename(target);
  giveTo(descriptor, owner);
  if (kept !== null) linkSync(folder.at(name), folder.at(kept));
  for (const suffix of ["-wal", "-shm", "-journal"]) {
    const log = folder.at(name + suffix);
    // A log remains only beside a damaged file. It may hold rows that the file lacks.
    if (kept !== null && suffix !== "-shm" && existsSync(log)) renameSync(log, folder.at(kept + suffix));
    rmSync(log, { force: true }); // SQLite would apply it to the new file.
  }
  renameSync(workspace.at(CANDIDATE), folder.at(name));
  folder.sync();
}
