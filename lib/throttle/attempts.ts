import { type TransactionDb, transaction } from "../../db/open.ts";
import { isOutage } from "../../db/outage.ts";
import {
  type Counter,
  deleteCounters,
  emptyCounter,
  findCounters,
  lockCounters,
  saveCounters,
} from "../../db/throttles.ts";
import { findUser, type User } from "../../db/users.ts";
import { recordAttempt } from "../audit/audit-log.ts";
import type { Arrival, Authenticated } from "../context.ts";
import { Problem } from "../http/problem.ts";
import { notifyOfFailures } from "../mail/notify.ts";
import { describeError } from "../observability/log.ts";
import type { Caller } from "../passwords/semaphore.ts";
import type { Services } from "../services.ts";
import { countAttempt, countRequest, inTurn } from "./counts.ts";
import { findDevice, rememberDevice } from "./device-cookie.ts";
import { accountKeys, devicesKey, keysOf, limitsOf } from "./limits.ts";
import { networksOf } from "./network.ts";
import { DEVICES, type Decision, decide, isSpent, type Limits, refund } from "./rules.ts";
import { createTurns } from "./turns.ts";

/**
 * An attempt at a password that may be made. It is counted as a failure already, so that no two share a last place. End
 * it by one of its functions; if none is called, the failure stays counted.
 */
export interface Attempt {
  /** The known device that makes it; null for a stranger. */
  readonly device: string | null;
  /** Whether a stranger makes it. False with POSTERN_THROTTLE=off: no device is known then. */
  readonly isNewDevice: boolean;
  /** How it waits for its hash. */
  readonly caller: Caller;
  /**
   * The password was right. Call it in the transaction of what the password was for.
   *
   * @param trustUntil see `rememberDevice`
   * @returns the `Set-Cookie` value that makes the browser known; null for none, as for a new browser of a user with a
   *   second factor
   */
  readonly succeed: (db: TransactionDb, user: User, trustUntil?: number | null) => Promise<string | null>;
  /** The password was wrong. */
  readonly fail: () => Promise<void>;
  /** The attempt told nothing about the password, and is not counted. */
  readonly release: () => Promise<void>;
}

/** What `passwordAttempts` adds to a context. */
export interface Throttled {
  /**
   * Counts an attempt at a user's password, on this node and every other. Strangers to the account are counted together
   * under the name that they type, whether or not a user has it. A device that the account knows is counted by itself, so
   * that no stranger can block the user's own browsers.
   *
   * @param username of the account; if no user has it, the text as typed, trimmed
   * @throws Problem throttled
   */
  readonly reserveAttempt: (username: string) => Promise<Attempt>;
}

/** The throttle of rows whose handler checks a password: by account, device and network. */
export function passwordAttempts<C extends Authenticated>(context: C): C & Throttled {
  return { ...context, reserveAttempt: (username) => reserveAttempt(context, username) };
}

/** Releases the attempt if `work` throws. */
export async function releaseOnError<T>(attempt: Attempt, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await attempt.release();
    throw error;
  }
}

async function reserveAttempt(context: Arrival, username: string): Promise<Attempt> {
  const { services, client, peer } = context;
  const gone = peer.gone?.();
  if (!services.config.throttle) return { ...UNCOUNTED, caller: { gone } };
  const counted = await count(context, username);
  const { device } = counted;
  const networks = networksOf(client.address, services.config.trustedProxies).map(({ name }) => name);
  return {
    device,
    isNewDevice: device === null,
    caller: { gone, isKnown: device !== null, networks },
    succeed: async (db, user) => {
      await settle(db, counted, { isSuccess: true, now: services.now() });
      // If a user has a second factor, the password alone makes no browser known. Each known browser has guesses at codes of
      // its own, so a thief who knows the password would have any number.
      return device === null && user.hasSecondFactor ? null : rememberDevice(db, context, user, device);
    },
    fail: async () => {
      if (!isBlocked(counted, services.now())) return;
      // The failure that begins a wait is an event. The attempts that the wait denies are none: a flood would fill the disk.
      const user = await findUser(services.db, username);
      await recordAttempt(context, user, "login_throttled", (db, by) => notifyOfFailures(db, services, by, user));
    },
    release: () => release(services, counted),
  };
}

/** With POSTERN_THROTTLE=off. */
const UNCOUNTED = {
  device: null,
  isNewDevice: false,
  succeed: async () => null,
  fail: async () => {},
  release: async () => {},
};

interface CountedAttempt {
  username: string;
  device: string | null;
  limits: Limits;
  /** The counters, by key, as the attempt has left them. */
  counted: ReadonlyMap<string, Counter>;
}

/** Attempts of strangers at one account, or of one device, come one after another: a flood needs one connection. */
const turns = createTurns();

/** @throws Problem throttled */
async function count(context: Arrival, username: string): Promise<CountedAttempt> {
  const known = await findDevice(context, username);
  const { attempt, decision } = await turns(known ?? username, () => decideAttempt(context, username, known));
  if (decision.waitMs === null) return attempt;
  // A denied attempt is still a request, unless the requests denied it.
  if (decision.changed.length > 0) await countRequest(context.services, attempt.limits);
  throw new Problem("throttled", { seconds: Math.max(1, Math.ceil(decision.waitMs / 1000)) });
}

async function decideAttempt(
  context: Arrival,
  username: string,
  known: string | null,
): Promise<{ attempt: CountedAttempt; decision: Decision }> {
  const { services } = context;
  const limitsAs = (device: string | null) => limitsOf(context, username, device);
  const keys = [known, null].flatMap((device) => keysOf(limitsAs(device)));
  // Without a lock: if an attempt is denied in any case, it neither waits for another attempt nor makes one wait.
  const stored = await findCounters(services.db, [...new Set(keys)]);
  const now = services.now();
  // If devices have failed too often, one of them may be a thief's. They are strangers then, and the owner can log in.
  const isKnown = known !== null && !isSpent(counterOf(stored, devicesKey(username)), DEVICES, now);
  const device = isKnown ? known : null;
  const limits = limitsAs(device);
  const expected = decide(limits, stored, now);
  const decision = expected.waitMs === null ? await countAttempt(services, limits) : expected;
  const counted = new Map(decision.changed.map((counter) => [counter.key, counter]));
  return { attempt: { username, device, limits, counted }, decision };
}

function counterOf(counters: ReadonlyMap<string, Counter>, key: string): Counter {
  return counters.get(key) ?? emptyCounter(key);
}

/** Whether the attempt, as a failure, makes the next one wait. */
function isBlocked({ limits, counted }: CountedAttempt, now: number): boolean {
  return limits.failures.some(
    ({ key, rule }) => rule.kind === "failures" && counterOf(counted, key).blockedUntil > now,
  );
}

/**
 * A success ends the count of failures in a row (NIST SP 800-63B-4 §3.2.2). The network gets back this one attempt and no
 * more: otherwise an attacker with one account could guess at others without end.
 *
 * @param isSuccess false if the attempt told nothing about the password
 */
async function settle(
  db: TransactionDb,
  { username, limits: { failures }, counted }: CountedAttempt,
  { isSuccess, now }: { isSuccess: boolean; now: number },
): Promise<void> {
  const inRow = failures.filter(({ rule }) => rule.kind === "failures").map(({ key }) => key);
  // Locks in the order of the keys: those of accounts and devices come before those of networks.
  if (isSuccess) await deleteCounters(db, [...accountKeys(username), ...inRow]);
  const refunded = isSuccess ? failures.filter(({ rule }) => rule.kind === "rate") : failures;
  const keys = refunded.map(({ key }) => key);
  const stored = await lockCounters(db, keys);
  const changed = refunded.map(({ key, rule }) => refund(counterOf(stored, key), rule, counterOf(counted, key), now));
  await saveCounters(db, stored, changed);
}

/** If the database is unavailable, the failure stays counted: the first error is the one to report. */
async function release({ db, log, metrics, now }: Services, attempt: CountedAttempt): Promise<void> {
  try {
    const refundAll = (db: TransactionDb) => settle(db, attempt, { isSuccess: false, now: now() });
    await inTurn(attempt.limits, () => transaction(db, refundAll));
  } catch (error) {
    if (!isOutage(error)) throw error;
    metrics.databaseFailed();
    log("warning", "attempt_not_released", describeError(error));
  }
}
