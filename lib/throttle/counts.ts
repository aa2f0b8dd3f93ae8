import { type Db, transaction } from "../../db/open.ts";
import { type Counter, lockCounters, saveCounters } from "../../db/throttles.ts";
import type { Services } from "../services.ts";
import { keysOf } from "./limits.ts";
import { type Decision, decide, type Limit, type Limits } from "./rules.ts";
import { createTurns } from "./turns.ts";

// Transactions that only count. Attempts from one wide network lock the same rows until they commit. In this process they
// come one after another, so that a flood holds one connection of the pool, not all of them.

const turns = createTurns();

/** Runs `work` after all earlier work for the widest of these networks. */
export function inTurn<T>({ requests }: Limits, work: () => Promise<T>): Promise<T> {
  const widest = requests.at(-1);
  return widest === undefined ? work() : turns(widest.key, work);
}

/** Decides under lock, and stores the counters if the attempt is granted. */
export async function countAttempt({ db, now }: Services, limits: Limits): Promise<Decision> {
  const decideOnce = () =>
    transaction(db, async (db) => {
      const stored = await lockCounters(db, keysOf(limits));
      const decision = decide(limits, stored, now());
      if (decision.waitMs !== null) throw new Denied(decision);
      await saveCounters(db, stored, decision.changed);
      return decision;
    });
  try {
    return await inTurn(limits, decideOnce);
  } catch (error) {
    if (error instanceof Denied) return error.decision;
    throw error;
  }
}

/** Rolls the transaction of a denied attempt back. A commit takes longer, and other attempts wait for its locks. */
class Denied extends Error {
  readonly decision: Decision;

  constructor(decision: Decision) {
    super("The attempt is denied.");
    this.decision = decision;
  }
}

/** The most denied attempts that one transaction counts. Each may have two counters of its own. */
const MAX_BATCH = 16;

/** Denied attempts that are not counted yet, by their widest network. */
const waiting = new WeakMap<Db, Map<string, Waiting>>();

/** The limits of each of them. */
type Waiting = (readonly Limit[])[];

/** Counts a denied attempt among the requests of its networks, together with others that wait for it. */
export async function countRequest(services: Services, limits: Limits): Promise<void> {
  const widest = limits.requests.at(-1)?.key;
  if (widest === undefined) return;
  const groups = waiting.get(services.db) ?? new Map<string, Waiting>();
  waiting.set(services.db, groups);
  const group = groups.get(widest) ?? [];
  groups.set(widest, group);
  group.push(limits.requests);
  await inTurn(limits, async () => {
    const batch = group.splice(0, MAX_BATCH);
    if (group.length === 0 && groups.get(widest) === group) groups.delete(widest);
    if (batch.length > 0) await countBatch(services, batch); // If it is empty, an earlier batch has counted this attempt.
  });
}

async function countBatch({ db, now }: Services, batch: Waiting): Promise<void> {
  await transaction(db, async (db) => {
    const keys = batch.flat().map(({ key }) => key);
    const stored = await lockCounters(db, keys);
    const changed = new Map<string, Counter>();
    for (const requests of batch) {
      const counters = new Map([...stored, ...changed]);
      for (const counter of decide({ requests, failures: [] }, counters, now()).changed)
        changed.set(counter.key, counter);
    }
    await saveCounters(db, stored, [...changed.values()]);
  });
}
