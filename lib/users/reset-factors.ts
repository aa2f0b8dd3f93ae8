import { endTrust } from "../../db/devices.ts";
import { deleteFactors, refreshSecondFactor } from "../../db/factors.ts";
import { deleteTokensOf } from "../../db/one-time-tokens.ts";
import { lockUser, type User } from "../../db/users.ts";
import { type Actor, userSubject } from "../audit/actor.ts";
import { recordBy } from "../audit/audit-log.ts";
import { notify } from "../mail/notify.ts";
import type { Services } from "../services.ts";
import { authorizedTransaction } from "../session/authorized.ts";
import { forgetWrongCodes } from "../throttle/forget.ts";
import { deleteLogins, endMostSessions } from "./end-sessions.ts";
import { cancelLinks } from "./void-links.ts";

/**
 * Deletes every second factor of a user and the recovery codes, for a user who has lost them. As after a new password,
 * every session ends, and links for a new password or a new address are void: a thief may have asked for them. Logins that
 * wait for a second factor and set-ups that wait for a first code are void too, and no browser is trusted any more.
 *
 * @returns false if the user was deleted
 * @throws Problem not_authenticated as `authorizedTransaction`
 */
export async function resetFactors(
  services: Pick<Services, "db" | "config" | "keys" | "mail" | "now">,
  by: Actor,
  user: User,
): Promise<boolean> {
  await endMostSessions(services, by, user, null);
  return authorizedTransaction(services, by, async (db) => {
    const stored = await lockUser(db, user.id);
    if (stored === null) return false;
    await deleteFactors(db, user.id);
    await refreshSecondFactor(db, user.id);
    await deleteTokensOf(db, user.id, ["totp_setup", "passkey_setup", "passkey_factor", "passkey_proof"]);
    await endTrust(db, user.id);
    await forgetWrongCodes(db, stored);
    await deleteLogins(db, user);
    await cancelLinks(db, user);
    await notify(db, services, by, stored, "factor_removed");
    await recordBy(db, services, by, { kind: "factors_reset", subject: userSubject(user) });
    return true;
  });
}
