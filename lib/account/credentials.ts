import { transaction } from "../../db/open.ts";
import { deleteSessionsOfUser } from "../../db/sessions.ts";
import { setActive, setPassword, type User } from "../../db/users.ts";
import type { Services } from "../context.ts";
import { forgetFailures } from "../throttle.ts";
import type { AcceptedPassword } from "./password-rules.ts";

/**
 * Gives a user a new password and ends every session of theirs, at their very next request. Whoever was held off for
 * failures may try again. The user's devices stay known: they open nothing, and are what lets the owner in while others
 * guess.
 *
 * @param keepSessionId the session that asked, which stays; null where none did
 * @returns false where the user was deleted meanwhile
 * @throws Problem overloaded
 */
export async function changePassword(
  { db, passwords }: Pick<Services, "db" | "passwords">,
  user: User,
  password: AcceptedPassword,
  keepSessionId: string | null,
): Promise<boolean> {
  const encoded = await passwords.hash(password);
  return transaction(db, async (db) => {
    // The user's row first: a login that is under way waits for it, and then finds its password changed.
    const isChanged = await setPassword(db, user.id, encoded);
    await deleteSessionsOfUser(db, user.id, keepSessionId);
    await forgetFailures(db, user);
    return isChanged;
  });
}

/** Shuts a user out: no login, and every session ended for good (ASVS 5.0 V7.4.2). */
export async function deactivate({ db }: Pick<Services, "db">, user: User): Promise<void> {
  await transaction(db, async (db) => {
    await setActive(db, user.id, false);
    await deleteSessionsOfUser(db, user.id, null);
  });
}
