import { lockUser, type User } from "../../db/users.ts";
import { type Actor, userSubject } from "../audit/actor.ts";
import { recordBy } from "../audit/audit-log.ts";
import type { Services } from "../services.ts";
import { authorizedTransaction } from "../session/authorized.ts";
import { forgetDevices } from "../throttle/forget.ts";

/**
 * Forgets every known device of a user, for example of a user who has lost one. The next login of each needs the second
 * factor. Sessions go on. Failures in a row at the account are forgotten too.
 *
 * @returns how many there were
 */
export function forgetDevicesOf(
  services: Pick<Services, "db" | "config" | "keys" | "now">,
  by: Actor,
  user: User,
): Promise<number> {
  return authorizedTransaction(services, by, async (db) => {
    await lockUser(db, user.id);
    const count = await forgetDevices(db, user, null);
    const event = { kind: "device_forgotten", subject: userSubject(user), detail: String(count) } as const;
    if (count > 0) await recordBy(db, services, by, event);
    return count;
  });
}
