import { findLiveSessionByPrefix, listLiveSessions, type Session, type SessionPlace } from "../../db/sessions.ts";
import { sessionActor } from "../audit/actor.ts";
import type { UserContext } from "../context.ts";
import { Problem } from "../http/problem.ts";
import { queryValue } from "../http/target.ts";
import { type SessionProps, sessionsPage } from "../pages/sessions.ts";
import { requireFreshLogin } from "../pipeline/guards.ts";
import { page, redirectDone, redirectLoggedOut, wantsPage } from "../pipeline/page-responses.ts";
import { linkNext, readCursor } from "../pipeline/paging.ts";
import type { Reply } from "../pipeline/reply.ts";
import { empty, json } from "../pipeline/responses.ts";
import { lifetime } from "../session/lifetime.ts";
import { readSessionName, sessionName } from "../session/session-name.ts";
import { readDevice } from "../session/user-agent.ts";
import { endOneSession, endSessions } from "../users/end-sessions.ts";
import { listKnownDevices } from "./devices.ts";
import { logout } from "./logout.ts";

/** As many as the limit's default, so that a program gets all of them at once. */
const PAGE_SESSIONS = 100;

/**
 * `GET /sessions/`: the user's live sessions, a page at a time. This session is marked and comes first, then the last used
 * one. If there are more, the header `Link` has the address of the next page.
 *
 * @throws Problem invalid if the cursor is malformed
 */
export async function sessions(context: UserContext): Promise<Reply> {
  const { shown, next } = await listPage(context);
  const props = shown.map((session) => describeSession(session, session.id === context.auth.session.id));
  if (wantsPage(context)) {
    // The devices are few, and stand on the first page alone.
    const devices = queryValue(context.target, "cursor") === null ? await listKnownDevices(context) : [];
    return page(context, (frame) => sessionsPage(frame, props, { next, devices }));
  }
  return linkNext(context, json(context, props.map(sessionToJson)), "/sessions/", next);
}

async function listPage(context: UserContext): Promise<{ shown: Session[]; next: string | null }> {
  const { services, auth } = context;
  const after = readCursor(context, parsePlace);
  const span = lifetime(services);
  // Read again: it was touched after it was found.
  const own = after === null ? await findLiveSessionByPrefix(services.db, auth.user.id, auth.session.id, span) : null;
  const limit = PAGE_SESSIONS - (own === null ? 0 : 1);
  const wanted = { after, exceptId: auth.session.id, limit: limit + 1 };
  const found = await listLiveSessions(services.db, auth.user.id, span, wanted);
  const others = found.slice(0, limit);
  const last = found.length > limit ? others.at(-1) : undefined;
  return { shown: own === null ? others : [own, ...others], next: last === undefined ? null : cursorOf(last) };
}

/** The place behind a session. Its name stands for its id. */
function cursorOf(session: Session): string {
  return `${session.lastSeenAt}.${sessionName(session)}`;
}

function parsePlace(cursor: string): SessionPlace | null {
  const [, instant, name = ""] = /^(\d{1,15})\.(\w+)$/.exec(cursor) ?? [];
  const id = readSessionName(name);
  return id === null ? null : { lastSeenAt: Number(instant), id };
}

/** `DELETE /sessions/`: 204, and every other session of the user is ended. The guard asks for a fresh login. */
export async function endOtherSessions(context: UserContext): Promise<Reply> {
  const { services, auth } = context;
  await endSessions(services, sessionActor(context), auth.user, auth.session.id);
  return wantsPage(context) ? redirectDone("/sessions/", "sessions") : empty(204);
}

/**
 * `DELETE /sessions/:id/`: 204, and that session is ended; to end this one is to log out.
 *
 * @throws Problem not_found if it is none of the user's live sessions; recent_login_required if it is not this one, and
 *   the login is older than a day
 */
export async function endSession(context: UserContext): Promise<Reply> {
  const { services, auth } = context;
  const name = context.parameters["id"] ?? "";
  if (sessionName(auth.session) === name) return logout(context);
  await requireFreshLogin(context);
  const ended = await endOneSession(services, sessionActor(context), auth.user, name);
  if (ended === null) throw new Problem("not_found");
  return wantsPage(context) ? redirectLoggedOut(readDevice(ended.userAgent)) : empty(204);
}

export function describeSession(session: Session, isCurrent: boolean): SessionProps {
  const { userAgent, ip, createdAt, lastSeenAt } = session;
  return {
    name: sessionName(session),
    ...readDevice(userAgent),
    userAgent,
    address: ip,
    createdAt,
    lastSeenAt,
    isCurrent,
  };
}

/** Instants as Django REST Framework writes them: ISO 8601, in UTC. */
export function sessionToJson(props: SessionProps): Record<string, unknown> {
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
