import type { SQLQueryBindings } from "bun:sqlite";
import type { SQLInputValue } from "node:sqlite";
import type { Reader } from "./read-now.ts";

/**
 * At most 32 MB of pages, in place of SQLite's 2: enough for the sessions in use among a million. At each read, SQLite
 * checks whether another connection has committed. If so, it reads the pages again.
 */
const PAGE_CACHE = "pragma cache_size = -32000";

/** A second, read-only connection to an SQLite file. */
export interface SqliteReader {
  read: Reader;
  close: () => void;
}

/** @param path a file that another connection has opened, so that its log exists */
export function openSqliteReader(path: string): Promise<SqliteReader> {
  return process.versions["bun"] === undefined ? openWithNode(path) : openWithBun(path);
}

async function openWithBun(path: string): Promise<SqliteReader> {
  const { constants, Database } = await import("bun:sqlite");
  // The path has no links, as for the first connection.
  const database = new Database(path, constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_NOFOLLOW);
  const compile = (sql: string) => {
    database.run(PAGE_CACHE); // Here and not at opening, because it reads the file, which may be locked for moments.
    return database.prepare<unknown, SQLQueryBindings[]>(sql);
  };
  const statements = createStatementCache(compile, (statement) => statement.finalize());
  return {
    // The parameters of our queries are strings, numbers and nulls.
    read: (sql, parameters) => statements.get(sql).all(...(parameters as SQLQueryBindings[])),
    close: () => {
      statements.clear(); // An open statement would keep the file open, and the log beside it.
      database.close();
    },
  };
}

async function openWithNode(path: string): Promise<SqliteReader> {
  const { DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(path, { readOnly: true });
  const statements = createStatementCache((sql) => {
    database.exec(PAGE_CACHE); // As above.
    return database.prepare(sql);
  });
  return {
    read: (sql, parameters) => statements.get(sql).all(...(parameters as SQLInputValue[])), // As above.
    close: () => database.close(),
  };
}

/** Compiles each SQL text once. The texts are few: their values are parameters. */
export function createStatementCache<S>(compile: (sql: string) => S, discard: (statement: S) => void = () => {}) {
  const statements = new Map<string, S>();
  return {
    get: (sql: string): S => {
      const statement = statements.get(sql) ?? compile(sql);
      statements.set(sql, statement);
      return statement;
    },
    clear: () => {
      for (const statement of statements.values()) discard(statement);
      statements.clear();
    },
  };
}
