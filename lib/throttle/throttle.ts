import { deleteInBatches } from "../../db/batches.ts";
import { deleteDevice, deleteDevicesOfUser, deleteExpiredDevices } from "../../db/devices.ts";
import { type TransactionDb, transaction } from "../../db/open.ts";
import { isOutage } from "../../db/outage.ts";
import {
  type Counter,
  deleteCounters,
  deleteExpiredCounters,
  emptyCounter,
  findCounters,
  lockCounters,
  saveCounters,
} from "../../db/throttles.ts";
import type { User } from "../../db/users.ts";
import { recordThrottledLogin } from "../audit/audit-log.ts";
import type { Context, Services } from "../context.ts";
import { hashToken } from "../crypto/token.ts";
import { Problem } from "../http/problem.ts";
import { describeError } from "../observability/log.ts";
import type { Caller } from "../passwords/semaphore.ts";
import { countAttempt, countRequest, inTurn } from "./counts.ts";
import { findDevice, rememberDevice } from "./device-cookie.ts";
import { type Network, networksOf } from "./network.ts";
import {
  DEVICE,
  DEVICES,
  type Decision,
  decide,
  isSpent,
  type Limits,
  networkFailures,
  networkRequests,
  STRANGERS,
  takeBack,
} from "./rules.ts";
import { createTurns } from "./turns.ts";

/** An attempt that was counted as a failure before its password is looked at, so that no two can share a last place. */
interface Attempt {
  username: string;
  /** The device that the request's cookie makes known; null for a stranger. */
  device: string | null;
  limits: Limits;
  /** The counters, by key, as the attempt has left them. */
  counted: ReadonlyMap<string, Counter>;
}

/** An attempt that may be made. */
export interface GrantedAttempt {
  /** To be called if the password was right, in the transaction of what it was for. */
  succeed: (db: TransactionDb, user: User) => Promise<void>;
  /** The device that made it, null if it was a stranger's. */
  device: string | null;
  /** As which it waits for its hash. */
  caller: Caller;
}

/**
 * Guards an attempt at a user's password, here and at every other node. Strangers to the account are counted together
 * under the name they type, whether or not there is such a user; a device that the account knows is counted by itself
 * instead, so that naming a user never locks that user's own browsers out.
 *
 * @param username as typed, trimmed
 * @param check looks at the password: whose it is, or null where it is wrong. What it throws says neither, and is not
 *   counted.
 * @returns what `check` does
 * @throws Problem throttled, in which case `check` was not called; what `check` throws
 */
export async function guardAttempt(
  context: Context,
  username: string,
  check: (granted: GrantedAttempt) => Promise<User | null>,
): Promise<User | null> {
  const { services, client, peer } = context;
  const gone = peer.gone?.();
  if (!services.config.throttle) return check({ succeed: async () => {}, device: null, caller: { gone } });
  const attempt = await reserve(context, username);
  let cookie: string | null = null;
  const succeed = async (db: TransactionDb, user: User) => {
    await settleAttempt(db, attempt, { isSuccess: true, now: services.now() });
    cookie = await rememberDevice(db, context, user, attempt.device);
  };
  const networks = networksOf(client.address, services.config.trustedProxies).map(({ name }) => name);
  let user: User | null;
  try {
    user = await check({
      succeed,
      device: attempt.device,
      caller: { gone, isKnown: attempt.device !== null, networks },
    });
  } catch (error) {
    await giveBack(services, attempt);
    throw error;
  }
  // Not before: the transaction that stores the device could still have failed.
  if (user !== null && cookie !== null) context.setCookies.push(cookie);
  // This failure begins a wait. The event is written once, and not at each attempt that the wait denies.
  if (user === null && isBlocked(attempt, services.now())) await recordThrottledLogin(context, username);
  return user;
}

/** Attempts of strangers at one account, or of one device, come one after another: a flood needs one connection. */
const turns = createTurns();

/** @throws Problem throttled */
async function reserve(context: Context, username: string): Promise<Attempt> {
  const known = await findDevice(context, username);
  const { attempt, decision } = await turns(known ?? username, () => decideAttempt(context, username, known));
  if (decision.waitMs === null) return attempt;
  // A denied attempt is still a request, unless the requests denied it.
  if (decision.changed.length > 0) await countRequest(context.services, attempt.limits);
  throw throttled(decision.waitMs);
}

async function decideAttempt(
  context: Context,
  username: string,
  known: string | null,
): Promise<{ attempt: Attempt; decision: Decision }> {
  const { services } = context;
  const limitsAs = (device: string | null) => limitsOf(context, username, device);
  const keys = [known, null].flatMap((device) => keysOf(limitsAs(device)));
  // Without a lock: what is denied in any case neither waits for another attempt nor makes one wait.
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

/**
 * A stranger counts in each network that the address is in. A known device counts by itself: whatever its neighbours do,
 * it can log in, and it guesses at one account alone. Of its requests, those of its narrowest network are counted.
 */
function limitsOf({ client, services }: Context, username: string, device: string | null): Limits {
  const networks = networksOf(client.address, services.config.trustedProxies);
  const asking = device === null ? networks : networks.slice(0, 1);
  const requests = asking.map((network) => ({ key: requestsKey(network), rule: networkRequests(network) }));
  if (device !== null) {
    const own = { key: deviceKey(device), rule: DEVICE };
    return { requests, failures: [own, { key: devicesKey(username), rule: DEVICES }] };
  }
  const failures = networks.map((network) => ({ key: failuresKey(network), rule: networkFailures(network) }));
  return { requests, failures: [...failures, { key: accountKey(username), rule: STRANGERS }] };
}

function keysOf({ requests, failures }: Limits): string[] {
  return [...requests, ...failures].map(({ key }) => key);
}

function counterOf(counters: ReadonlyMap<string, Counter>, key: string): Counter {
  return counters.get(key) ?? emptyCounter(key);
}

/** In the words of Django REST Framework. */
function throttled(waitMs: number): Problem {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  return new Problem("throttled", { values: { seconds }, retryAfterSeconds: seconds });
}

/** Whether the attempt, as a failure, makes the next one wait. */
function isBlocked({ limits, counted }: Attempt, now: number): boolean {
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
async function settleAttempt(
  db: TransactionDb,
  { username, limits: { failures }, counted }: Attempt,
  { isSuccess, now }: { isSuccess: boolean; now: number },
): Promise<void> {
  const ended = isSuccess ? [accountKey(username), devicesKey(username)] : [];
  const stored = await lockCounters(db, [...ended, ...failures.map(({ key }) => key)]);
  const changed = failures.map(({ key, rule }) =>
    isSuccess && rule.kind === "failures"
      ? emptyCounter(key)
      : takeBack(counterOf(stored, key), rule, counterOf(counted, key), now),
  );
  await saveCounters(db, stored, [...changed, ...ended.map(emptyCounter)]);
}

/** If the database is gone, the failure stays counted: the answer is what went wrong before. */
async function giveBack({ db, log, metrics, now }: Services, attempt: Attempt): Promise<void> {
  try {
    const settle = (db: TransactionDb) => settleAttempt(db, attempt, { isSuccess: false, now: now() });
    await inTurn(attempt.limits, () => transaction(db, settle));
  } catch (error) {
    if (!isOutage(error)) throw error;
    metrics.databaseFailed();
    log("warning", "attempt_not_settled", describeError(error));
  }
}

/**
 * Forgets the devices of a user, but for one, and every failure at the account: to be called with each change of the
 * password. A device cookie of somebody who knew the old one must not help to guess the new one.
 *
 * @param exceptId the device that asked for the change; null if none did
 */
export async function forgetDevices(db: TransactionDb, { id, username }: User, exceptId: string | null): Promise<void> {
  const forgotten = await deleteDevicesOfUser(db, id, exceptId);
  await deleteCounters(db, [accountKey(username), devicesKey(username), ...forgotten.map(deviceKey)]);
}

/** Forgets one device of a user: its browser is a stranger again. @returns whether there was one */
export async function forgetDevice(db: TransactionDb, { id: userId }: User, id: string): Promise<boolean> {
  await deleteCounters(db, [deviceKey(id)]);
  return deleteDevice(db, userId, id);
}

/** Deletes counters and devices that have expired. @returns how many rows there were */
export async function clearThrottles({ db, now }: Pick<Services, "db" | "now">): Promise<number> {
  const counters = await deleteInBatches((limit) => deleteExpiredCounters(db, now(), limit));
  return counters + (await deleteInBatches((limit) => deleteExpiredDevices(db, now(), limit)));
}

/** Of one length whatever was typed; and now and then a password is typed where the name belongs. */
const accountKey = (username: string) => `account:${hashToken(username)}`;
const deviceKey = (device: string) => `device:${device}`;
/** Of all devices of an account together. */
const devicesKey = (username: string) => `devices:${hashToken(username)}`;
const failuresKey = ({ name }: Network) => `failures:${name}`;
const requestsKey = ({ name }: Network) => `requests:${name}`;
