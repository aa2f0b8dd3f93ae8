import type { TransactionDb } from "../../db/open.ts";
import { emptyCounter, lockCounters, saveCounters } from "../../db/throttles.ts";
import type { Arrival } from "../context.ts";
import { Problem } from "../http/problem.ts";
import { countAttempt, countRequest } from "./counts.ts";
import { networkLimitsOf } from "./limits.ts";
import { refund } from "./rules.ts";

/** Takes an attempt back that was counted as a failure. Call it in the transaction of what the attempt was for. */
export type Refund = (db: TransactionDb) => Promise<void>;

/**
 * Counts an attempt at a secret that is too long to be guessed, as a failure of its networks. Otherwise a flood of them
 * would fill the audit trail.
 *
 * @throws Problem throttled: record nothing then
 */
export async function reserveNetworkAttempt(context: Arrival): Promise<Refund> {
  const { services } = context;
  if (!services.config.throttle) return async () => {};
  const limits = networkLimitsOf(context);
  const { waitMs, changed } = await countAttempt(services, limits);
  if (waitMs !== null) {
    // A denied attempt is still a request, unless the requests denied it.
    if (changed.length > 0) await countRequest(services, limits);
    throw new Problem("throttled", { seconds: Math.max(1, Math.ceil(waitMs / 1000)) });
  }
  const counted = new Map(changed.map((counter) => [counter.key, counter]));
  return async (db) => {
    const stored = await lockCounters(
      db,
      limits.failures.map(({ key }) => key),
    );
    const now = services.now();
    const refunded = limits.failures.map(({ key, rule }) => {
      const empty = emptyCounter(key);
      return refund(stored.get(key) ?? empty, rule, counted.get(key) ?? empty, now);
    });
    await saveCounters(db, stored, refunded);
  };
}
