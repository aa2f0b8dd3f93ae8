import { setTimeout as sleep } from "node:timers/promises";
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SelectQueryNode,
  type TransactionSettings,
} from "kysely";
import { isBusy } from "./outage.ts";

/** How long a statement or a transaction waits for another process's write before it fails, in sleeps alone. */
const MAX_WAIT_MS = 5000;

/** Most writes are over in a few milliseconds; while a long one lasts, it is asked for twenty times a second. */
const FIRST_SLEEP_MS = 2;
const LONGEST_SLEEP_MS = 50;

/** Who is told of what happens on the connection. */
export interface Watch {
  /** Of every commit: who has written, or may have, waits for what this returns. */
  committed: () => Promise<void>;
  /** Before it is closed, when nothing waits any more. */
  closing: () => void;
}

/**
 * A dialect that waits for SQLite's write lock asleep. The drivers are synchronous: were SQLite itself to wait
 * (`busy_timeout`), nothing else would be answered meanwhile. What waits holds nothing, so that reads go by.
 *
 * @param dialect one whose connections do not wait, and whose transactions ask for the lock when they begin
 */
export function waitForWriteLock(dialect: Dialect, watch: Watch): Dialect {
  return {
    createDriver: () => new WaitingDriver(dialect.createDriver(), watch),
    createAdapter: () => dialect.createAdapter(),
    createQueryCompiler: () => dialect.createQueryCompiler(),
    createIntrospector: (db) => dialect.createIntrospector(db),
  };
}

/**
 * The driver below hands out its only connection to one at a time. Here, it is taken for a statement, or from the
 * beginning of a transaction to its end.
 */
class WaitingDriver implements Driver {
  readonly #driver: Driver;
  readonly #watch: Watch;
  /** The connection of each transaction under way. */
  readonly #held = new Map<DatabaseConnection, DatabaseConnection>();

  constructor(driver: Driver, watch: Watch) {
    this.#driver = driver;
    this.#watch = watch;
  }

  init(): Promise<void> {
    return this.#driver.init();
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    const connection: DatabaseConnection = {
      executeQuery: (query) => this.#execute(connection, query),
      streamQuery: (query, chunkSize) => this.#stream(connection, query, chunkSize),
    };
    return connection;
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    const held = this.#held.get(connection);
    if (held === undefined) return;
    this.#held.delete(connection);
    await this.#driver.releaseConnection(held);
  }

  beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    return patiently(async () => {
      const taken = await this.#driver.acquireConnection();
      try {
        await this.#driver.beginTransaction(taken, settings);
      } catch (error) {
        await this.#driver.releaseConnection(taken);
        throw error;
      }
      this.#held.set(connection, taken);
    });
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await this.#driver.commitTransaction(this.#held.get(connection) ?? connection);
    await this.releaseConnection(connection); // The next transaction need not wait for what this one waits for now.
    await this.#watch.committed();
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    const held = this.#held.get(connection);
    if (held !== undefined) await this.#driver.rollbackTransaction(held); // Else it was the wait after a commit that failed.
  }

  async destroy(): Promise<void> {
    await this.#watch.committed().catch(() => {}); // Or what is still under way loses the file that it flushes.
    this.#watch.closing();
    await this.#driver.destroy();
  }

  async #execute<R>(connection: DatabaseConnection, query: CompiledQuery): Promise<QueryResult<R>> {
    const held = this.#held.get(connection);
    if (held !== undefined) return held.executeQuery<R>(query);
    const result = await patiently(async () => {
      const taken = await this.#driver.acquireConnection();
      try {
        return await taken.executeQuery<R>(query);
      } finally {
        await this.#driver.releaseConnection(taken);
      }
    });
    if (!SelectQueryNode.is(query.query)) await this.#watch.committed();
    return result;
  }

  async *#stream<R>(connection: DatabaseConnection, query: CompiledQuery, chunkSize?: number) {
    const held = this.#held.get(connection);
    const taken = held ?? (await this.#driver.acquireConnection());
    try {
      yield* taken.streamQuery<R>(query, chunkSize);
    } finally {
      if (held === undefined) await this.#driver.releaseConnection(taken);
    }
  }
}

/** Tries, and sleeps and tries again while the lock is another's. */
async function patiently<T>(attempt: () => Promise<T>): Promise<T> {
  let waitedMs = 0;
  let sleepMs = FIRST_SLEEP_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!isBusy(error) || waitedMs >= MAX_WAIT_MS) throw error;
    }
    await sleep(sleepMs);
    waitedMs += sleepMs;
    sleepMs = Math.min(2 * sleepMs, LONGEST_SLEEP_MS);
  }
}
