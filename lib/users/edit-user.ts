import { lockAddresses } from "../../db/addresses.ts";
import type { TransactionDb } from "../../db/open.ts";
import { lockUser, type User, type UserChanges, updateUser } from "../../db/users.ts";
import { type Actor, userSubject } from "../audit/actor.ts";
import { type Deed, recordBy } from "../audit/audit-log.ts";
import type { Services } from "../services.ts";
import { authorizedTransaction } from "../session/authorized.ts";
import { isAddressOfOther } from "./email.ts";
import { canChangeGroups, changeGroups, type GroupChanges } from "./groups.ts";
import { normalizeEmail } from "./user-fields.ts";
import { normalizeUsername } from "./username.ts";
import { voidLinksToFormer } from "./void-links.ts";

/** The names of the fields in the audit trail. */
const FIELDS = {
  username: "username",
  firstName: "first_name",
  lastName: "last_name",
  email: "email",
  isStaff: "is_staff",
  isSuperuser: "is_superuser",
} as const satisfies Record<keyof UserChanges, string>;

export const SAME_GROUPS: GroupChanges = { add: [], remove: [] };

/**
 * Changes fields and groups of a user, all of them or none. The audit trail gets the names of the fields that differ, and
 * no values, and the name of each group.
 *
 * @param changes valid values; a field that is undefined stays
 * @param groups as `groupLimitError` allows
 * @param alongside runs in the transaction, with the user as stored before; its events are recorded too
 * @returns the user afterwards; null if the user or a group was deleted, if another user has the username or has it as the
 *   address, or if the user has joined too many groups meanwhile
 * @throws Problem not_authenticated as `authorizedTransaction`
 */
export function editUser(
  services: Pick<Services, "db" | "config" | "keys" | "now">,
  by: Actor,
  user: User,
  { username, email, ...others }: UserChanges,
  groups: GroupChanges = SAME_GROUPS,
  alongside: (db: TransactionDb, before: User) => Promise<Omit<Deed, "actor">[]> = async () => [],
): Promise<User | null> {
  const changes: UserChanges = {
    ...others,
    username: username === undefined ? undefined : normalizeUsername(username),
    email: email === undefined ? undefined : normalizeEmail(email),
  };
  return authorizedTransaction(services, by, async (db) => {
    // Read again: another request may have changed the user since this one began.
    const before = await lockUser(db, user.id);
    if (before === null || !(await canChangeGroups(db, before, groups))) return null;
    if (changes.username !== undefined) {
      await lockAddresses(db);
      if (await isAddressOfOther(db, changes.username, user.id)) return null;
    }
    const changed = await updateUser(db, user.id, changes);
    if (changed === null) return null;
    if (changed.email !== before.email) await voidLinksToFormer(db, by, before);
    const detail = changedFields(before, changes);
    const deed = { kind: "user_changed", subject: userSubject(user), detail } as const;
    const deeds = [...(await changeGroups(db, user, groups)), ...(await alongside(db, before))];
    await recordBy(db, services, by, ...(detail === "" ? [] : [deed]), ...deeds);
    return changed;
  });
}

function changedFields(before: User, changes: UserChanges): string {
  const names = Object.keys(FIELDS) as (keyof UserChanges)[]; // Those of FIELDS and no others.
  return names
    .filter((name) => changes[name] !== undefined && changes[name] !== before[name])
    .map((name) => FIELDS[name])
    .join(" ");
}
