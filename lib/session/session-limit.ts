import { setImmediate } from "node:timers/promises";
import { deleteInBatches } from "../../db/batches.ts";
import {
  deleteExcessSessions,
  deleteSessionsBeyond,
  findOwnersOfMore,
  hasMoreSessions,
  type SessionOwners,
} from "../../db/excess-sessions.ts";
import { type Db, type TransactionDb, transaction } from "../../db/open.ts";
import type { Lifetime } from "../../db/sessions.ts";
import { lockUser, type User } from "../../db/users.ts";
import { SYSTEM, userSubject } from "../audit/actor.ts";
import { type Deed, recordBy } from "../audit/audit-log.ts";
import type { Services } from "../services.ts";

/** The most sessions that one transaction deletes. */
const SESSIONS_AT_ONCE = 100;

/** The sessions of this many users are counted by one statement. */
const ID_SPAN = 500;

/**
 * Makes room for one more session: ends the least recently used sessions that would exceed the limit of the user. Call it
 * in the transaction that adds the session, with the user's row locked. An older version may have left more sessions than
 * one transaction may delete. Then the next logins and `endExcessSessions` end the rest.
 *
 * @returns the event to record, null if no session was ended
 */
export async function makeRoom(
  db: TransactionDb,
  { config }: Pick<Services, "config">,
  user: Pick<User, "id">,
  lifetime: Lifetime,
): Promise<Deed | null> {
  const keep = config.sessionsPerUser - 1;
  const count = await deleteExcessSessions(db, user.id, lifetime, { keep, limit: SESSIONS_AT_ONCE });
  return count === 0
    ? null
    : { ...excessDeed(userSubject(user), count, config.sessionsPerUser), actor: userSubject(user) };
}

/**
 * Ends every live session that exceeds the limit of its user, and lets requests in between. Such sessions are left by an
 * older version, or from a time when the limit was higher.
 *
 * @returns the number of ended sessions
 */
export async function endExcessSessions(services: Services, lifetime: Lifetime): Promise<number> {
  const count = services.config.sessionsPerUser;
  let total = 0;
  for (let afterId: number | null = null; ; ) {
    const { userIds, lastId }: SessionOwners = await findOwnersOfMore(services.db, { afterId, count, span: ID_SPAN });
    for (const userId of userIds) total += await endExcessSessionsOf(services, userId, lifetime);
    if (lastId === null) return total;
    afterId = lastId;
    await setImmediate();
  }
}

async function endExcessSessionsOf(services: Services, userId: number, lifetime: Lifetime): Promise<number> {
  const { db, config } = services;
  const keep = config.sessionsPerUser;
  const deleteSome = (limit: number) =>
    transaction(db, async (db) => {
      await lockUser(db, userId);
      const count = await deleteExcessSessions(db, userId, lifetime, { keep, limit });
      if (count > 0) await recordBy(db, services, SYSTEM, excessDeed(userSubject({ id: userId }), count, keep));
      return count;
    });
  return deleteInBatches(deleteSome, SESSIONS_AT_ONCE);
}

function excessDeed(subject: string, count: number, limit: number): Omit<Deed, "actor"> {
  return { kind: "sessions_ended", subject, detail: `${count}, over the limit of ${limit}` };
}

/**
 * Ends sessions of a user until so few are left that one statement may end them all. Call it before a transaction that
 * does. An older version may have left 100,000, and to delete them in one statement stops the process for seconds.
 *
 * @param exceptId the session that stays; null if none does
 * @param runBatch runs its argument in a transaction, with the user's row locked, and records the ended sessions
 * @returns the number of ended sessions
 */
export async function deleteMostSessions(
  db: Db,
  { id }: Pick<User, "id">,
  exceptId: string | null,
  runBatch: (endSome: (db: TransactionDb) => Promise<number>) => Promise<number>,
): Promise<number> {
  if (!(await hasMoreSessions(db, id, SESSIONS_AT_ONCE + 1))) return 0;
  const bounds = { keep: SESSIONS_AT_ONCE, limit: SESSIONS_AT_ONCE };
  const deleteSome = () => runBatch((db) => deleteSessionsBeyond(db, id, exceptId, bounds));
  return deleteInBatches(deleteSome, SESSIONS_AT_ONCE);
}
