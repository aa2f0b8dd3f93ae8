import { findWaitingMail } from "../../db/mails.ts";
import { listTokensOf } from "../../db/one-time-tokens.ts";
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
import { forgetUser } from "../throttle/forget.ts";
import { endMostSessions } from "./end-sessions.ts";

/**
 * Why a user cannot delete the own account: nothing proves it, no superuser would be left, or a former address can still
 * undo a change. That change may be a thief's, and the deletion would be for good.
 */
const OBSTACLES = ["no_password", "last_superuser", "address_changed"] as const;

export type DeletionObstacle = (typeof OBSTACLES)[number];

export function isObstacle(code: string): code is DeletionObstacle {
  return OBSTACLES.some((one) => one === code);
}

/** @returns null if the user can delete the account with the password */
export async function findDeletionObstacle(
  db: Db,
  { user, password }: Credentials,
  now: number,
): Promise<DeletionObstacle | null> {
  if (readHash(password) === null) return "no_password";
  if (await isLastSuperuser(db, user)) return "last_superuser";
  return (await canUndoChange(db, user, now)) ? "address_changed" : null;
}

/** Whether a link to a former address is valid, or is about to be sent. */
async function canUndoChange(db: Db, { id }: User, now: number): Promise<boolean> {
  const links = await listTokensOf(db, id, "email_undo", { now, limit: 1 });
  return links.length > 0 || (await findWaitingMail(db, id, "email_changed")) !== null;
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
): Promise<"deleted" | "wrong_password" | DeletionObstacle> {
  const { id } = by.user;
  await endMostSessions(services, by, by.user, by.session.id);
  return authorizedTransaction(services, by, async (db) => {
    await lockSuperusers(db);
    const stored = await findCredentialsOf(db, id);
    if (stored?.password !== checked) return "wrong_password";
    const { user } = stored;
    const obstacle = await findDeletionObstacle(db, stored, services.now());
    if (obstacle !== null) return obstacle;
    // The counters of the account and its devices are no use to a later user of the name.
    await forgetUser(db, user);
    await alongside(db, user);
    await deleteUser(db, id);
    await recordBy(db, services, by, { kind: "user_deleted", subject: userSubject(user) });
    return "deleted";
  });
}
