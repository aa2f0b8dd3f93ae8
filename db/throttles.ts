import { type Expression, type RawBuilder, sql } from "kysely";
import type { Db } from "./open.ts";
import { prepare } from "./prepared.ts";
import type { Instant } from "./schema.ts";

// Every decision is taken by the statement that counts, so that requests at the same moment, on whatever node, cannot
// all find the last place free. lib/throttle-rules.ts says the same in plain functions, and a property test holds both
// together.

/** What is stored about one key. */
export interface Held {
  failures: number;
  heldUntil: Instant;
  expiresAt: Instant;
}

/**
 * How far apart two requests may be in what they take for now: the clocks of nodes differ, and the clock is read before
 * the database has time. An instant further in the future was reckoned by a clock that was put back since.
 */
export const MAX_SKEW_MS = 10_000;

/** How failures in a row hold off the next attempt. */
export interface AttemptRule {
  /** What the first failure brings about, the second, and so on; the last stands for all that follow. */
  steps: readonly { waitMs: number; keepMs: number }[];
  /** The most failures in a row; whatever follows is refused. */
  limit: number;
}

/** A bucket that each attempt fills by a share, and time drains: `limit` at once, and in the long run so many a period. */
export interface RateRule {
  limit: number;
  periodMs: number;
}

const COLUMNS = ["failures", "held_until as heldUntil", "expires_at as expiresAt"] as const;

/** What a bigint parameter must be told to be where nothing beside it has a type. */
const instant = (value: Instant): RawBuilder<Instant> => sql<Instant>`cast(${value} as bigint)`;

/**
 * Counts an attempt as a failure, before it is known to be one.
 *
 * @returns what is stored now; null where the attempt is refused, and nothing was written
 */
export async function reserveAttempt(db: Db, key: string, rule: AttemptRule, now: Instant): Promise<Held | null> {
  const [first] = rule.steps;
  const longestMs = Math.max(...rule.steps.map(({ waitMs }) => waitMs));
  const reserve = attempts(rule)(db, {
    key,
    now,
    heldUntil: first?.waitMs ? now + first.waitMs : 0,
    expiresAt: now + (first?.keepMs ?? 0),
    unbelievable: now + longestMs + MAX_SKEW_MS,
  });
  return (await db.executeQuery(reserve)).rows[0] ?? null;
}

/** The row of a first failure, and from when on a wait is longer than any failure brings about. */
interface Attempt {
  key: string;
  now: Instant;
  heldUntil: Instant;
  expiresAt: Instant;
  unbelievable: Instant;
}

const attempts = perRule((rule: AttemptRule) =>
  prepare((db, { key, now, heldUntil, expiresAt, unbelievable }: Attempt) => {
    const count = sql<number>`case when throttles.expires_at <= ${now} then 1 else throttles.failures + 1 end`;
    const waitMs = stepOf(count, rule, "waitMs");
    return db
      .insertInto("throttles")
      .values({ key, failures: 1, held_until: heldUntil, expires_at: expiresAt })
      .onConflict((conflict) =>
        conflict
          .column("key")
          .doUpdateSet({
            failures: count,
            // Without a wait nobody is held at all: a node whose clock is behind would else take now for a moment to come.
            held_until: sql<Instant>`case ${waitMs} when 0 then 0 else ${instant(now)} + ${waitMs} end`,
            expires_at: sql<Instant>`${instant(now)} + ${stepOf(count, rule, "keepMs")}`,
          })
          .where(({ and, or, eb }) =>
            or([
              eb("throttles.expires_at", "<=", now),
              and([
                eb("throttles.failures", "<", rule.limit),
                // Held for longer than any failure brings about, too: the clock was put back since.
                or([eb("throttles.held_until", "<=", now), eb("throttles.held_until", ">", unbelievable)]),
              ]),
            ]),
          ),
      )
      .returning(COLUMNS);
  }),
);

/** What the failure of that number brings about. */
function stepOf(count: Expression<number>, { steps }: AttemptRule, what: "waitMs" | "keepMs"): RawBuilder<number> {
  const cases = steps.slice(0, -1).map((step, index) => sql`when ${sql.lit(index + 1)} then ${sql.lit(step[what])}`);
  const last = sql.lit(steps.at(-1)?.[what] ?? 0);
  return sql`case ${count} ${sql.join([...cases, sql`else ${last} end`], sql` `)}`;
}

/**
 * Takes back an attempt that was counted and told nothing about a password: one failure less, and no wait on its account.
 *
 * @param held as the attempt was given it
 */
export async function giveAttemptBack(db: Db, key: string, { heldUntil }: Held, now: Instant): Promise<void> {
  await db.executeQuery(takeBack(db, { key, heldUntil, over: Math.min(heldUntil, now) }));
}

const takeBack = prepare((db, { key, heldUntil, over }: { key: string; heldUntil: Instant; over: Instant }) =>
  db
    .updateTable("throttles")
    .set(({ eb, ref }) => ({
      failures: eb("failures", "-", 1),
      held_until: eb.case().when("held_until", "=", heldUntil).then(instant(over)).else(ref("held_until")).end(),
    }))
    .where("key", "=", key)
    .where("failures", ">", 0),
);

/**
 * Puts an attempt's share into a bucket.
 *
 * @returns what is stored now; null where it does not fit, and nothing was written
 */
export async function reserveRate(db: Db, key: string, rule: RateRule, now: Instant): Promise<Held | null> {
  const shareMs = shareOf(rule);
  const reserve = shares(rule)(db, {
    key,
    now,
    heldUntil: now + shareMs,
    full: now + rule.periodMs - shareMs,
    unbelievable: now + rule.periodMs + MAX_SKEW_MS,
  });
  return (await db.executeQuery(reserve)).rows[0] ?? null;
}

/** A first share, until when a bucket may be filled for one more to fit, and from when on it is fuller than it can be. */
interface Share {
  key: string;
  now: Instant;
  heldUntil: Instant;
  full: Instant;
  unbelievable: Instant;
}

const shares = perRule((rule: RateRule) =>
  prepare((db, { key, now, heldUntil, full, unbelievable }: Share) => {
    // Empty, or fuller than it can be: the clock was put back since.
    const filled = sql<Instant>`case when throttles.held_until > ${now} and throttles.held_until <= ${unbelievable}
      then throttles.held_until else ${instant(now)} end + ${sql.lit(shareOf(rule))}`;
    return db
      .insertInto("throttles")
      .values({ key, failures: 0, held_until: heldUntil, expires_at: heldUntil })
      .onConflict((conflict) =>
        conflict
          .column("key")
          .doUpdateSet({ held_until: filled, expires_at: filled })
          .where(({ or, eb }) =>
            or([eb("throttles.held_until", "<=", full), eb("throttles.held_until", ">", unbelievable)]),
          ),
      )
      .returning(COLUMNS);
  }),
);

/** Takes an attempt's share out of a bucket again. */
export async function giveRateBack(db: Db, key: string, rule: RateRule): Promise<void> {
  await db.executeQuery(giveBack(db, { key, shareMs: shareOf(rule) }));
}

const giveBack = prepare((db, { key, shareMs }: { key: string; shareMs: number }) =>
  db
    .updateTable("throttles")
    .set(({ eb }) => ({ held_until: eb("held_until", "-", shareMs), expires_at: eb("expires_at", "-", shareMs) }))
    .where("key", "=", key),
);

function shareOf({ limit, periodMs }: RateRule): number {
  return periodMs / limit;
}

/** What is made of a rule is made once: the few that there are stay the same. */
function perRule<R extends object, Q>(make: (rule: R) => Q): (rule: R) => Q {
  const made = new WeakMap<R, Q>();
  return (rule) => {
    const one = made.get(rule) ?? make(rule);
    made.set(rule, one);
    return one;
  };
}

export async function findHeld(db: Db, key: string): Promise<Held | null> {
  return (await db.executeQuery(find(db, { key }))).rows[0] ?? null;
}

const find = prepare((db, { key }: { key: string }) =>
  db.selectFrom("throttles").select(COLUMNS).where("key", "=", key),
);

export async function deleteHeld(db: Db, keys: string[]): Promise<void> {
  await db.deleteFrom("throttles").where("key", "in", keys).execute();
}

/** Deletes at most `batch` rows that hold nobody any more. @returns how many there were */
export async function deleteExpiredHeld(db: Db, now: Instant, batch: number): Promise<number> {
  const expired = db.selectFrom("throttles").select("key").where("expires_at", "<=", now).limit(batch);
  // Looked at once more: one that was counted on meanwhile has not expired any more.
  const rows = db.deleteFrom("throttles").where("key", "in", expired).where("expires_at", "<=", now);
  const result = await rows.executeTakeFirst();
  return Number(result.numDeletedRows);
}
