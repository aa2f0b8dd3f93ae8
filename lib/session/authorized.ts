import { findLiveSession, lockLiveSession } from "../../db/live-sessions.ts";
import { type TransactionDb, transaction } from "../../db/open.ts";
import type { Actor } from "../audit/actor.ts";
import type { UserContext } from "../context.ts";
import type { Data } from "../http/body.ts";
import { Problem } from "../http/problem.ts";
import type { Services } from "../services.ts";
import { lifetime } from "./lifetime.ts";

// The session was looked up when the request's head arrived. It may end before the body arrives, or while a password
// waits for its hash. So each write in its name proves again that it is alive.

/**
 * Runs `work` in one transaction, in the name of an actor. If the actor is a session, the session must be alive.
 *
 * @throws Problem not_authenticated if the session has ended, or its user is inactive; nothing has changed then
 */
export function authorizedTransaction<T>(
  services: Pick<Services, "db" | "config" | "now">,
  by: Actor,
  work: (db: TransactionDb) => Promise<T>,
): Promise<T> {
  return transaction(services.db, async (db) => {
    const isAllowed = by.kind !== "session" || (await lockLiveSession(db, by.session.id, lifetime(services)));
    if (!isAllowed) throw new Problem("not_authenticated");
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
