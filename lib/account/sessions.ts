import type { TransactionDb } from "../../db/open.ts";
import { deleteSession, deleteSessionsOfUser, listLiveSessions, type Session } from "../../db/sessions.ts";
import { empty, json } from "../answer.ts";
import { recordEvents, userSubject } from "../audit.ts";
import type { MemberContext } from "../context.ts";
import { type Device, readDevice } from "../device-words.ts";
import { type SessionProps, sessionsPage } from "../pages/sessions.ts";
import { Problem } from "../problem.ts";
import { authorizedTransaction, end, lifetime } from "../session.ts";
import { sessionName } from "../session-name.ts";
import { page, redirectDone, wantsPage } from "../view.ts";

/** `GET /sessions/`: where the user is logged in, the last used first, this session marked. */
export async function sessions(context: MemberContext): Promise<Response> {
  const all = await listOwn(context);
  const props = all.map((session) => describe(session, session.id === context.current.session.id));
  if (wantsPage(context)) return page(context, (frame) => sessionsPage(frame, props));
  return json(context, props.map(toJson));
}

/** `DELETE /sessions/`: 204, and every other session of the user is ended. */
export async function endOtherSessions(context: MemberContext): Promise<Response> {
  const { current } = context;
  await authorizedTransaction(context, async (db) => {
    const count = await deleteSessionsOfUser(db, current.user.id, current.session.id);
    await recordEnded(db, context, count);
  });
  return wantsPage(context) ? redirectDone("/sessions/", "sessions") : empty(204);
}

/**
 * `DELETE /sessions/:id/`: 204, and that session is ended; to end this one is to log out.
 *
 * @throws Problem not_found where it is none of the user's live sessions
 */
export async function endSession(context: MemberContext): Promise<Response> {
  const { parameters, current } = context;
  if (sessionName(current.session) === parameters["id"]) {
    await end(context);
    return wantsPage(context) ? redirectDone("/login/", "logout") : empty(204);
  }
  await authorizedTransaction(context, async (db) => {
    const own = await listLiveSessions(db, current.user.id, lifetime(context.services));
    const session = own.find((session) => sessionName(session) === parameters["id"]);
    if (session === undefined) throw new Problem("not_found");
    await recordEnded(db, context, (await deleteSession(db, session.id)) ? 1 : 0);
  });
  return wantsPage(context) ? redirectDone("/sessions/", "session") : empty(204);
}

async function recordEnded(db: TransactionDb, context: MemberContext, count: number): Promise<void> {
  const subject = userSubject(context.current.user);
  if (count === 0) return;
  await recordEvents(db, context, { kind: "sessions_ended", subject, actor: subject, detail: String(count) });
}

function listOwn({ services, current }: MemberContext): Promise<Session[]> {
  return listLiveSessions(services.db, current.user.id, lifetime(services));
}

function describe(session: Session, isCurrent: boolean): SessionProps {
  const { userAgent, ip, createdAt, lastSeenAt } = session;
  const device: Device = readDevice(userAgent);
  return { name: sessionName(session), ...device, userAgent, address: ip, createdAt, lastSeenAt, isCurrent };
}

/** Instants as Django REST Framework writes them: ISO 8601, in UTC. */
function toJson(props: SessionProps): Record<string, unknown> {
  return {
    id: props.name,
    browser: props.browser,
    system: props.system,
    user_agent: props.userAgent,
    address: props.address,
    created_at: new Date(props.createdAt).toISOString(),
    last_seen_at: new Date(props.lastSeenAt).toISOString(),
    is_current: props.isCurrent,
  };
}
