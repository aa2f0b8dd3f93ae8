import { type TransactionDb, transaction } from "../../db/open.ts";
import { findLiveSession, lockLiveSession } from "../../db/sessions.ts";
import { recordEvents, userSubject } from "../audit/audit-log.ts";
import type { UserContext } from "../context.ts";
import type { Data } from "../http/body.ts";
import { Problem } from "../http/problem.ts";
import { lifetime } from "./lifetime.ts";
import { endMostSessions } from "./session-limit.ts";

// The session was looked up when the request's head arrived. It may end before the body arrives, or while a password
// waits for its hash. So each write in its name proves again that it is alive.

/**
 * Runs `work` in one transaction, in the name of the request's session.
 *
 * @throws Problem not_authenticated if the session has ended, or its user is inactive; nothing has changed then
 */
export function authorizedTransaction<T>(
  { services, auth }: UserContext,
  work: (db: TransactionDb) => Promise<T>,
): Promise<T> {
  return transaction(services.db, async (db) => {
    const isAlive = await lockLiveSession(db, auth.session.id, lifetime(services));
    if (!isAlive) throw new Problem("not_authenticated");
    return work(db);
  });
}

/**
 * The request's data, if the session is still alive when all of it has arrived. A request of an ended session learns
 * nothing, neither from a validation error nor from a check of a password.
 *
 * @throws Problem not_authenticated; those of reading the body
 */
export async function authorizedData(context: UserContext): Promise<Data> {
  const sent = await context.data();
  await requireLiveSession(context);
  return sent;
}

/** Reads the request's session again. @throws Problem not_authenticated if it has ended */
export async function requireLiveSession({ services, auth }: UserContext): Promise<void> {
  const live = await findLiveSession(services.db, auth.session.id, lifetime(services));
  if (live === null) throw new Problem("not_authenticated");
}

/**
 * Ends other sessions of the user, until so few are left that one statement may end them all. Each batch is a transaction
 * in the name of the request's session.
 *
 * @throws Problem not_authenticated if the session has ended; the batches before have been ended then
 */
export async function endMostOtherSessions(context: UserContext): Promise<void> {
  const { services, auth } = context;
  const subject = userSubject(auth.user);
  await endMostSessions(services.db, auth.user, auth.session.id, (endSome) =>
    authorizedTransaction(context, async (db) => {
      const count = await endSome(db);
      const deed = { kind: "sessions_ended", subject, actor: subject, detail: String(count) } as const;
      if (count > 0) await recordEvents(db, context, deed);
      return count;
    }),
  );
}
