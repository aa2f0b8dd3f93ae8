import type { TransactionDb } from "../../db/open.ts";
import { replacePassword, setPassword, type User } from "../../db/users.ts";
import { type Actor, userSubject } from "../audit/actor.ts";
import { recordBy } from "../audit/audit-log.ts";
import { notify } from "../mail/notify.ts";
import type { AcceptedPassword } from "../passwords/password-rules.ts";
import type { Caller } from "../passwords/semaphore.ts";
import type { Services } from "../services.ts";
import { authorizedTransaction } from "../session/authorized.ts";
import { forgetDevices } from "../throttle/forget.ts";
import { deleteLogins, endMostSessions } from "./end-sessions.ts";
import { cancelLinks } from "./void-links.ts";

/** For a change by the account's own user, who gave the current password. */
export interface OwnChange {
  /** The stored password that the current password was checked against, encoded. */
  checked: string;
  /** The device that stays known; null for none. */
  keepDevice: string | null;
  /** How the new password waits for its hash. */
  caller: Caller;
  /** Runs in the transaction of the change: adds the session that goes on. */
  alongside: (db: TransactionDb) => Promise<void>;
}

/**
 * Sets a user's password. Every session of the user ends before its next request. The user's devices are forgotten, and
 * the failures at the account: a person who knew the old password may have such a device. Links for a new password are
 * void.
 *
 * One transaction deletes at most some 100 sessions. If an older version left more, most of them end first, in
 * transactions of their own. If the change then fails, these stay ended, and the password stays. The other order would
 * leave sessions alive under a new password.
 *
 * @param own null if another person sets the password
 * @returns false if the user was deleted, or if the password is not the checked one any more
 * @throws Problem overloaded; not_authenticated as `authorizedTransaction`
 */
export async function changePassword(
  services: Pick<Services, "db" | "config" | "keys" | "hasher" | "mail" | "now">,
  by: Actor,
  user: User,
  password: AcceptedPassword,
  own: OwnChange | null = null,
): Promise<boolean> {
  const encoded = await services.hasher.hash(password, own?.caller ?? { isKnown: true });
  await endMostSessions(services, by, user, by.kind === "session" ? by.session.id : null);
  return authorizedTransaction(services, by, async (db) => {
    const isStored =
      own === null
        ? await setPassword(db, user.id, encoded)
        : await replacePassword(db, { user, password: own.checked }, encoded);
    if (!isStored) return false;
    await deleteLogins(db, user);
    await forgetDevices(db, user, own?.keepDevice ?? null);
    await cancelLinks(db, user);
    await own?.alongside(db);
    await notify(db, services, by, user, "password_changed");
    await recordBy(db, services, by, { kind: "password_changed", subject: userSubject(user) });
    return true;
  });
}
