import { hasTimedOut } from "./outage.ts";

/** With a single one, a request could wait almost twice as long for an answer from a distant server. */
const SELECTS_AT_ONCE = 2;

/** If as many wait, one more select is sent, so that the queue stays short. */
const MOST_IDS = 100;

/** Reads the rows of these ids, in any order. It omits those that do not exist. */
export type Select<Row> = (ids: string[]) => Promise<Row[]>;

/**
 * Reads rows by their ids, those of many requests in one select: an id waits while earlier selects are on their way. Most
 * of what a small select costs is its messages. (Measured on Bun: 30 µs for one row alone, 7 µs for each of 16.)
 *
 * No row is older than its request: an id never joins a select that has been sent.
 */
export class BatchedReads<Row> {
  readonly #idOf: (row: Row) => string;
  readonly #waiting = new Map<string, PromiseWithResolvers<Row | null>>();
  #select: Select<Row> = async () => [];
  #selects = 0;

  constructor(idOf: (row: Row) => string) {
    this.#idOf = idOf;
  }

  /**
   * @param select the request's own, which knows its time. That of the latest request reads for all that wait.
   * @returns null if there is no such row @throws the error of the select
   */
  find(id: string, select: Select<Row>): Promise<Row | null> {
    this.#select = select;
    const waiting = this.#waiting.get(id) ?? Promise.withResolvers<Row | null>();
    this.#waiting.set(id, waiting);
    if (this.#selects < SELECTS_AT_ONCE || this.#waiting.size >= MOST_IDS) void this.#selectWaiting();
    return waiting.promise;
  }

  async #selectWaiting(): Promise<void> {
    const batch = this.#take(MOST_IDS);
    this.#selects++;
    try {
      const rows = await this.#select([...batch.keys()]);
      const found = new Map(rows.map((row) => [this.#idOf(row), row]));
      for (const [id, { resolve }] of batch) resolve(found.get(id) ?? null);
    } catch (error) {
      for (const { reject } of batch.values()) reject(error);
      // Otherwise the requests that wait could wait through a second time-out.
      if (hasTimedOut(error)) for (const { reject } of this.#take(this.#waiting.size).values()) reject(error);
    }
    this.#selects--;
    if (this.#waiting.size > 0 && this.#selects < SELECTS_AT_ONCE) void this.#selectWaiting();
  }

  #take(count: number): Map<string, PromiseWithResolvers<Row | null>> {
    const taken = new Map(this.#waiting.entries().take(count));
    for (const id of taken.keys()) this.#waiting.delete(id);
    return taken;
  }
}
