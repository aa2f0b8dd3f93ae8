import type { TransactionDb } from "../../db/open.ts";
import { deleteSession, deleteSessionsOfUser, type Session } from "../../db/sessions.ts";
import { lockUser, type User } from "../../db/users.ts";
import { type Actor, userSubject } from "../audit/actor.ts";
import { recordBy } from "../audit/audit-log.ts";
import type { Services } from "../services.ts";
import { authorizedTransaction } from "../session/authorized.ts";
import { deleteMostSessions } from "../session/session-limit.ts";

type Needs = Pick<Services, "db" | "config" | "keys" | "now">;

/**
 * Ends the sessions of a user.
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
  return most + (await endSome(services, by, user, (db) => deleteSessionsOfUser(db, user.id, exceptId)));
}

/**
 * Ends one session of a user.
 *
 * @param find finds it, in the transaction that ends it
 * @returns the session, null if it is not found
 * @throws Problem not_authenticated as `authorizedTransaction`
 */
export async function endOneSession(
  services: Needs,
  by: Actor,
  user: User,
  find: (db: TransactionDb) => Promise<Session | null>,
): Promise<Session | null> {
  let session: Session | null = null;
  const deleteFound = async (db: TransactionDb) => {
    session = await find(db);
    return session !== null && (await deleteSession(db, session.id)) !== null ? 1 : 0;
  };
  return (await endSome(services, by, user, deleteFound)) > 0 ? session : null;
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
    const event = { kind: "sessions_ended", subject: userSubject(user), detail: String(count) } as const;
    if (count > 0) await recordBy(db, services, by, event);
    return count;
  });
}
