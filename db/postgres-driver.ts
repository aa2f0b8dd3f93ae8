import {
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type QueryResult,
  SelectQueryNode,
  type TransactionSettings,
} from "kysely";
import type pg from "pg";
import { hasNotRun, isTimeout, isUselessConnection } from "./outage.ts";
import { nameOf } from "./statement-names.ts";

export interface PostgresDriverOptions {
  createPool: () => pg.Pool;
  /** Runs before the first query, and again as long as it fails. */
  prepare: () => Promise<void>;
  statementTimeoutMs: number;
  hasTransactionPooler: boolean;
}

/**
 * A driver that closes connections that are of no use any more, and asks once more on a new connection if nothing was
 * done yet:
 *
 * - A statement outside of a transaction is asked again if it reads, or if the error says that it has not run.
 * - `begin` is asked again. It also asks whether the server takes writes, so a server that a failover has turned
 *   read-only is found before a transaction has done anything.
 * - Inside a transaction nothing is asked again: the code has seen answers, and acted upon them. Therefore no statement
 *   in there has a name, since the plan of a named statement is the one thing that goes stale on a sound connection.
 *   Postgres rolls back what it has not committed, and the client gets 503 with Retry-After.
 *
 * A time-out is never asked again: the request has waited long enough.
 */
export class PostgresDriver implements Driver {
  readonly #options: PostgresDriverOptions;
  readonly #begin: string;
  #pool: pg.Pool | null = null;
  /**
   * Grows when a connection proves useless. What is wrong with one is often wrong with all that are as old: the server
   * has gone, is read-only now, or has another schema. An older one is closed when the pool hands it out.
   */
  #generation = 0;
  readonly #generations = new WeakMap<pg.PoolClient, number>();
  /** The connection of each transaction under way. */
  readonly #held = new Map<DatabaseConnection, pg.PoolClient>();
  /** Connections that a transaction's statement has found useless. */
  readonly #useless = new WeakSet<pg.PoolClient>();

  constructor(options: PostgresDriverOptions) {
    this.#options = options;
    const timeout = options.hasTransactionPooler ? `set local statement_timeout = ${options.statementTimeoutMs}; ` : "";
    this.#begin = `begin; ${timeout}show transaction_read_only`; // One round trip.
  }

  async init(): Promise<void> {
    await this.#options.prepare();
    const pool = this.#options.createPool();
    // A connection that breaks while idle leaves the pool; the next request opens another, and reports what is wrong.
    pool.on("error", () => {});
    // Between two statements of a transaction, a connection has no other listener. Unheard, an error ends the process.
    pool.on("connect", (client) => client.on("error", () => {}));
    this.#pool = pool;
  }

  /** Takes no connection of the pool yet: that happens for a statement, or from a transaction's beginning to its end. */
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
    this.#giveBack(client, this.#useless.has(client));
  }

  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    if (settings.isolationLevel ?? settings.accessMode) throw new Error("Every transaction is at read committed.");
    const client = await twice(() => this.#beginOnce(), isUselessConnection);
    this.#held.set(connection, client);
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await this.#executeHeld(this.#clientOf(connection), { sql: "commit", parameters: [] });
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    const client = this.#clientOf(connection);
    if (this.#useless.has(client)) return; // It is closed, and that rolls back.
    try {
      await client.query("rollback");
    } catch (error) {
      this.#retire(client);
      throw error;
    }
  }

  async destroy(): Promise<void> {
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
      const results = await client.query(this.#begin);
      if ([results].flat().at(-1)?.rows[0]?.transaction_read_only === "on") throw new ReadOnlyServerError();
      return client;
    } catch (error) {
      this.#retire(client);
      this.#giveBack(client, true);
      throw error;
    }
  }

  async #execute<R>(connection: DatabaseConnection, query: CompiledQuery): Promise<QueryResult<R>> {
    const held = this.#held.get(connection);
    if (held !== undefined) return this.#executeHeld<R>(held, query);
    // A select of ours changes nothing, whether it has run or not.
    const isRepeatable = SelectQueryNode.is(query.query) ? isUselessConnection : hasNotRun;
    return twice(() => this.#executeOnce<R>(query), isRepeatable);
  }

  async #executeHeld<R>(client: pg.PoolClient, query: Pick<CompiledQuery, "sql" | "parameters">) {
    try {
      return await run<R>(client, query, undefined);
    } catch (error) {
      if (isUselessConnection(error)) this.#retire(client);
      throw error;
    }
  }

  async #executeOnce<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const client = await this.#take();
    try {
      const name = this.#options.hasTransactionPooler ? undefined : nameOf(query.sql);
      return await run<R>(client, query, name);
    } catch (error) {
      if (isUselessConnection(error)) this.#retire(client);
      throw error;
    } finally {
      this.#giveBack(client, this.#useless.has(client));
    }
  }

  /** A connection that is not older than the last one that proved useless. */
  async #take(): Promise<pg.PoolClient> {
    for (;;) {
      const before = this.#generation; // A connection that is made meanwhile may lead to where the useless one led.
      if (this.#pool === null) throw new Error("The database is closed.");
      const client = await this.#pool.connect();
      const generation = this.#generations.get(client);
      if (generation === this.#generation) return client;
      if (generation === undefined) {
        this.#generations.set(client, before);
        await this.#setUp(client);
        return client;
      }
      this.#giveBack(client, true);
    }
  }

  /**
   * The time-out is set by a statement. In the startup packet, PgBouncer would deny it: "unsupported startup parameter".
   * Behind a pooler in transaction mode it is set in each transaction. A single statement there has the driver's time-out
   * alone, after which the connection is closed.
   */
  async #setUp(client: pg.PoolClient): Promise<void> {
    if (this.#options.hasTransactionPooler) return;
    try {
      await client.query(`set statement_timeout = ${this.#options.statementTimeoutMs}`);
    } catch (error) {
      this.#giveBack(client, true);
      throw error;
    }
  }

  #retire(client: pg.PoolClient): void {
    this.#useless.add(client);
    if (this.#generations.get(client) === this.#generation) this.#generation++;
  }

  #giveBack(client: pg.PoolClient, isUseless: boolean): void {
    client.release(isUseless);
  }
}

/** As Postgres would say at the first write (SQLSTATE 25006). */
class ReadOnlyServerError extends Error {
  override readonly name = "ReadOnlyServerError";
  readonly code = "25006";

  constructor() {
    super("The database server is read-only, as after a failover.");
  }
}

async function run<R>(
  client: pg.PoolClient,
  { sql, parameters }: Pick<CompiledQuery, "sql" | "parameters">,
  name: string | undefined,
): Promise<QueryResult<R>> {
  const values = [...parameters];
  const result = await client.query(name === undefined ? { text: sql, values } : { name, text: sql, values });
  const { command, rowCount, rows } = result;
  if (!["INSERT", "UPDATE", "DELETE", "MERGE"].includes(command)) return { rows };
  return { rows, numAffectedRows: BigInt(rowCount ?? 0) };
}

/** Tries, and once more on another connection if that is safe. */
async function twice<T>(attempt: () => Promise<T>, isSafe: (error: unknown) => boolean): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    if (isTimeout(error) || !isSafe(error)) throw error;
    return attempt();
  }
}
