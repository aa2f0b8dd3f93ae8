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
  return new PostgresDialect({ pool });
}

function parserOf(type: number, format?: "text" | "binary") {
  return type === INT8 ? Number : pg.types.getTypeParser(type, format);
}
