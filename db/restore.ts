import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  linkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { sql } from "kysely";
import { sync } from "./backup.ts";
import { type Counts, countRows } from "./count.ts";
import { DatabaseError } from "./error.ts";
import { requireSound } from "./integrity.ts";
import { findSchemaState, schemaMistake } from "./migrate.ts";
import { type Db, openDatabase } from "./open.ts";
import { isBusy } from "./outage.ts";
import type { Instant } from "./schema.ts";

const OWNER_ONLY = 0o600;

/** Another command's moment of work is waited for; a server's life is not. */
const WAIT_FOR_OTHERS_MS = 1000;

/** A backup that was copied beside the database it is to replace, and checked. */
export interface Restoration {
  /** The database's own path. */
  target: string;
  /** The checked copy. */
  candidate: string;
  /** What is in it. */
  counts: Counts;
}

/**
 * Copies a backup beside the database and checks that copy: its every page, and that this version can read it.
 *
 * @param file the backup, which stays as it is
 * @param path of the database to be replaced, which may be missing
 * @throws DatabaseError
 */
export async function prepareRestore(
  file: string,
  path: string,
  { endSessions }: { endSessions: boolean },
): Promise<Restoration> {
  if (!existsSync(file)) throw new DatabaseError(`There is no file ${resolve(file)}.`);
  // Where the path is a symbolic link, the file it leads to is replaced, and the link stays.
  const target = existsSync(path) ? realpathSync(path) : resolve(path);
  const isItself = existsSync(target) && realpathSync(file) === target;
  if (isItself) throw new DatabaseError(`${file} is the database itself: name a backup of it.`);
  const candidate = `${target}.restoring`;
  try {
    copyCandidate(file, candidate, target);
    const counts = await checkCandidate(candidate, endSessions);
    sync(candidate);
    return { target, candidate, counts };
  } catch (error) {
    removeDatabase(candidate);
    const cause = error instanceof DatabaseError && error.cause !== undefined ? error.cause : error;
    const reason = cause instanceof Error ? cause.message.replace(/\.$/, "") : String(cause);
    throw new DatabaseError(`Cannot restore ${file}: ${reason}.`, { cause: error });
  }
}

/** Gives up what `prepareRestore` made. */
export function discardRestore({ candidate }: Restoration): void {
  removeDatabase(candidate);
}

/**
 * Puts the checked copy in the database's place, in one step, while nobody has the database open.
 *
 * @returns where the replaced database is kept, null where there was none
 * @throws DatabaseError where a server or another command has it open
 */
export async function commitRestore(restoration: Restoration, now: Instant): Promise<string | null> {
  const { target } = restoration;
  if (!existsSync(target)) {
    replace(restoration, null);
    return null;
  }
  const kept = `${target}.replaced-${new Date(now).toISOString().replaceAll(":", "")}`;
  const db = await lock(target);
  try {
    replace(restoration, kept);
    return kept;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DatabaseError(`Cannot replace the database: ${reason}.`, { cause: error });
  } finally {
    await db?.destroy();
  }
}

function copyCandidate(file: string, candidate: string, target: string): void {
  removeDatabase(candidate);
  for (const suffix of ["", "-wal"]) {
    if (!existsSync(file + suffix)) continue;
    copyFileSync(file + suffix, candidate + suffix);
    chmodSync(candidate + suffix, OWNER_ONLY);
  }
  if (!existsSync(target)) return;
  // The server may be another user than the operator.
  const { uid, gid } = statSync(target);
  const own = statSync(candidate);
  if (uid !== own.uid || gid !== own.gid) chownSync(candidate, uid, gid);
}

async function checkCandidate(candidate: string, endSessions: boolean): Promise<Counts> {
  const db = await openDatabase(`sqlite:${candidate}`, { mayCreate: false, poolSize: 1 });
  try {
    await requireSound(db);
    const state = await findSchemaState(db);
    if (state.kind === "empty") throw new DatabaseError("it is no database of Postern's");
    const mistake = schemaMistake(state);
    if (mistake !== null) throw new DatabaseError(mistake);
    if (endSessions) await db.deleteFrom("sessions").execute();
    // A set-up link is good once, also if the database goes back to a time before it was used.
    if (!state.names.includes("0002_setup_tokens")) await db.deleteFrom("setup_tokens").execute();
    return await countRows(db);
  } finally {
    await db.destroy();
  }
}

/**
 * Keeps everybody else out of a database until it is closed.
 *
 * Whoever has a database with write-ahead logging open, and be it idle, keeps a shared lock on it; to leave that mode
 * takes an exclusive one, and so succeeds only where nobody else is there. It also writes the log into the file, which
 * is then whole by itself. https://www.sqlite.org/wal.html#activating_and_configuring_wal_mode
 *
 * @returns null where the file is too damaged to be a database, which no server can have open either
 */
async function lock(path: string): Promise<Db | null> {
  const db = await openTarget(path);
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
  return new DatabaseError(`${path} is open in a server or another command: stop it first.`, { cause });
}

async function openTarget(path: string): Promise<Db | null> {
  try {
    return await openDatabase(`sqlite:${path}`, { mayCreate: false, poolSize: 1 });
  } catch (error) {
    if (error instanceof Error && isDamage(error.cause)) return null;
    throw error;
  }
}

/** The name of the old file is added before the new file takes its place: at no moment is there none. */
function replace({ target, candidate }: Restoration, kept: string | null): void {
  if (kept !== null) linkSync(target, kept);
  for (const suffix of ["-wal", "-shm", "-journal"]) {
    // A log is left only beside a file that is damaged, and may hold what the file does not.
    if (kept !== null && suffix !== "-shm" && existsSync(target + suffix)) renameSync(target + suffix, kept + suffix);
    rmSync(target + suffix, { force: true }); // It would be applied to the new file.
  }
  renameSync(candidate, target);
  sync(dirname(target));
}

function removeDatabase(path: string): void {
  for (const suffix of ["", "-wal", "-shm", "-journal"]) rmSync(path + suffix, { force: true });
}

// https://www.sqlite.org/rescode.html: as Bun names them, and as Node and Deno number them.
const isDamage = (error: unknown) =>
  hasCode(error, /^SQLITE_(CORRUPT|NOTADB)/, [11, 26]) || (error instanceof Error && DAMAGE.test(error.message));

/** What Deno's `exec` throws has no number. */
const DAMAGE = /^(file is not a database|database disk image is malformed)/;

function hasCode(error: unknown, names: RegExp, numbers: number[]): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error ? String(error.code) : "";
  return names.test(code) || ("errcode" in error && numbers.includes(Number(error.errcode) & 0xff));
}
