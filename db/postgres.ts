import { type Dialect, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from "kysely";
import pg from "pg";
import { PostgresDriver } from "./postgres-driver.ts";
import { requireSessionPooling } from "./postgres-pooler.ts";

/** No request waits longer than this for a connection, or for a statement's answer. */
const CONNECT_TIMEOUT_MS = 3000;
const STATEMENT_TIMEOUT_MS = 5000;

/**
 * After a failover, a pool that only reads would stay at the old server and show old sessions. A new connection goes to
 * the server that the host name leads to now. It costs about 5 ms.
 */
const CONNECTION_LIFETIME_SECONDS = 60;

/** `int8`, which the driver would hand back as text: our instants are far below 2^53. */
const INT8 = 20;

export interface PostgresOptions {
  /** With the parameters of libpq, `sslmode` among them. */
  url: string;
  /** Connections at the most. */
  poolSize: number;
  /** How long a statement may take. */
  statementTimeoutMs?: number | undefined;
  /** Whether each transaction may run on another server connection, so that nothing of a session is kept. */
  hasTransactionPooler: boolean;
}

export function createPostgresDialect(options: PostgresOptions): Dialect {
  const { url, poolSize, statementTimeoutMs = STATEMENT_TIMEOUT_MS, hasTransactionPooler } = options;
  const settings: pg.PoolConfig = {
    connectionString: url,
    application_name: "postern",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: statementTimeoutMs + 1000, // The server gives up first. If it is gone, we do.
    keepAlive: true,
    types: { getTypeParser: parserOf },
  };
  const createPool = () => new pg.Pool({ ...settings, max: poolSize, maxLifetimeSeconds: CONNECTION_LIFETIME_SECONDS });
  const prepare = hasTransactionPooler ? async () => {} : () => requireSessionPooling(settings);
  return {
    createDriver: () => new PostgresDriver({ createPool, prepare, statementTimeoutMs, hasTransactionPooler }),
    createAdapter: () => new PostgresAdapter(),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createIntrospector: (db) => new PostgresIntrospector(db),
  };
}

/**
 * Whether the connection stays on this machine, or uses TLS and checks the certificate. The driver decides, from the URL
 * and from PGSSLMODE: it treats `sslmode=require` as `verify-full`, unless the URL has `uselibpqcompat=true`.
 *
 * @throws Error if a file that the URL names cannot be read
 */
export function isPrivate(url: string): boolean {
  const { host, ssl } = new pg.Client(url);
  if (host === "" || host.startsWith("/") || LOOPBACK.test(host)) return true;
  const options: unknown = ssl; // The types say boolean. It may also be the options of TLS.
  if (options === null || typeof options !== "object") return options === true;
  return !("rejectUnauthorized" in options && options.rejectUnauthorized === false);
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[?::1\]?|.+\.localhost)$/i;

function parserOf(type: number, format?: "text" | "binary") {
  return type === INT8 ? Number : pg.types.getTypeParser(type, format);
}
