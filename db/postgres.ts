import { hash } from "node:crypto";
import { type Dialect, PostgresDialect } from "kysely";
import pg from "pg";

/** No request waits longer than this for a connection, or for a statement's answer. */
const CONNECT_TIMEOUT_MS = 3000;
const STATEMENT_TIMEOUT_MS = 5000;

/** `int8`, which the driver would hand back as text: our instants are far below 2^53. */
const INT8 = 20;

/**
 * @param url with the parameters of libpq, `sslmode` among them
 * @param poolSize connections at the most
 * @param statementTimeoutMs how long a statement may take
 */
export function createPostgresDialect(
  url: string,
  poolSize: number,
  statementTimeoutMs = STATEMENT_TIMEOUT_MS,
): Dialect {
  const pool = new pg.Pool({
    connectionString: url,
    max: poolSize,
    application_name: "postern",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: statementTimeoutMs, // The server gives up,
    query_timeout: statementTimeoutMs + 1000, // and where it is gone, so do we.
    keepAlive: true,
    types: { getTypeParser: parserOf },
  });
  // A connection that breaks while idle leaves the pool; the next request opens another, and reports what is wrong.
  pool.on("error", () => {});
  pool.on("connect", (client) => {
    // In use, but between two statements, it has nobody else to tell: unheard, that would end the process.
    client.on("error", () => {});
    closeAfterSilence(client);
  });
  return new PostgresDialect({ pool });
}

/**
 * A connection whose answer never came is dead or out of step, and the driver would hand it to the next request, to wait
 * as long, until the system gives up on it after a quarter of an hour. Closed, it leaves the pool.
 */
function closeAfterSilence(client: pg.PoolClient): void {
  const query = client.query.bind(client);
  const watched = async (text: string, values: unknown[]) => {
    try {
      const name = NAMES.get(text);
      return await query(name === undefined ? { text, values } : { name, text, values });
    } catch (error) {
      if (error instanceof Error && error.message === "Query read timeout") void client.end();
      throw error;
    }
  };
  // The one way in which Kysely calls it: text and values, for a promise.
  client.query = watched as typeof client.query;
}

/** The names of prepared statements, by their SQL. */
const NAMES = new Map<string, string>();

/**
 * Has each connection parse and plan a statement once (PREPARE), under a name that every process has for the same text.
 * Only for what lists its columns: where a migration changes what `*` means, a prepared statement fails.
 */
export function prepareByName(text: string): void {
  NAMES.set(text, `postern_${hash("sha256", text).slice(0, 16)}`);
}

function parserOf(type: number, format?: "text" | "binary") {
  return type === INT8 ? Number : pg.types.getTypeParser(type, format);
}
