import { accessSync, constants, existsSync, realpathSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { listLanes } from "./event-lanes.ts";
import type { Lane } from "./event-macs.ts";
import { listDamage } from "./integrity.ts";
import { findSchemaState, type SchemaState } from "./migrate.ts";
import { type Db, openDatabase, sqliteFile } from "./open.ts";
import { countEndedSessions, type Lifetime } from "./sessions.ts";
import { hasActiveSuperuser, readPasswords } from "./users.ts";

/** What is worth knowing about a database before people depend on it. */
export interface Inspection {
  schema: SchemaState;
  /** SQLite files that others than their owner can read, or write. */
  exposedFiles: string[];
  /** What SQLite finds wrong with the file, in its words. */
  damage: string[];
  /** Null where the schema is not this version's, or the answers of a damaged file would be worth nothing. */
  content: { hasSuperuser: boolean; endedSessions: number; lanes: Lane[] } | null;
}

/** The folder of an SQLite database if this user cannot create files in it, as SQLite must; else null. */
export function findUnwritableFolder(url: string): string | null {
  const file = sqliteFile(url);
  if (file === null) return null;
  const folder = dirname(existsSync(file) ? realpathSync(file) : resolve(file));
  // What is no file in a folder is reported when it is opened.
  if (!isFolder(folder) || (existsSync(file) && !statSync(file).isFile())) return null;
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    const isDenied = error instanceof Error && "code" in error && /^(EACCES|EPERM|EROFS)$/.test(String(error.code));
    return isDenied ? folder : null;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** To count the rows of a large table takes longer than any request may. */
const STATEMENT_TIMEOUT_MS = 60_000;

export interface InspectionOptions {
  /** Of the sessions that should be gone by now. */
  lifetime: Lifetime;
  /** Called with every stored password, if the content is worth something. */
  onPassword: (encoded: string) => void;
  /** Whether a Postgres is behind a connection pooler in transaction mode. */
  hasTransactionPooler: boolean;
}

/**
 * Looks at a database: nothing is made, migrated or written.
 *
 * @throws DatabaseError or a driver's error where it cannot be opened
 */
export async function inspectDatabase(url: string, options: InspectionOptions): Promise<Inspection> {
  const file = sqliteFile(url);
  // Before it is opened: the log that opening makes is of the file's mode.
  const exposedFiles = file === null || !existsSync(file) ? [] : [file, `${realpathSync(file)}-wal`].filter(isExposed);
  const { hasTransactionPooler } = options;
  const limits = { poolSize: 1, statementTimeoutMs: STATEMENT_TIMEOUT_MS };
  const db = await openDatabase(url, { mayCreate: false, ...limits, hasTransactionPooler });
  try {
    const schema = await findSchemaState(db);
    const damage = file === null ? [] : await listDamage(db, "quick_check");
    const isAskable = schema.kind === "current" && damage.length === 0;
    return { schema, exposedFiles, damage, content: isAskable ? await inspectContent(db, options) : null };
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
  };
}

function isExposed(path: string): boolean {
  return existsSync(path) && (statSync(path).mode & 0o077) !== 0;
}
