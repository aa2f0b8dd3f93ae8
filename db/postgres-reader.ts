import { setTimeout } from "node:timers";
import type { CompiledQuery } from "kysely";
import type pg from "pg";
import { isTimeout, isUselessConnection } from "./outage.ts";
import { preparedName } from "./prepared.ts";

/** If Postgres has no room for one more connection, each try costs it a process. */
const RETRY_MS = 1000;

export interface PostgresReaderOptions {
  /** Opens a client that sends each query at once, and has a time-out for each statement. */
  connect: () => Promise<pg.Client>;
  /** False if a connection of its age has proved useless. */
  isCurrent: (client: pg.Client) => boolean;
  /** Tells the pool that the connection has proved useless. */
  retire: (client: pg.Client) => void;
  /** After this time, another connection takes the place of the first. */
  lifetimeMs: number;
}

/**
 * One connection for selects that follow each other without waiting for answers: Postgres works while they travel, and
 * no select waits for a connection of the pool. Each one is a transaction of its own with its own snapshot, because the
 * driver sends a Sync behind it. So an error fails only its own select, and each select sees every earlier commit.
 *
 * No request waits for this connection to open. Until it is open, and if it breaks, the pool answers.
 *
 * A select that waits for a lock holds up those behind it. Mostly they need the same lock: `alter table` takes it. If
 * the driver's time-out of one passes, the driver ends the connection. Those behind it fail too, so none waits longer.
 */
export class PostgresReader {
  readonly #options: PostgresReaderOptions;
  #client: pg.Client | null = null;
  /** A select of these has timed out. */
  readonly #stalled = new WeakSet<pg.Client>();
  #isOpening = false;
  #lifetime: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(options: PostgresReaderOptions) {
    this.#options = options;
  }

  /** @returns null if the pool must answer @throws the driver's error */
  read({ sql, parameters }: Pick<CompiledQuery, "sql" | "parameters">): Promise<unknown[] | null> | null {
    const client = this.#client;
    if (client === null || !this.#options.isCurrent(client)) {
      this.#open();
      return null;
    }
    const name = preparedName(sql);
    const query = { text: sql, values: [...parameters], ...(name === undefined ? {} : { name }) };
    return new Promise((resolve, reject) => {
      client.query(query, (error: Error | null, result: pg.QueryResult) => {
        if (error === null) return resolve(result.rows);
        if (isTimeout(error)) this.#stalled.add(client);
        const isUseless = isUselessConnection(error);
        if (isUseless) this.#options.retire(client);
        if (isUseless && !this.#stalled.has(client)) resolve(null);
        else reject(error);
      });
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#replace(null);
  }

  #open(): void {
    if (this.#isOpening || this.#isClosed) return;
    this.#isOpening = true;
    this.#options.connect().then(
      (client) => {
        this.#isOpening = false;
        this.#replace(client);
        if (this.#isClosed) this.#replace(null);
      },
      () => {
        this.#replace(null); // The old one may lead to the wrong server. The pool reports the reason.
        setTimeout(() => {
          this.#isOpening = false;
        }, RETRY_MS).unref();
      },
    );
  }

  /** The reads in flight on the old connection are still answered. */
  #replace(next: pg.Client | null): void {
    clearTimeout(this.#lifetime);
    void this.#client?.end();
    this.#client = next;
    if (next === null) return;
    next.once("end", () => {
      if (this.#client === next) this.#client = null;
    });
    this.#lifetime = setTimeout(() => this.#open(), this.#options.lifetimeMs).unref();
  }
}
