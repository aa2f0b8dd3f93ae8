import { type TransactionDb, transaction } from "../../db/open.ts";
import { deleteSessionsOfUser } from "../../db/sessions.ts";
import { deleteUser, lockUser, setActive, setPassword, type User } from "../../db/users.ts";
import { recordCommand, userSubject } from "../audit/audit-log.ts";
import type { AcceptedPassword } from "../passwords/password-rules.ts";
import type { Services } from "../services.ts";
import { endMostSessions } from "../session/session-limit.ts";
import { forgetDevices } from "../throttle/forget.ts";

// What the command line does to a user. The user's row is first in each transaction: a login that is under way waits for
// it, and then finds its password changed or its user shut out.

/**
 * Gives a user a new password, and ends every session of the user at its very next request. Failures are forgotten, and
 * so are the user's devices: one of them may be of somebody who knew the old password.
 *
 * @param keepSessionId the session that asked, which stays; null where none did
 * @returns false where the user was deleted meanwhile
 * @throws Problem overloaded
 */
export async function changePassword(
  services: Pick<Services, "db" | "keys" | "hasher" | "now">,
  user: User,
  password: AcceptedPassword,
  keepSessionId: string | null,
): Promise<boolean> {
  const encoded = await services.hasher.hash(password, { isKnown: true });
  await thinOut(services, user, keepSessionId);
  return transaction(services.db, async (db) => {
    if (!(await setPassword(db, user.id, encoded))) return false;
    await deleteSessionsOfUser(db, user.id, keepSessionId);
    await forgetDevices(db, user, null);
    await recordCommand(db, services, { kind: "password_changed", subject: userSubject(user) });
    return true;
  });
}

/** Lets a user log in again. @returns false if the user was active already, or is deleted */
export async function activate(services: Pick<Services, "db" | "keys" | "now">, user: User): Promise<boolean> {
  return transaction(services.db, async (db) => {
    const isChanged = await setActive(db, user.id, true);
    if (isChanged) await recordCommand(db, services, { kind: "user_activated", subject: userSubject(user) });
    return isChanged;
  });
}

/**
 * Shuts a user out: no login, and every session ended for good (ASVS 5.0 V7.4.2). Devices are forgotten, too, so that a
 * user who is let in again is known by none from before.
 *
 * @returns false if the user was inactive already, or is deleted
 */
export async function deactivate(services: Pick<Services, "db" | "keys" | "now">, user: User): Promise<boolean> {
  await thinOut(services, user, null);
  return transaction(services.db, async (db) => {
    const isChanged = await setActive(db, user.id, false);
    await deleteSessionsOfUser(db, user.id, null);
    await forgetDevices(db, user, null);
    if (isChanged) await recordCommand(db, services, { kind: "user_deactivated", subject: userSubject(user) });
    return isChanged;
  });
}

/** Deletes a user and every session of theirs. What the audit trail holds of them stays. */
export async function remove(services: Pick<Services, "db" | "keys" | "now">, user: User): Promise<void> {
  await thinOut(services, user, null);
  await transaction(services.db, async (db) => {
    const wasThere = await deleteUser(db, user.id);
    if (wasThere) await recordCommand(db, services, { kind: "user_deleted", subject: userSubject(user) });
  });
}

/** Ends every session of a user. @returns how many there were */
export async function endSessions(services: Pick<Services, "db" | "keys" | "now">, user: User): Promise<number> {
  const most = await thinOut(services, user, null);
  const rest = await transaction(services.db, async (db) => {
    const count = await deleteSessionsOfUser(db, user.id, null);
    if (count > 0) await recordEnded(db, services, user, count);
    return count;
  });
  return most + rest;
}

/** See `endMostSessions`. */
function thinOut(
  services: Pick<Services, "db" | "keys" | "now">,
  user: User,
  exceptId: string | null,
): Promise<number> {
  return endMostSessions(services.db, user, exceptId, (endSome) =>
    transaction(services.db, async (db) => {
      await lockUser(db, user.id);
      const count = await endSome(db);
      if (count > 0) await recordEnded(db, services, user, count);
      return count;
    }),
  );
}

function recordEnded(
  db: TransactionDb,
  services: Pick<Services, "keys" | "now">,
  user: User,
  count: number,
): Promise<void> {
  return recordCommand(db, services, { kind: "sessions_ended", subject: userSubject(user), detail: String(count) });
}
