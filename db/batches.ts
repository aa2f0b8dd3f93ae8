import { setImmediate } from "node:timers/promises";

/** A batch of 50 rows delays other requests by about 10 ms, and by 45 ms during a checkpoint of SQLite (measured). */
const BATCH_ROWS = 50;

/**
 * Deletes any number of rows. Requests are answered between two batches.
 *
 * @param deleteSome deletes at most `limit` rows and returns their number
 * @param limit for tables whose rows take more or less work
 * @returns the number of deleted rows
 */
export async function deleteInBatches(
  deleteSome: (limit: number) => Promise<number>,
  limit = BATCH_ROWS,
): Promise<number> {
  for (let total = 0; ; ) {
    const count = await deleteSome(limit);
    if (count === 0) return total;
    total += count;
    await setImmediate();
  }
}
