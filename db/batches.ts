import { setImmediate } from "node:timers/promises";

/**
 * So many rows are deleted at once: whoever asks meanwhile waits some 10 ms, and 45 at the most where SQLite tidies its
 * log up (measured).
 */
const BATCH_ROWS = 50;

/**
 * Deletes what may be millions of rows, and lets requests in between.
 *
 * @param deleteSome deletes at most so many rows, and tells how many
 * @returns how many there were
 */
export async function deleteInBatches(deleteSome: (limit: number) => Promise<number>): Promise<number> {
  for (let total = 0; ; ) {
    const count = await deleteSome(BATCH_ROWS);
    if (count === 0) return total;
    total += count;
    await setImmediate();
  }
}
