import { endTrust } from "../../db/devices.ts";
import type { TransactionDb } from "../../db/open.ts";
import { deletePendingLoginsOf } from "../../db/pending-logins.ts";
import { deleteSession, deleteSessionsOfUser, findLiveSessionByPrefix, type Session } from "../../db/sessions.ts";
import { lockUser, type User } from "../../db/users.ts";
import { type Actor, userSubject } from "../audit/actor.ts";
import { recordBy } from "../audit/audit-log.ts";
import { notify } from "../mail/notify.ts";
import type { Services } from "../services.ts";
import { authorizedTransaction } from "../session/authorized.ts";
import { lifetime } from "../session/lifetime.ts";
import { deleteMostSessions } from "../session/session-limit.ts";
import { readSessionName } from "../session/session-name.ts";
import { cancelEmailChange } from "./void-links.ts";

type Needs = Pick<Services, "db" | "config" | "keys" | "mail" | "now">;

/**
 * Ends the sessions of a user, each login that waits for its second factor, and the trust in remembered browsers. A change of the address that waits is void:
 * one of these sessions may have asked for it.
 *
 * @param exceptId the session that stays
 * @returns how many there were
 * @throws Problem not_authenticated as `authorizedTransaction`
 */
export async function endSessions(
  services: Needs,
  by: Actor,
  user: User,
  exceptId: string | null = null,
): Promise<number> {
  const most = await endMostSessions(services, by, user, exceptId);
  const deleteRest = async (db: TransactionDb) => {
    await endTrust(db, user.id);
    return deleteLogins(db, user, exceptId);
  };
  return most + (await endSome(services, by, user, withNotice(services, by, user, deleteRest)));
}

/**
 * Ends one live session of a user, and with it a change of the address that waits.
 *
 * @param name as `sessionName` gives it
 * @returns the session; null if the user has no live session of that name
 * @throws Problem not_authenticated as `authorizedTransaction`
 */
export async function endOneSession(services: Needs, by: Actor, user: User, name: string): Promise<Session | null> {
  const prefix = readSessionName(name);
  let session: Session | null = null;
  const deleteFound = async (db: TransactionDb) => {
    session = prefix === null ? null : await findLiveSessionByPrefix(db, user.id, prefix, lifetime(services));
    return session !== null && (await deleteSession(db, session.id)) !== null ? 1 : 0;
  };
  return (await endSome(services, by, user, withNotice(services, by, user, deleteFound))) > 0 ? session : null;
}

/**
 * Deletes the sessions of a user, and each login that waits for its second factor: it must not become a session afterwards.
 * Call it after the user is locked.
 *
 * @returns the number of sessions
 */
export async function deleteLogins(
  db: TransactionDb,
  { id }: Pick<User, "id">,
  exceptId: string | null = null,
): Promise<number> {
  await deletePendingLoginsOf(db, id);
  return deleteSessionsOfUser(db, id, exceptId);
}

/** Tells the user, if another person ends the sessions. */
function withNotice(
  services: Needs,
  by: Actor,
  user: User,
  deleteSome: (db: TransactionDb) => Promise<number>,
): (db: TransactionDb) => Promise<number> {
  const isOther = by.kind === "operator" || (by.kind === "session" && by.user.id !== user.id);
  if (!isOther) return deleteSome;
  return async (db) => {
    const count = await deleteSome(db);
    if (count > 0) await notify(db, services, by, user, "sessions_ended");
    return count;
  };
}

/** Ends sessions until one transaction can end the rest. Call it before a transaction that does. */
export function endMostSessions(services: Needs, by: Actor, user: User, exceptId: string | null): Promise<number> {
  return deleteMostSessions(services.db, user, exceptId, (deleteSome) => endSome(services, by, user, deleteSome));
}

function endSome(
  services: Needs,
  by: Actor,
  user: User,
  deleteSome: (db: TransactionDb) => Promise<number>,
): Promise<number> {
  return authorizedTransaction(services, by, async (db) => {
    await lockUser(db, user.id);
    const count = await deleteSome(db);
    await cancelEmailChange(db, user);
    const event = { kind: "sessions_ended", subject: userSubject(user), detail: String(count) } as const;
    if (count > 0) await recordBy(db, services, by, event);
    return count;
  });
}
