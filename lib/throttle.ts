import { deleteExpiredDevices, listDeviceIds } from "../db/devices.ts";
import { type Db, transaction } from "../db/open.ts";
import { isOutage } from "../db/outage.ts";
import {
  deleteExpiredHeld,
  deleteHeld,
  findHeld,
  giveAttemptBack,
  giveRateBack,
  type Held,
  reserveAttempt,
  reserveRate,
} from "../db/throttles.ts";
import type { User } from "../db/users.ts";
import { recordThrottledLogin } from "./audit.ts";
import { deleteInBatches } from "./batches.ts";
import { networkOf } from "./client.ts";
import type { Context, Services } from "./context.ts";
import { hashToken } from "./crypto/token.ts";
import { findDevice, rememberDevice } from "./device.ts";
import { describeError } from "./log.ts";
import { Problem } from "./problem.ts";
import {
  ATTEMPTS,
  type Decision,
  decideAttempt,
  decideRate,
  NETWORK_FAILURES,
  NETWORK_REQUESTS,
} from "./throttle-rules.ts";

/** An attempt that was counted as a failure before its password is looked at, so that no two can share a last place. */
interface Attempt {
  /** Null where the client has no network of its own. */
  network: string | null;
  /** What the request's cookie makes known, null for a stranger. */
  device: string | null;
  /** Where it is counted: the device's key, or else the account's. */
  key: string;
  held: Held;
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
  check: () => Promise<User | null>,
): Promise<User | null> {
  if (!context.services.config.throttle) return check();
  const attempt = await reserve(context, username);
  let user: User | null;
  try {
    user = await check();
  } catch (error) {
    await afterwards(context.services, (db) => giveBack(db, attempt, context.services.now()));
    throw error;
  }
  if (user !== null) await succeed(context, attempt, user);
  // This failure is where a wait begins: what is refused until its end is written down once.
  else if (attempt.held.heldUntil > context.services.now()) await recordThrottledLogin(context, username);
  return user;
}

/** In the order of cost to whoever floods: a name is written down only for a network that may still try one. */
async function reserve(context: Context, username: string): Promise<Attempt> {
  const { client, services } = context;
  const network = networkOf(client.address, services.config.trustedProxies);
  if (network !== null) await takeRate(services.db, requestsKey(network), NETWORK_REQUESTS, services.now());
  const device = await findUsableDevice(context, username);
  const key = device === null ? accountKey(username) : deviceKey(device);
  // One transaction: whom the account refuses has not used up what the network grants others.
  return transaction(services.db, async (db) => {
    const now = services.now();
    if (network !== null) await takeRate(db, failuresKey(network), NETWORK_FAILURES, now);
    const held = await reserveAttempt(db, key, ATTEMPTS, now);
    if (held === null) throw throttled(decideAttempt(await findHeld(db, key), ATTEMPTS, now));
    return { network, device, key, held };
  });
}

async function takeRate(db: Db, key: string, rule: typeof NETWORK_FAILURES, now: number): Promise<void> {
  if ((await reserveRate(db, key, rule, now)) !== null) return;
  throw throttled(decideRate(await findHeld(db, key), rule, now));
}

/** A device that has failed as often as may be is a stranger again: it may be a thief's, and must not stop its owner. */
async function findUsableDevice(context: Context, username: string): Promise<string | null> {
  const device = await findDevice(context, username);
  if (device === null) return null;
  const held = await findHeld(context.services.db, deviceKey(device));
  return held !== null && held.failures >= ATTEMPTS.limit ? null : device;
}

/** The words of Django REST Framework. */
function throttled(decision: Decision): Problem {
  // Room may have been made since the statement that found none.
  const waitMs = "waitMs" in decision ? decision.waitMs : 0;
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  return new Problem("throttled", { values: { seconds }, retryAfterSeconds: seconds });
}

async function giveBack(db: Db, { network, key, held }: Attempt, now: number): Promise<void> {
  if (network !== null) await giveRateBack(db, failuresKey(network), NETWORK_FAILURES);
  await giveAttemptBack(db, key, held, now);
}

/**
 * A success ends the count of failures in a row (NIST SP 800-63B-4 §3.2.2) at the account and at the device. The network
 * gets back this one attempt and no more: somebody with an account of their own could else guess at others' for ever.
 */
async function succeed(context: Context, { network, device, key }: Attempt, user: User): Promise<void> {
  let cookie: string | null = null;
  await afterwards(context.services, async (db) => {
    if (network !== null) await giveRateBack(db, failuresKey(network), NETWORK_FAILURES);
    await deleteHeld(db, [accountKey(user.username), key]);
    cookie = await rememberDevice(db, context, user, device);
  });
  if (cookie !== null) context.setCookies.push(cookie);
}

/** What was decided stays so where this cannot be written any more: a login is done, a failure is counted once too often. */
async function afterwards({ db, log, metrics }: Services, work: (db: Db) => Promise<void>): Promise<void> {
  try {
    await transaction(db, work);
  } catch (error) {
    if (!isOutage(error)) throw error;
    metrics.databaseFailed();
    log("warning", "attempt_not_settled", describeError(error));
  }
}

/** Lets strangers and devices try a user's password from the beginning, since it is another one now. */
export async function forgetFailures(db: Db, { id, username }: User): Promise<void> {
  await deleteHeld(db, [accountKey(username), ...(await listDeviceIds(db, id)).map(deviceKey)]);
}

/** Deletes what holds nobody any more, and devices whose time is over. @returns how many rows there were */
export async function clearThrottles({ db, now }: Pick<Services, "db" | "now">): Promise<number> {
  const held = await deleteInBatches((limit) => deleteExpiredHeld(db, now(), limit));
  return held + (await deleteInBatches((limit) => deleteExpiredDevices(db, now(), limit)));
}

/** Of one length whatever was typed; and now and then a password is typed where the name belongs. */
const accountKey = (username: string) => `account:${hashToken(username)}`;
const deviceKey = (device: string) => `device:${device}`;
const failuresKey = (network: string) => `failures:${network}`;
const requestsKey = (network: string) => `requests:${network}`;
