import { deleteUser as deleteRow, lockUser, setActive, type User } from "../../db/users.ts";
import { type Actor, userSubject } from "../audit/actor.ts";
import { recordBy } from "../audit/audit-log.ts";
import type { Services } from "../services.ts";
import { authorizedTransaction } from "../session/authorized.ts";
import { forgetDevices, forgetUser } from "../throttle/forget.ts";
import { deleteLogins, endMostSessions } from "./end-sessions.ts";
import { cancelLinks } from "./void-links.ts";

// The user's row comes first in each transaction. A login that is under way waits for it, and then finds the user
// inactive or gone.

type Needs = Pick<Services, "db" | "config" | "keys" | "mail" | "now">;

/** Allows a user to log in again. @returns false if the user was active, or is deleted */
export function activate(services: Needs, by: Actor, user: User): Promise<boolean> {
  return authorizedTransaction(services, by, async (db) => {
    const isChanged = await setActive(db, user.id, true);
    if (isChanged) await recordBy(db, services, by, { kind: "user_activated", subject: userSubject(user) });
    return isChanged;
  });
}

/**
 * Forbids a user to log in, and ends every session of the user (ASVS 5.0 V7.4.2). The user's devices are forgotten, and
 * links for a new password are void: if the user is activated later, none of them is valid again.
 *
 * @returns false if the user was inactive, or is deleted
 */
export async function deactivate(services: Needs, by: Actor, user: User): Promise<boolean> {
  await endMostSessions(services, by, user, null);
  return authorizedTransaction(services, by, async (db) => {
    const isChanged = await setActive(db, user.id, false);
    await deleteLogins(db, user);
    await forgetDevices(db, user, null);
    await cancelLinks(db, user);
    if (isChanged) await recordBy(db, services, by, { kind: "user_deactivated", subject: userSubject(user) });
    return isChanged;
  });
}

/** Deletes a user with every session, device, link and waiting mail. The user's events stay in the audit trail. */
export async function deleteUser(services: Needs, by: Actor, user: User): Promise<void> {
  await endMostSessions(services, by, user, null);
  await authorizedTransaction(services, by, async (db) => {
    const stored = await lockUser(db, user.id);
    if (stored === null) return;
    await forgetUser(db, stored);
    await deleteRow(db, user.id);
    await recordBy(db, services, by, { kind: "user_deleted", subject: userSubject(user) });
  });
}
