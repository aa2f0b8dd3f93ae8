import { type Dialect, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from "kysely";
import pg from "pg";
import { PostgresDriver } from "./postgres-driver.ts";
import { requireSessionPooling } from "./postgres-pooler.ts";
import { attachReader } from "./read-now.ts";

/** The longest waits of a request for a connection and for the result of a statement. */
const CONNECT_TIMEOUT_MS = 3000;
const STATEMENT_TIMEOUT_MS = 5000;

/**
 * After a failover, a connection that only reads would stay at the old server and read old sessions. A new connection
 * resolves the host name again and takes about 5 ms.
 */
const CONNECTION_LIFETIME_MS = 60_000;

/** The type `int8`. The driver returns text for it. Our instants are far below 2^53, so numbers are exact. */
const INT8 = 20;

export interface PostgresOptions {
  /** Maximum number of connections, besides the one for reads. */
  poolSize: number;
  /** By default the limit for requests. */
  connectTimeoutMs?: number;
  /** By default the limit for requests. */
  statementTimeoutMs?: number;
  /** The age at which a connection is closed; by default a minute. */
  connectionLifetimeMs?: number;
  /** Whether Postgres is behind a connection pooler in transaction mode, so that a session keeps no state. */
  hasTransactionPooler?: boolean;
}

/** @param url may have the parameters of libpq, such as `sslmode` */
export function createPostgresDialect(url: string, options: PostgresOptions): Dialect {
  const { poolSize, hasTransactionPooler = false } = options;
  const { connectTimeoutMs = CONNECT_TIMEOUT_MS, statementTimeoutMs = STATEMENT_TIMEOUT_MS } = options;
  const { connectionLifetimeMs: lifetimeMs = CONNECTION_LIFETIME_MS } = options;
  const settings: pg.ClientConfig = {
    connectionString: url,
    application_name: "postern",
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: statementTimeoutMs + 1000, // The server's time-out comes first. This one is for a lost server.
    keepAlive: true,
    types: { getTypeParser: parserOf },
  };
  const driver = new PostgresDriver({
    // An idle connection is kept until its end: the next request would wait for a new one.
    createPool: () =>
      new pg.Pool({ ...settings, max: poolSize, idleTimeoutMillis: 0, maxLifetimeSeconds: lifetimeMs / 1000 }),
    createReader: () => new pg.Client({ ...settings, pipeline: true }),
    prepare: hasTransactionPooler ? async () => {} : () => requireSessionPooling(settings),
    statementTimeoutMs,
    lifetimeMs,
    hasTransactionPooler,
  });
  const adapter = new PostgresAdapter();
  attachReader(adapter, (sql, parameters) => driver.read(sql, parameters));
  return {
    createDriver: () => driver,
    createAdapter: () => adapter,
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createIntrospector: (db) => new PostgresIntrospector(db),
  };
}

/**
 * Whether the connection stays on this machine, or uses TLS and verifies the certificate. Asks the driver, which reads
 * the URL and PGSSLMODE. It treats `sslmode=require` as `verify-full`, unless the URL has `uselibpqcompat=true`.
 *
 * @throws Error if a file that the URL names cannot be read
 */
export function isPrivate(url: string): boolean {
  const { host, ssl } = new pg.Client(url);
  if (host === "" || host.startsWith("/") || LOOPBACK.test(host)) return true;
  const options: unknown = ssl; // A boolean or an object of TLS options. The types say boolean.
  if (options === null || typeof options !== "object") return options === true;
  return !("rejectUnauthorized" in options && options.rejectUnauthorized === false);
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[?::1\]?|.+\.localhost)$/i;

function parserOf(type: number, format?: "text" | "binary") {
  return type === INT8 ? Number : pg.types.getTypeParser(type, format);
}
