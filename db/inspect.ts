import { accessSync, constants, existsSync, realpathSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type Examples, findSharedEmails, findUsernamesOfOthers } from "./addresses.ts";
import { countTable } from "./count.ts";
import { countEndedSessions } from "./ended-sessions.ts";
import { codeOf } from "./error.ts";
import { listLanes } from "./event-lanes.ts";
import type { Lane } from "./event-macs.ts";
import { listDamage } from "./integrity.ts";
import { findSchemaState, type SchemaState } from "./migrate.ts";
import { type Db, openDatabase, sqliteFile } from "./open.ts";
import { type SealTally, tallySeals } from "./sealed-secrets.ts";
import type { Lifetime } from "./sessions.ts";
import { hasActiveSuperuser } from "./users.ts";

/** The facts that the command `check` judges. */
export interface Inspection {
  schema: SchemaState;
  /** SQLite files that users other than the owner can read or write. */
  exposedFiles: string[];
  /** The messages of SQLite's quick_check; empty if the file is sound. */
  damage: string[];
  /** Null if the schema is of another version, or the file is damaged. */
  content: Content | null;
}

export interface Content {
  hasSuperuser: boolean;
  endedSessions: number;
  lanes: Lane[];
  /** Addresses that several users have. */
  sharedEmails: Examples;
  /** Usernames that are the address of another user. */
  usernamesOfOthers: Examples;
  /** The keys that have sealed the secrets of authenticator apps. */
  seals: SealTally[];
  passkeys: number;
}

const EXAMPLES = 3;

/** @returns the folder of the SQLite file if this user cannot create SQLite's log in it, else null */
export function findUnwritableFolder(url: string): string | null {
  const file = sqliteFile(url);
  if (file === null) return null;
  const folder = dirname(existsSync(file) ? realpathSync(file) : resolve(file));
  // `openDatabase` reports a missing folder, and a database that is not a file.
  if (!isFolder(folder) || (existsSync(file) && !statSync(file).isFile())) return null;
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    return /^(EACCES|EPERM|EROFS)$/.test(codeOf(error)) ? folder : null;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** 60 seconds, because a count of a large table is slow. */
const STATEMENT_TIMEOUT_MS = 60_000;

export interface InspectionOptions {
  /** Determines the ended sessions. */
  lifetime: Lifetime;
  /** Called with each stored password, unless `content` is null. */
  onPassword: (encoded: string) => void;
  /** Whether Postgres is behind a connection pooler in transaction mode. */
  hasTransactionPooler: boolean;
}

/**
 * Creates, migrates and writes nothing.
 *
 * @throws DatabaseError, or an error of the driver, if the database cannot be opened
 */
export async function inspectDatabase(url: string, options: InspectionOptions): Promise<Inspection> {
  const file = sqliteFile(url);
  // Before the database is opened, because that creates a log with the mode of the file.
  const exposedFiles = file === null || !existsSync(file) ? [] : [file, `${realpathSync(file)}-wal`].filter(isExposed);
  const { hasTransactionPooler } = options;
  const limits = { poolSize: 1, statementTimeoutMs: STATEMENT_TIMEOUT_MS };
  const db = await openDatabase(url, { mayCreate: false, ...limits, hasTransactionPooler });
  try {
    const schema = await findSchemaState(db);
    const damage = file === null ? [] : await listDamage(db, "quick_check");
    const isReadable = schema.kind === "current" && damage.length === 0;
    return { schema, exposedFiles, damage, content: isReadable ? await inspectContent(db, options) : null };
  } finally {
    await db.destroy();
  }
}

async function inspectContent(db: Db, { lifetime, onPassword }: InspectionOptions): Promise<Inspection["content"]> {
  for await (const passwords of readPasswords(db)) for (const password of passwords) onPassword(password);
  return {
    hasSuperuser: await hasActiveSuperuser(db),
    endedSessions: await countEndedSessions(db, lifetime),
    lanes: await listLanes(db),
    sharedEmails: await findSharedEmails(db, EXAMPLES),
    usernamesOfOthers: await findUsernamesOfOthers(db, EXAMPLES),
    seals: await tallySeals(db),
    passkeys: await countTable(db, "passkeys"),
  };
}

function isExposed(path: string): boolean {
  return existsSync(path) && (statSync(path).mode & 0o077) !== 0;
}

const PASSWORDS_AT_ONCE = 5000;

/** Yields every stored password, 5000 at a time. */
async function* readPasswords(db: Db): AsyncGenerator<readonly string[]> {
  let afterId: number | null = null;
  for (;;) {
    let query = db.selectFrom("users").select(["id", "password"]);
    if (afterId !== null) query = query.where("id", ">", afterId);
    const rows: { id: number; password: string }[] = await query.orderBy("id").limit(PASSWORDS_AT_ONCE).execute();
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows.map(({ password }) => password);
    afterId = last.id;
  }
}
