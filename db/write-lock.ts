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

/** The longest wait of a statement or transaction for the lock. */
const MAX_WAIT_MS = 5000;

/** Most writes take a few milliseconds. During a long one, the lock is tried 20 times a second. */
const FIRST_SLEEP_MS = 2;
const LONGEST_SLEEP_MS = 50;

export interface Watch {
  /** Called after every commit. The writer waits for the promise. */
  committed: () => Promise<void>;
  /** Called before the connection is closed. */
  closing: () => void;
}

/**
 * Waits for SQLite's write lock with timers. The drivers are synchronous, so a wait in SQLite (`busy_timeout`) would
 * block the process. A waiting statement holds no connection, so that reads continue.
 *
 * @param dialect its connections must not wait, and its transactions must take the lock when they begin
 */
export function waitForWriteLock(dialect: Dialect, watch: Watch, timeoutMs = MAX_WAIT_MS): Dialect {
  return {
    createDriver: () => new WaitingDriver(dialect.createDriver(), watch, timeoutMs),
    createAdapter: () => dialect.createAdapter(),
    createQueryCompiler: () => dialect.createQueryCompiler(),
    createIntrospector: (db) => dialect.createIntrospector(db),
  };
}

/** The driver below has one connection. A single statement takes it, or a transaction from its beginning to its end. */
class WaitingDriver implements Driver {
  readonly #driver: Driver;
  readonly #watch: Watch;
  readonly #timeoutMs: number;
  /** The connection of each open transaction. */
  readonly #held = new Map<DatabaseConnection, DatabaseConnection>();

  constructor(driver: Driver, watch: Watch, timeoutMs: number) {
    this.#driver = driver;
    this.#watch = watch;
    this.#timeoutMs = timeoutMs;
  }

  init(): Promise<void> {
    return this.#driver.init();
  }

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
    const held = this.#held.get(connection);
    if (held === undefined) return;
    this.#held.delete(connection);
    await this.#driver.releaseConnection(held);
  }

  beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    return retryWhileBusy(this.#timeoutMs, async () => {
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
    await this.releaseConnection(connection); // The next transaction does not wait for the flush.
    await this.#watch.committed();
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    const held = this.#held.get(connection);
    if (held === undefined) return; // The flush after the commit failed.
    // On a full disk, SQLite has already ended the transaction. Kysely would report that error in place of the first one.
    await this.#driver.rollbackTransaction(held).catch(() => {});
  }

  async destroy(): Promise<void> {
    await this.#watch.committed().catch(() => {}); // A flush in progress still needs the file.
    this.#watch.closing();
    await this.#driver.destroy();
  }

  async #execute<R>(connection: DatabaseConnection, query: CompiledQuery): Promise<QueryResult<R>> {
    const held = this.#held.get(connection);
    if (held !== undefined) return held.executeQuery<R>(query);
    const result = await retryWhileBusy(this.#timeoutMs, async () => {
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
}

/** Tries again while another process holds the lock, for at most that time, of which it counts only the sleeps. */
async function retryWhileBusy<T>(timeoutMs: number, attempt: () => Promise<T>): Promise<T> {
  let waitedMs = 0;
  let sleepMs = FIRST_SLEEP_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!isBusy(error) || waitedMs >= timeoutMs) throw error;
    }
    await sleep(sleepMs);
    waitedMs += sleepMs;
    sleepMs = Math.min(2 * sleepMs, LONGEST_SLEEP_MS);
  }
}
