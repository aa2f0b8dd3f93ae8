import {
  type CompiledQuery,
  type DatabaseConnection,
  DeleteQueryNode,
  type Driver,
  InsertQueryNode,
  type QueryResult,
  SelectQueryNode,
  type TransactionSettings,
  UpdateQueryNode,
} from "kysely";
import type pg from "pg";
import { hasNotRun, isTimeout, isUselessConnection } from "./outage.ts";
import { PostgresReader } from "./postgres-reader.ts";
import { preparedName } from "./prepared.ts";

export interface PostgresDriverOptions {
  createPool: () => pg.Pool;
  /** A client that sends each query at once (`pipeline`). */
  createReader: () => pg.Client;
  /** Runs before the first query. If it fails, it runs again before the next one. */
  prepare: () => Promise<void>;
  statementTimeoutMs: number;
  lifetimeMs: number;
  hasTransactionPooler: boolean;
}

/**
 * Closes connections that are of no use any more, and retries a statement once on a new connection if that is safe:
 *
 * - Outside of a transaction, a statement is retried if it reads, or if Postgres certainly did not run it.
 * - `begin` is retried. It also asks whether the server accepts writes, so that after a failover no transaction starts on
 *   a read-only server.
 * - Inside a transaction no statement is retried, because the code has already acted on earlier results. Postgres rolls
 *   back, and the client gets 503 with Retry-After. A statement that returns rows has no name there: it could fail on a
 *   sound connection if its plan is older than the schema. If it returns none, Postgres replaces the plan.
 *
 * A time-out is never retried: the request has waited long enough.
 */
export class PostgresDriver implements Driver {
  readonly #options: PostgresDriverOptions;
  readonly #begin: string;
  readonly #timeout: string;
  #pool: pg.Pool | null = null;
  /** Null behind a pooler in transaction mode: the reader needs the time-out and the plans of its connection. */
  #reader: PostgresReader | null = null;
  /**
   * Incremented when a connection proves useless. The other connections of the same age often have the same problem: the
   * server is gone, is read-only, or has another schema. The driver closes them when the pool returns them, and the
   * reader when it opens another one.
   */
  #generation = 0;
  readonly #generations = new WeakMap<pg.ClientBase, number>();
  /** The connection of each open transaction. */
  readonly #held = new Map<DatabaseConnection, pg.PoolClient>();
  /** Connections to be closed when they are released. */
  readonly #useless = new WeakSet<pg.ClientBase>();

  constructor(options: PostgresDriverOptions) {
    this.#options = options;
    const timeout = options.hasTransactionPooler ? `set local statement_timeout = ${options.statementTimeoutMs}; ` : "";
    this.#begin = `begin; ${timeout}${SHOW_READ_ONLY}`; // One round trip.
    this.#timeout = `set statement_timeout = ${options.statementTimeoutMs}`;
  }

  async init(): Promise<void> {
    await this.#options.prepare();
    const pool = this.#options.createPool();
    // The pool drops a connection that breaks while idle. The next request opens another one and reports its errors.
    pool.on("error", () => {});
    // Between two statements of a transaction, a connection has no other listener. The error would end the process.
    pool.on("connect", (client) => client.on("error", () => {}));
    this.#pool = pool;
    if (this.#options.hasTransactionPooler) return;
    this.#reader = new PostgresReader({
      connect: () => this.#connectReader(),
      isCurrent: (client) => this.#generations.get(client) === this.#generation,
      retire: (client) => this.#retire(client),
      lifetimeMs: this.#options.lifetimeMs,
    });
  }

  /** Runs a select on the reader's connection. @returns null if the pool must answer */
  read(sql: string, parameters: readonly unknown[]): Promise<unknown[] | null> | null {
    return this.#reader?.read({ sql, parameters }) ?? null;
  }

  /** Takes no connection from the pool. A single statement or `beginTransaction` takes one. */
  async acquireConnection(): Promise<DatabaseConnection> {
    const connection: DatabaseConnection = {
      executeQuery: (query) => this.#execute(connection, query),
      streamQuery: () => {
        throw new Error("Rows are read in pages, not streamed.");
      },
    };
    return connection;
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    const client = this.#held.get(connection);
    if (client === undefined) return;
    this.#held.delete(connection);
    client.release(this.#useless.has(client));
  }

  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    if (settings.isolationLevel ?? settings.accessMode) throw new Error("Every transaction uses READ COMMITTED.");
    const client = await retryOnce(() => this.#beginOnce(), isUselessConnection);
    this.#held.set(connection, client);
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await this.#executeHeld(this.#clientOf(connection), { sql: "commit", parameters: [] }, undefined);
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    const client = this.#clientOf(connection);
    if (this.#useless.has(client)) return; // The end of the connection rolls back.
    // Kysely would report the error of a rollback in place of the first one.
    await client.query("rollback").catch(() => this.#retire(client));
  }

  async destroy(): Promise<void> {
    this.#reader?.close();
    this.#reader = null;
    await this.#pool?.end();
    this.#pool = null;
  }

  #clientOf(connection: DatabaseConnection): pg.PoolClient {
    const client = this.#held.get(connection);
    if (client === undefined) throw new Error("There is no transaction on this connection.");
    return client;
  }

  async #beginOnce(): Promise<pg.PoolClient> {
    const client = await this.#take();
    try {
      requireWritable(await client.query(this.#begin));
      return client;
    } catch (error) {
      this.#retire(client);
      client.release(true);
      throw error;
    }
  }

  async #execute<R>(connection: DatabaseConnection, query: CompiledQuery): Promise<QueryResult<R>> {
    const held = this.#held.get(connection);
    if (held !== undefined)
      return this.#executeHeld<R>(held, query, returnsRows(query) ? undefined : this.#nameOf(query));
    // No select of Postern has side effects.
    const isRepeatable = SelectQueryNode.is(query.query) ? isUselessConnection : hasNotRun;
    return retryOnce(() => this.#executeOnce<R>(query), isRepeatable);
  }

  async #executeHeld<R>(client: pg.PoolClient, query: Statement, name: string | undefined) {
    try {
      return await run<R>(client, query, name);
    } catch (error) {
      if (isUselessConnection(error)) this.#retire(client);
      throw error;
    }
  }

  async #executeOnce<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const client = await this.#take();
    try {
      return await run<R>(client, query, this.#nameOf(query));
    } catch (error) {
      if (isUselessConnection(error)) this.#retire(client);
      throw error;
    } finally {
      client.release(this.#useless.has(client));
    }
  }

  #nameOf({ sql }: Statement): string | undefined {
    return this.#options.hasTransactionPooler ? undefined : preparedName(sql);
  }

  /** @returns a connection that is newer than every useless one */
  async #take(): Promise<pg.PoolClient> {
    for (;;) {
      const before = this.#generation; // Read before the connect: the new connection may reach the same bad server.
      if (this.#pool === null) throw new Error("The database is closed.");
      const client = await this.#pool.connect();
      const generation = this.#generations.get(client);
      if (generation === this.#generation) return client;
      if (generation === undefined) {
        this.#generations.set(client, before);
        await this.#setUp(client).catch((error) => {
          client.release(true);
          throw error;
        });
        return client;
      }
      client.release(true);
    }
  }

  async #connectReader(): Promise<pg.Client> {
    const client = this.#options.createReader();
    this.#generations.set(client, this.#generation); // Before the connect, as above.
    client.on("error", () => {}); // The reads in flight report it.
    try {
      await client.connect();
      // A standby may lag behind, and would show sessions that have ended. Writes find it; this client makes none.
      requireWritable(await client.query(`${this.#timeout}; ${SHOW_READ_ONLY}`));
      return client;
    } catch (error) {
      client.end().catch(() => {});
      throw error;
    }
  }

  /**
   * Sets the time-out by a statement. PgBouncer denies it in the startup packet: "unsupported startup parameter". Behind
   * a pooler in transaction mode, each transaction sets it. A single statement there has only the driver's time-out,
   * after which the connection is closed.
   */
  async #setUp(client: pg.ClientBase): Promise<void> {
    if (this.#options.hasTransactionPooler) return;
    await client.query(this.#timeout);
  }

  #retire(client: pg.ClientBase): void {
    this.#useless.add(client);
    if (this.#generations.get(client) === this.#generation) this.#generation++;
  }
}

const SHOW_READ_ONLY = "show transaction_read_only";

/** @param results of statements of which `SHOW_READ_ONLY` is the last @throws ReadOnlyServerError */
function requireWritable(results: pg.QueryResult | pg.QueryResult[]): void {
  if ([results].flat().at(-1)?.rows[0]?.transaction_read_only === "on") throw new ReadOnlyServerError();
}

/** Has the SQLSTATE that Postgres raises at the first write. */
class ReadOnlyServerError extends Error {
  override readonly name = "ReadOnlyServerError";
  readonly code = "25006";

  constructor() {
    super("The database server is read-only, as after a failover.");
  }
}

type Statement = Pick<CompiledQuery, "sql" | "parameters">;

function returnsRows({ query }: CompiledQuery): boolean {
  const isWrite = InsertQueryNode.is(query) || UpdateQueryNode.is(query) || DeleteQueryNode.is(query);
  return !isWrite || query.returning !== undefined;
}

async function run<R>(
  client: pg.PoolClient,
  { sql, parameters }: Statement,
  name: string | undefined,
): Promise<QueryResult<R>> {
  const values = [...parameters];
  const result = await client.query(name === undefined ? { text: sql, values } : { name, text: sql, values });
  const { command, rowCount, rows } = result;
  if (!["INSERT", "UPDATE", "DELETE", "MERGE"].includes(command)) return { rows };
  return { rows, numAffectedRows: BigInt(rowCount ?? 0) };
}

/** Retries once if `isSafe`, but not after a time-out. */
async function retryOnce<T>(attempt: () => Promise<T>, isSafe: (error: unknown) => boolean): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    if (isTimeout(error) || !isSafe(error)) throw error;
    return attempt();
  }
}
