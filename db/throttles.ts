import { isPostgres } from "./columns.ts";
import type { Db, TransactionDb } from "./open.ts";
import { prepare } from "./prepared.ts";
import { readNow } from "./read-now.ts";
import type { Instant } from "./schema.ts";

// The rules are in lib/throttle/rules.ts. A decision is one transaction: lockCounters, the rules, saveCounters. So the
// decisions on one key happen one after another, on all nodes.

/** The state of one account, device or network. */
export interface Counter {
  key: string;
  failures: number;
  blockedUntil: Instant;
  /** 0 for an empty counter, which is not stored. */
  expiresAt: Instant;
}

export function emptyCounter(key: string): Counter {
  return { key, failures: 0, blockedUntil: 0, expiresAt: 0 };
}

const COLUMNS = ["key", "failures", "held_until as blockedUntil", "expires_at as expiresAt"] as const;

/** Reads counters without a lock. @returns the stored ones, by key */
export async function findCounters(db: Db, keys: readonly string[]): Promise<ReadonlyMap<string, Counter>> {
  const rows = await readNow(db, find(keys.length)(db, keyParameters(keys)));
  return new Map(rows.map((row) => [row.key, row]));
}

const find = perCount((indexes) =>
  prepare((db, parameters: KeyParameters) =>
    db.selectFrom("throttles").select(COLUMNS).where("key", "in", values(indexes, parameters)),
  ),
);

interface KeyParameters {
  [key: `key${number}`]: string;
}

function values(indexes: readonly number[], parameters: KeyParameters): string[] {
  return indexes.map((index) => parameters[`key${index}`] ?? "");
}

function keyParameters(keys: readonly string[]): KeyParameters {
  return Object.fromEntries(keys.map((key, index) => [`key${index}`, key]));
}

/**
 * Locks the counters of these keys until the transaction ends, in the order of their keys to avoid deadlocks.
 *
 * @returns a counter for every key, an empty one if none is stored
 */
export async function lockCounters(db: TransactionDb, keys: readonly string[]): Promise<ReadonlyMap<string, Counter>> {
  const sorted = [...new Set(keys)].sort();
  if (sorted.length === 0) return new Map();
  const { rows } = await db.executeQuery(lock(sorted.length)(db, keyParameters(sorted)));
  return new Map(rows.map((row) => [row.key, { ...row }])); // The rows of node:sqlite have no prototype.
}

/** Inserts a missing row, because only a row can be locked. The update sets a column without an index to itself. */
const lock = perCount((indexes) =>
  prepare((db, parameters: KeyParameters) =>
    db
      .insertInto("throttles")
      .values(
        indexes.map((index) => ({ key: parameters[`key${index}`] ?? "", failures: 0, held_until: 0, expires_at: 0 })),
      )
      .onConflict((conflict) =>
        conflict.column("key").doUpdateSet(({ ref }) => ({ failures: ref("throttles.failures") })),
      )
      .returning(COLUMNS),
  ),
);

/** Writes the changed counters. Deletes the empty ones: those that were reset, and those that the lock inserted. */
export async function saveCounters(
  db: TransactionDb,
  locked: ReadonlyMap<string, Counter>,
  changed: readonly Counter[],
): Promise<void> {
  const written = changed.filter(({ expiresAt }) => expiresAt !== 0);
  if (written.length > 0) await db.executeQuery(save(written.length)(db, numbered(written)));
  const all = new Map([...locked, ...changed.map((counter) => [counter.key, counter] as const)]);
  const empty = [...all.values()].filter(({ expiresAt }) => expiresAt === 0).map(({ key }) => key);
  if (empty.length > 0) await db.executeQuery(deleteLocked(empty.length)(db, keyParameters(empty)));
}

const deleteLocked = perCount((indexes) =>
  prepare((db, parameters: KeyParameters) =>
    db.deleteFrom("throttles").where("key", "in", values(indexes, parameters)),
  ),
);

const save = perCount((indexes) =>
  prepare((db, parameters: Numbered) =>
    db
      .insertInto("throttles")
      .values(
        indexes.map((index) => ({
          key: parameters[`key${index}`] ?? "",
          failures: parameters[`failures${index}`] ?? 0,
          held_until: parameters[`blockedUntil${index}`] ?? 0,
          expires_at: parameters[`expiresAt${index}`] ?? 0,
        })),
      )
      .onConflict((conflict) =>
        conflict.column("key").doUpdateSet(({ ref }) => ({
          failures: ref("excluded.failures"),
          held_until: ref("excluded.held_until"),
          expires_at: ref("excluded.expires_at"),
        })),
      ),
  ),
);

/** Counters as the parameters of one statement. */
interface Numbered extends KeyParameters {
  [value: `${"failures" | "blockedUntil" | "expiresAt"}${number}`]: number;
}

function numbered(counters: readonly Counter[]): Numbered {
  const parameters: Numbered = {};
  for (const [index, { key, failures, blockedUntil, expiresAt }] of counters.entries()) {
    parameters[`key${index}`] = key;
    parameters[`failures${index}`] = failures;
    parameters[`blockedUntil${index}`] = blockedUntil;
    parameters[`expiresAt${index}`] = expiresAt;
  }
  return parameters;
}

/** Builds a statement once per number of rows. An attempt has less than 10 counters, a batch at most 48. */
function perCount<Q>(make: (indexes: readonly number[]) => Q): (count: number) => Q {
  const made = new Map<number, Q>();
  return (count) => {
    const one = made.get(count) ?? make([...Array(count).keys()]);
    made.set(count, one);
    return one;
  };
}

/** Gives the counter `from`, if it is stored, the key `to`, which no counter has. */
export async function renameCounter(db: TransactionDb, from: string, to: string): Promise<void> {
  await db.updateTable("throttles").set({ key: to }).where("key", "=", from).execute();
}

/** Locks the counters in the order of their keys, as `lockCounters` does, and deletes them. */
export async function deleteCounters(db: TransactionDb, keys: readonly string[]): Promise<void> {
  const unique = [...new Set(keys)];
  if (unique.length > 0) await db.executeQuery(lockAndDelete(unique.length)(db, keyParameters(unique)));
}

const lockAndDelete = perCount((indexes) =>
  prepare((db, parameters: KeyParameters) => {
    const named = db
      .selectFrom("throttles")
      .select("key")
      .where("key", "in", values(indexes, parameters))
      .orderBy("key");
    return db.deleteFrom("throttles").where("key", "in", isPostgres(db) ? named.forUpdate() : named);
  }),
);

/** Deletes at most `batch` expired counters. @returns their number */
export async function deleteExpiredCounters(db: Db, now: Instant, batch: number): Promise<number> {
  const expired = db.selectFrom("throttles").select("key").where("expires_at", "<=", now).limit(batch);
  // Locked counters are skipped: an attempt is about to write them, and to wait for them could be a deadlock.
  const free = isPostgres(db) ? expired.forUpdate().skipLocked() : expired;
  const result = await db.deleteFrom("throttles").where("key", "in", free).executeTakeFirst();
  return Number(result.numDeletedRows);
}
