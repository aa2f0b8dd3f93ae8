import type { Database } from "bun:sqlite";
import { closeSync, existsSync, openSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type Dialect, SqliteAdapter } from "kysely";
import { DatabaseError } from "./error.ts";

/** A new file holds password hashes: its owner's business. SQLite gives the files beside it the same mode. */
const OWNER_ONLY = 0o600;

/** How long a statement waits for another process's write before it fails. */
const BUSY_TIMEOUT_MS = 5000;

/**
 * @param path a file; `:memory:` for a database that ends with the process
 * @param options whether a missing file is made
 * @throws DatabaseError
 */
export async function createSqliteDialect(path: string, { mayCreate }: { mayCreate: boolean }): Promise<Dialect> {
  const { BunSqliteDialect } = await import("kysely-bun-sqlite");
  if (!mayCreate && path !== ":memory:" && !existsSync(path)) {
    throw new DatabaseError(`There is no database at ${resolve(path)}: serve, migrate and createsuperuser make one.`);
  }
  const database = await openFile(path);
  return new (class extends BunSqliteDialect {
    override createAdapter() {
      return new TransactionalSqliteAdapter();
    }
  })({ database });
}

/** SQLite runs DDL in transactions; Kysely's adapter says it does not, which would leave a failed migration half done. */
class TransactionalSqliteAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

async function openFile(path: string) {
  try {
    if (path !== ":memory:" && !existsSync(path)) makeFile(path);
    const database = await createCachingDatabase(path);
    database.run(`pragma busy_timeout = ${BUSY_TIMEOUT_MS}`); // First, so that the next ones wait too.
    database.run("pragma journal_mode = wal");
    database.run("pragma synchronous = full"); // An acknowledged logout survives a power cut.
    database.run("pragma foreign_keys = on");
    // Asks for the write lock: a file that can only be read is found out now, not at the first login.
    database.run("begin immediate");
    database.run("rollback");
    return database;
  } catch (error) {
    throw new DatabaseError(`Cannot open the database ${path}: ${explain(path, error)}.`, { cause: error });
  }
}

/** Not opened where another process was first: to close it would drop the locks that this process holds on it. */
function makeFile(path: string): void {
  try {
    closeSync(openSync(path, "wx", OWNER_ONLY));
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}

/** A database that compiles each SQL text once, and begins every transaction as a writer. */
async function createCachingDatabase(path: string): Promise<Database> {
  const { Database } = await import("bun:sqlite");
  const database = new Database(path, { create: true, readwrite: true });
  const compile = database.prepare.bind(database);
  const statements = new Map<string, ReturnType<typeof compile>>();
  const prepare = (sql: string) => {
    // A deferred transaction fails, unwaited, when it turns writer after another process wrote.
    const statement = statements.get(sql) ?? compile(sql === "begin" ? "begin immediate" : sql);
    statements.set(sql, statement);
    return statement;
  };
  // The cast gives back the generic row type, a claim that nothing checks at run time either way.
  database.prepare = prepare as Database["prepare"];
  const close = database.close.bind(database);
  database.close = () => {
    for (const statement of statements.values()) statement.finalize(); // Or the file stays open.
    close();
  };
  return database;
}

function explain(path: string, error: unknown): string {
  const folder = dirname(path);
  if (path !== ":memory:" && !existsSync(folder)) return `the folder ${folder} does not exist`;
  if (existsSync(path) && statSync(path).isDirectory()) return "it is a folder";
  return error instanceof Error ? error.message : String(error);
}
