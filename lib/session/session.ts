import { deleteInBatches } from "../../db/batches.ts";
import { confirmLogin } from "../../db/confirm-login.ts";
import { deleteEndedSessions } from "../../db/ended-sessions.ts";
import { findLiveSession, findLiveSessionWithGroups, lockLiveSession } from "../../db/live-sessions.ts";
import { type TransactionDb, transaction } from "../../db/open.ts";
import { isOutage } from "../../db/outage.ts";
import {
  deleteSession,
  insertSession,
  lockOwners,
  renewSession,
  type Session,
  touchSession,
} from "../../db/sessions.ts";
import type { Credentials, User } from "../../db/users.ts";
import { sessionActor, userSubject, visitorActor } from "../audit/actor.ts";
import { type Deed, recordBy, recordEvents } from "../audit/audit-log.ts";
import type { Anonymous, Arrival, Auth, Enrolling, Full, UserContext } from "../context.ts";
import { generateToken, hashToken } from "../crypto/token.ts";
import { notify } from "../mail/notify.ts";
import { describeError } from "../observability/log.ts";
import { mailLanguage } from "../pages/messages/messages.ts";
import { andThen, type MaybePromise } from "../pipeline/maybe-promise.ts";
import type { ReplyParts } from "../pipeline/reply.ts";
import type { Services } from "../services.ts";
import type { Attempt } from "../throttle/attempts.ts";
import { rememberDevice } from "../throttle/device-cookie.ts";
import { needsSetUp } from "../users/second-factor-policy.ts";
import { authorizedTransaction } from "./authorized.ts";
import { expiredSessionCookies, sessionCookies } from "./cookies.ts";
import { lifetime } from "./lifetime.ts";
import { allPresentedTokens, presentedTokens } from "./presented-tokens.ts";
import { makeRoom } from "./session-limit.ts";
import { userAgentOf } from "./user-agent.ts";

/** `last_seen_at` is written at most once in this time. */
const TOUCH_EVERY_MS = 60_000;

/**
 * Finds the first session that the request presents and that is alive. At once on an SQLite file.
 *
 * @param readsGroups whether the groups of its user are read in the same statement
 */
export function authenticate(context: Arrival, readsGroups = false): MaybePromise<Auth> {
  const found = findFirstLive(context.services, presentedTokens(context), readsGroups);
  return andThen(found, (found) => found ?? anonymous(context));
}

function anonymous({ cookies, services }: Arrival): Anonymous {
  return { level: "anonymous", staleCookie: cookies.has(services.config.sessionCookieName) };
}

function findFirstLive(
  services: Services,
  [token, ...others]: string[],
  readsGroups: boolean,
): MaybePromise<Full | Enrolling | null> {
  if (token === undefined) return null;
  const span = lifetime(services);
  const find = readsGroups ? findLiveSessionWithGroups : findLiveSession;
  return andThen(find(services.db, hashToken(token), span), (live) => {
    if (live === null) return findFirstLive(services, others, readsGroups);
    const { session, user, groups } = live;
    const level = needsSetUp(services.config, user) ? "enrolling" : "full";
    const auth = { level, session, user, groups, token } as const;
    if (span.now - session.lastSeenAt < TOUCH_EVERY_MS || touching.has(session.id)) return auth;
    return touch(services, session, span.now).then(() => auth);
  });
}

/** Ids of sessions whose last use this process is writing. Other requests of them do not wait for the same row. */
const touching = new Set<string>();

/** If the database can be read but not written, for example if the disk is full, sessions go on. */
async function touch({ db, log, metrics }: Services, session: Session, now: number): Promise<void> {
  touching.add(session.id);
  try {
    await touchSession(db, session.id, { now, stepMs: TOUCH_EVERY_MS });
  } catch (error) {
    if (!isOutage(error)) throw error;
    metrics.databaseFailed();
    log("warning", "session_not_touched", describeError(error));
  } finally {
    touching.delete(session.id);
  }
}

/** What was checked before a session is created. */
export interface LoginProof {
  /** The password's new encoding, null if the stored one stays. */
  replacement?: string | null;
  /** The attempt at the password or the second factor; null after a link, where the user has just set the password. */
  attempt?: LoginAttempt | null;
  /** How the user was proved: see `Session`. */
  amr?: string;
  /** Until then the browser's logins need no second factor. Null changes nothing. */
  trustUntil?: number | null;
  /**
   * Uses up what was checked, such as a code, in the transaction that creates the session. Undefined: the user must have
   * no second factor.
   *
   * @returns false if it was used already: the user is not logged in then
   */
  consume?: (db: TransactionDb) => Promise<boolean>;
}

export type LoginAttempt = Pick<Attempt, "isNewDevice" | "succeed">;

/**
 * Logs a user in whose password has been checked: creates a session under a new token, and ends each presented one
 * (against fixation: ASVS 5.0 V7.2.4). If the user was deactivated or the password changed since the check, nothing
 * changes.
 *
 * @returns the `Set-Cookie` values; null if the user is not logged in
 */
export async function createSession(
  context: Arrival,
  credentials: Credentials,
  { replacement = null, attempt = null, amr = "pwd", trustUntil = null, consume }: LoginProof = {},
): Promise<string[] | null> {
  const { services } = context;
  const { user } = credentials;
  const token = generateToken();
  const session = newSession(context, user, { token, amr });
  const language = mailLanguage(context.request.headers.get("accept-language"));
  const login = { replacement, language, isComplete: consume !== undefined, now: session.createdAt };
  const further = await transaction(services.db, async (db) => {
    await lockOwners(db, presentedIds(context), user.id);
    if (!(await confirmLogin(db, credentials, login))) return null;
    if (consume !== undefined && !(await consume(db))) throw new NotConsumed();
    const ended = await endPresented(db, context);
    const excess = await makeRoom(db, services, user, lifetime(services));
    await insertSession(db, session);
    const cookie = await (attempt === null
      ? rememberDevice(db, context, user, null)
      : attempt.succeed(db, user, trustUntil));
    const recipient = { ...user, language: user.language || (language ?? "") };
    if (attempt?.isNewDevice) await notify(db, services, visitorActor(context), recipient, "new_device");
    const actor = userSubject(user);
    const deeds: Deed[] = [{ kind: "login", subject: actor, actor }];
    if (trustUntil !== null && cookie !== null) deeds.push({ kind: "browser_trusted", subject: actor, actor });
    if (excess !== null) deeds.push(excess);
    for (const subject of ended) deeds.push({ kind: "sessions_ended", subject, actor, detail: "1" });
    await recordEvents(db, context, ...deeds);
    return { cookie };
  }).catch(nullIfNotConsumed);
  if (further === null) return null;
  const cookies = sessionCookies(context, token);
  return further.cookie === null ? cookies : [...cookies, further.cookie];
}

/** Rolls the transaction back: what was checked was used meanwhile. */
class NotConsumed extends Error {}

function nullIfNotConsumed(error: unknown): null {
  if (error instanceof NotConsumed) return null;
  throw error;
}

/**
 * A session that takes the place of the request's own, under a new token (ASVS 5.0 V7.2.4), and its `Set-Cookie` values.
 * Insert it in the transaction that ends the old one.
 */
export function renewedSession(context: UserContext): { session: Session; cookies: string[] } {
  const token = generateToken();
  const { user, session } = context.auth;
  const cookies = sessionCookies(context, token);
  return { session: newSession(context, user, { token, amr: session.amr }), cookies };
}

/**
 * The user of the request's session has proved to be present again. The session goes on under a new token (ASVS 5.0
 * V7.2.4); its end stays.
 *
 * @param amr what was proved now; the session keeps what was proved before
 * @param consume as in LoginProof
 * @returns the `Set-Cookie` values; null if what was checked was used already
 * @throws Problem not_authenticated if the session has ended
 */
export async function renewProof(
  context: UserContext,
  amr: string,
  consume: (db: TransactionDb) => Promise<boolean>,
): Promise<string[] | null> {
  const { services, auth } = context;
  const by = sessionActor(context);
  const { store, cookies } = provenSession(context, amr);
  const isRenewed = await authorizedTransaction(services, by, async (db) => {
    if (!(await consume(db))) throw new NotConsumed();
    await store(db);
    await recordBy(db, services, by, { kind: "proved", subject: userSubject(auth.user), detail: amr });
    return true;
  }).catch(nullIfNotConsumed);
  return isRenewed ? cookies : null;
}

/**
 * The request's session after its user has proved something, such as a new second factor: under a new token (ASVS 5.0
 * V7.2.4), with its end as before. Store it in the transaction of what was proved.
 *
 * @param amr as in `renewProof`
 * @returns the context with this session, for a page that is shown now, and the `Set-Cookie` values
 */
export function provenSession<C extends UserContext>(
  context: C,
  amr: string,
): { context: C; cookies: string[]; store: (db: TransactionDb) => Promise<void> } {
  const { services, auth } = context;
  const token = generateToken();
  const names = new Set(`${auth.session.amr} ${amr}`.trim().split(" "));
  // A security key that does not check the user is the second factor beside the password.
  if (names.has("pwd") && (names.has("otp") || names.has("pop"))) names.add("mfa");
  const session = { ...auth.session, id: hashToken(token), provedAt: services.now(), amr: [...names].join(" ") };
  return {
    context: { ...context, auth: { ...auth, session, token } },
    cookies: sessionCookies(context, token),
    store: (db) => renewSession(db, auth.session.id, session),
  };
}

/** Deletes the rows of expired sessions. @returns their number */
export function clearSessions(services: Services): Promise<number> {
  return deleteInBatches((limit) => deleteEndedSessions(services.db, lifetime(services), limit));
}

/** Ends each presented session, and expires both cookies in any case. @returns the cookies, and whether a live session ended */
export async function destroySession(context: Arrival): Promise<ReplyParts> {
  const cookies = expiredSessionCookies(context);
  if (allPresentedTokens(context).length === 0) return { cookies };
  // Also if none is alive: another request may have ended it just now. The answer waits until that is on the disk.
  const isLoggedOut = await transaction(context.services.db, async (db) => {
    await lockOwners(db, presentedIds(context), null);
    const subjects = await endPresented(db, context);
    const deeds = subjects.map((subject): Deed => ({ kind: "logout", subject, actor: subject }));
    if (deeds.length > 0) await recordEvents(db, context, ...deeds);
    return deeds.length > 0;
  });
  return { cookies, isLoggedOut };
}

/** In one order: two requests that present the same sessions must not wait for each other. */
function presentedIds(context: Arrival): string[] {
  return allPresentedTokens(context).map(hashToken).sort();
}

/** Ends all sessions that the request presents. Lock their owners first. @returns the subject of the user of each that was alive */
async function endPresented(db: TransactionDb, context: Arrival): Promise<string[]> {
  const subjects: string[] = [];
  for (const id of presentedIds(context)) {
    const wasAlive = await lockLiveSession(db, id, lifetime(context.services));
    const userId = await deleteSession(db, id);
    if (wasAlive && userId !== null) subjects.push(userSubject({ id: userId }));
  }
  return subjects;
}

function newSession(
  { services, client, request }: Arrival,
  user: User,
  { token, amr }: { token: string; amr: string },
): Session {
  const createdAt = services.now();
  return {
    id: hashToken(token),
    userId: user.id,
    createdAt,
    lastSeenAt: createdAt,
    expiresAt: createdAt + services.config.sessionMaxAgeSeconds * 1000,
    ip: client.address,
    userAgent: userAgentOf(request),
    provedAt: createdAt,
    amr,
  };
}
