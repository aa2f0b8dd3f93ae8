import { isPostgres } from "./columns.ts";
import type { Db, TransactionDb } from "./open.ts";
import { prepare } from "./prepared.ts";
import type { Instant } from "./schema.ts";

// Stores what lib/throttle/rules.ts decides, and knows no rule itself. A decision is one transaction: lockCounters, the
// rules, saveCounters. Requests at the same moment, on whatever node, decide one after another.

/** What is stored about one account, device or network. */
export interface Counter {
  key: string;
  failures: number;
  blockedUntil: Instant;
  /** 0 for a counter that is empty: it is not stored. */
  expiresAt: Instant;
}

export function emptyCounter(key: string): Counter {
  return { key, failures: 0, blockedUntil: 0, expiresAt: 0 };
}

const COLUMNS = ["key", "failures", "held_until as blockedUntil", "expires_at as expiresAt"] as const;

/** Reads counters without a lock. @returns those that are stored, by their keys */
export async function findCounters(db: Db, keys: readonly string[]): Promise<ReadonlyMap<string, Counter>> {
  const { rows } = await db.executeQuery(find(keys.length)(db, keyParameters(keys)));
  return new Map(rows.map((row) => [row.key, row]));
}

const find = perCount((indexes) =>
  prepare((db, parameters: KeyParameters) =>
    db
      .selectFrom("throttles")
      .select(COLUMNS)
      .where(
        "key",
        "in",
        indexes.map((index) => parameters[`key${index}`] ?? ""),
      ),
  ),
);

interface KeyParameters {
  [key: `key${number}`]: string;
}

function keyParameters(keys: readonly string[]): KeyParameters {
  return Object.fromEntries(keys.map((key, index) => [`key${index}`, key]));
}

/**
 * Locks the counters of these keys until the transaction ends; of a key that has none, an empty one. The rows are locked
 * in the order of their keys, so that two transactions never wait for each other.
 *
 * @returns every key's counter
 */
export async function lockCounters(db: TransactionDb, keys: readonly string[]): Promise<ReadonlyMap<string, Counter>> {
  const sorted = [...new Set(keys)].sort();
  if (sorted.length === 0) return new Map();
  const { rows } = await db.executeQuery(lock(sorted.length)(db, keyParameters(sorted)));
  return new Map(rows.map((row) => [row.key, { ...row }])); // The rows of node:sqlite have no prototype.
}

/** A row is made if there is none: only a row can be locked. `failures` is set to itself, which keeps no index busy. */
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

/**
 * Writes what has changed of locked counters, and deletes the empty ones: those that end, and those that only the lock
 * has made.
 */
export async function saveCounters(
  db: TransactionDb,
  locked: ReadonlyMap<string, Counter>,
  changed: readonly Counter[],
): Promise<void> {
  const written = changed.filter(({ expiresAt }) => expiresAt !== 0);
  if (written.length > 0) await db.executeQuery(save(written.length)(db, numbered(written)));
  const all = new Map([...locked, ...changed.map((counter) => [counter.key, counter] as const)]);
  const empty = [...all.values()].filter(({ expiresAt }) => expiresAt === 0).map(({ key }) => key);
  if (empty.length > 0) await db.deleteFrom("throttles").where("key", "in", empty).execute();
}

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

/** A statement about so many rows is made once. They are few: an attempt has less than ten counters, and a batch 48. */
function perCount<Q>(make: (indexes: readonly number[]) => Q): (count: number) => Q {
  const made = new Map<number, Q>();
  return (count) => {
    const one = made.get(count) ?? make([...Array(count).keys()]);
    made.set(count, one);
    return one;
  };
}

/** Deletes counters, and locks them in the order of their keys first, as `lockCounters` does. */
export async function deleteCounters(db: TransactionDb, keys: readonly string[]): Promise<void> {
  const named = db.selectFrom("throttles").select("key").where("key", "in", keys).orderBy("key");
  const locked = isPostgres(db) ? named.forUpdate() : named;
  await db.deleteFrom("throttles").where("key", "in", locked).execute();
}

/** Deletes at most `batch` counters that have expired. @returns how many there were */
export async function deleteExpiredCounters(db: Db, now: Instant, batch: number): Promise<number> {
  const expired = db.selectFrom("throttles").select("key").where("expires_at", "<=", now).limit(batch);
  // A counter that an attempt has locked is about to be written. To wait for it could be to wait for each other.
  const free = isPostgres(db) ? expired.forUpdate().skipLocked() : expired;
  const result = await db.deleteFrom("throttles").where("key", "in", free).executeTakeFirst();
  return Number(result.numDeletedRows);
}
