import type { TransactionDb } from "../../db/open.ts";
import { deleteCounters, findCounters } from "../../db/throttles.ts";
import type { User } from "../../db/users.ts";
import { recordAttempt } from "../audit/audit-log.ts";
import type { Authenticated } from "../context.ts";
import { Problem } from "../http/problem.ts";
import { notify } from "../mail/notify.ts";
import type { Services } from "../services.ts";
import type { CodeKind } from "../users/code-proof.ts";
import type { Attempt } from "./attempts.ts";
import { countAttempt } from "./counts.ts";
import { findDevice, rememberDevice } from "./device-cookie.ts";
import {
  accountFactorKeys,
  accountKeys,
  deviceFactorKey,
  deviceKey,
  devicesFactorKey,
  factorLimitsOf,
  keysOf,
} from "./limits.ts";
import { recordRejected } from "./rejected.ts";
import { DEVICES, isSpent } from "./rules.ts";

/** An attempt at a code. It is counted as a failure already. */
export interface FactorAttempt extends Pick<Attempt, "isNewDevice" | "succeed"> {
  /**
   * The code was right, and a user who was logged in already has proved to be present. Failures at the password stay
   * counted: a thief of a session and a phone must not guess at it without end.
   */
  readonly settle: (db: TransactionDb) => Promise<void>;
  /** The code was wrong. */
  readonly fail: () => Promise<void>;
}

/** What `factorAttempts` adds to a context. */
export interface FactorThrottled {
  /**
   * Counts an attempt at a code of a user, on this node and every other. A code of an authenticator app counts at the account;
   * a device that the account knows is counted by itself, so that a thief who knows the password cannot block the user's own
   * browsers. A recovery code cannot be guessed, so it does not wait. Its event is limited by `recordRejected`.
   *
   * @throws Problem throttled
   */
  readonly reserveFactorAttempt: (user: User, kind: CodeKind) => Promise<FactorAttempt>;
}

/** The throttle of rows whose handler checks a code of a second factor: by account and device, or by network. */
export function factorAttempts<C extends Authenticated>(context: C): C & FactorThrottled {
  return { ...context, reserveFactorAttempt: (user, kind) => reserve(context, user, kind) };
}

async function reserve(context: Authenticated, user: User, kind: CodeKind): Promise<FactorAttempt> {
  if (kind === "totp" && context.services.config.throttle) return reserveAppCode(context, user);
  return {
    ...(await uncountedAttempt(context, user)),
    settle: async () => {},
    fail: () => recordRejected(context, user, "second_factor_failed"),
  };
}

async function reserveAppCode(context: Authenticated, user: User): Promise<FactorAttempt> {
  const { services } = context;
  const device = await findDevice(context, user.username);
  const limits = factorLimitsOf(user, (await haveDevicesFailed(services, user)) ? null : device);
  const { waitMs, changed } = await countAttempt(services, limits);
  if (waitMs !== null) throw new Problem("throttled", { seconds: Math.max(1, Math.ceil(waitMs / 1000)) });
  const isBlocked = changed.some(({ blockedUntil }) => blockedUntil > services.now());
  return {
    isNewDevice: device === null,
    succeed: succeedWith(context, device),
    settle: (db) => deleteCounters(db, [...keysOf(limits), devicesFactorKey(user)]),
    fail: () =>
      isBlocked
        ? recordAttempt(context, user, "second_factor_throttled", (db, by) =>
            notify(db, services, by, user, "many_wrong_codes"),
          )
        : recordAttempt(context, user, "second_factor_failed"),
  };
}

/** If devices have failed too often, one of them may be a thief's. They count as strangers then. */
async function haveDevicesFailed({ db, now }: Pick<Services, "db" | "now">, user: User): Promise<boolean> {
  const key = devicesFactorKey(user);
  const counter = (await findCounters(db, [key])).get(key);
  return counter !== undefined && isSpent(counter, DEVICES, now());
}

/** The attempt at a second factor that cannot be guessed. Its success counts as that of a code. */
export async function uncountedAttempt(
  context: Authenticated,
  { username }: User,
): Promise<Pick<FactorAttempt, "isNewDevice" | "succeed">> {
  if (!context.services.config.throttle) return UNCOUNTED;
  const device = await findDevice(context, username);
  return { isNewDevice: device === null, succeed: succeedWith(context, device) };
}

function succeedWith(context: Authenticated, device: string | null): FactorAttempt["succeed"] {
  return async (db, user, trustUntil) => {
    await forgetFailures(db, user, device);
    return rememberDevice(db, context, user, device, trustUntil);
  };
}

/** With POSTERN_THROTTLE=off. */
const UNCOUNTED = { isNewDevice: false, succeed: async () => null };

/** The login is complete: the failures in a row have ended, those at the password too (NIST SP 800-63B-4 §3.2.2). */
async function forgetFailures(db: TransactionDb, user: User, device: string | null): Promise<void> {
  const own = device === null ? [] : [deviceKey(device), deviceFactorKey(device)];
  await deleteCounters(db, [...accountKeys(user.username), ...accountFactorKeys(user), ...own]);
}
