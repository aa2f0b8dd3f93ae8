import type { Db, TransactionDb } from "../../db/open.ts";
import {
  type Credentials,
  deleteUser,
  findCredentialsOf,
  hasActiveSuperuser,
  lockSuperusers,
  type User,
} from "../../db/users.ts";
import { type SessionActor, userSubject } from "../audit/actor.ts";
import { recordBy } from "../audit/audit-log.ts";
import { readHash } from "../passwords/django-hash.ts";
import type { Services } from "../services.ts";
import { authorizedTransaction } from "../session/authorized.ts";
import { forgetDevices } from "../throttle/forget.ts";
import { endMostSessions } from "./end-sessions.ts";

/** Why a user cannot delete the own account: nothing proves it, or no superuser would be left. */
export type DeletionObstacle = "no_password" | "last_superuser";

/** @returns null if the user can delete the account with the password */
export async function findDeletionObstacle(db: Db, { user, password }: Credentials): Promise<DeletionObstacle | null> {
  if (readHash(password) === null) return "no_password";
  return (await isLastSuperuser(db, user)) ? "last_superuser" : null;
}

async function isLastSuperuser(db: Db, { id, isSuperuser }: User): Promise<boolean> {
  return isSuperuser && !(await hasActiveSuperuser(db, id));
}

/**
 * Deletes an account in the name of its user, with every session, device, link and waiting mail. Its events stay.
 *
 * @param checked the stored password that the given one was checked against
 * @param alongside runs in the transaction, before the user is deleted
 * @returns `wrong_password` if the password was changed since it was checked: nothing is deleted then
 * @throws Problem not_authenticated as `authorizedTransaction`
 */
export async function deleteOwnAccount(
  services: Pick<Services, "db" | "config" | "keys" | "mail" | "now">,
  by: SessionActor,
  checked: string,
  alongside: (db: TransactionDb, user: User) => Promise<unknown>,
): Promise<"deleted" | "wrong_password" | "last_superuser"> {
  const { id } = by.user;
  await endMostSessions(services, by, by.user, by.session.id);
  return authorizedTransaction(services, by, async (db) => {
    await lockSuperusers(db);
    const stored = await findCredentialsOf(db, id);
    if (stored?.password !== checked) return "wrong_password";
    const { user } = stored;
    if (await isLastSuperuser(db, user)) return "last_superuser";
    // The counters of the account and its devices are no use to a later user of the name.
    await forgetDevices(db, user, null);
    await alongside(db, user);
    await deleteUser(db, id);
    await recordBy(db, services, by, { kind: "user_deleted", subject: userSubject(user) });
    return "deleted";
  });
}
