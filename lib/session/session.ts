import { deleteInBatches } from "../../db/batches.ts";
import { type TransactionDb, transaction } from "../../db/open.ts";
import { isOutage } from "../../db/outage.ts";
import {
  deleteEndedSessions,
  deleteSession,
  deleteSessionsOfUser,
  findLiveSession,
  insertSession,
  type Lifetime,
  lockLiveSession,
  type Session,
  touchSession,
} from "../../db/sessions.ts";
import { type Credentials, confirmLogin, replacePassword, type User } from "../../db/users.ts";
import { type Deed, recordEvents, userSubject } from "../audit/audit-log.ts";
import type { Context, CurrentSession, MemberContext, Services } from "../context.ts";
import { deriveCsrfToken, generateToken, hashToken } from "../crypto/token.ts";
import type { Data } from "../http/body.ts";
import { serializeCookie, serializeDeletion } from "../http/cookie.ts";
import { Problem } from "../http/problem.ts";
import { describeError } from "../observability/log.ts";
import { andThen, type Soon } from "../pipeline/maybe-promise.ts";
import { allPresentedTokens, presentedTokens, presentsNoKey } from "./presented-tokens.ts";
import { endMostSessions, makeRoom } from "./session-limit.ts";
import { userAgentOf } from "./user-agent.ts";

export const CSRF_COOKIE = "csrftoken";

/** 364 days, as Django's CSRF_COOKIE_AGE. */
const CSRF_COOKIE_SECONDS = 31_449_600;

/** `last_seen_at` is written at most once in so long. */
const TOUCH_EVERY_MS = 60_000;

/** What a session needs to be alive at this moment. */
export function lifetime({ config, now }: Services): Lifetime {
  return { now: now(), idleMs: config.sessionIdleSeconds * 1000 };
}

/** The first session that the request presents and that is alive; null if there is none. At once on an SQLite file. */
export function findCurrent(context: Context): Soon<CurrentSession | null> {
  return findFirstLive(context.services, presentedTokens(context));
}

function findFirstLive(services: Services, [token, ...others]: string[]): Soon<CurrentSession | null> {
  if (token === undefined) return null;
  const span = lifetime(services);
  return andThen(findLiveSession(services.db, hashToken(token), span), (live) => {
    if (live === null) return findFirstLive(services, others);
    const current = { session: live.session, user: live.user, token };
    if (span.now - live.session.lastSeenAt < TOUCH_EVERY_MS) return current;
    return touch(services, live.session, span.now).then(() => current);
  });
}

/** A database that can be read but not written, as one that is full, still lets people in. */
async function touch({ db, log, metrics }: Services, session: Session, now: number): Promise<void> {
  try {
    await touchSession(db, session.id, { now, stepMs: TOUCH_EVERY_MS });
  } catch (error) {
    if (!isOutage(error)) throw error;
    metrics.databaseFailed();
    log("warning", "session_not_touched", describeError(error));
  }
}

/**
 * Runs `work` in one transaction, in the name of the request's session. Every write that a session authorises goes
 * through here: the session was looked up when the request's head arrived, and may have ended since.
 *
 * @throws Problem not_authenticated if the session has ended, or its user is inactive: nothing has changed then
 */
export function authorizedTransaction<T>(
  { services, current }: MemberContext,
  work: (db: TransactionDb) => Promise<T>,
): Promise<T> {
  return transaction(services.db, async (db) => {
    const isAlive = await lockLiveSession(db, current.session.id, lifetime(services));
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
export async function authorizedData(context: MemberContext): Promise<Data> {
  const sent = await context.data();
  await requireLiveSession(context);
  return sent;
}

/** Reads the request's session again. @throws Problem not_authenticated if it has ended */
export async function requireLiveSession({ services, current }: MemberContext): Promise<void> {
  const live = await findLiveSession(services.db, current.session.id, lifetime(services));
  if (live === null) throw new Problem("not_authenticated");
}

/**
 * Logs a user in whose password has been checked: a new session under a new token, each presented one ended (against
 * fixation: ASVS 5.0 V7.2.4), both cookies set. All of it, or, where the user was deactivated or the password changed
 * since the check, nothing.
 *
 * @param replacement the password's new encoding, null where the stored one stays
 * @param alongside what else the right password does, in the same transaction
 * @returns whether the user is logged in
 */
export async function start(
  context: Context,
  credentials: Credentials,
  replacement: string | null,
  alongside: (db: TransactionDb) => Promise<void>,
): Promise<boolean> {
  const { services } = context;
  const token = generateToken();
  const session = newSession(context, credentials.user, token);
  const isLoggedIn = await transaction(services.db, async (db) => {
    if (!(await confirmLogin(db, credentials, replacement, session.createdAt))) return false;
    const ended = await endPresented(db, context);
    const excess = await makeRoom(db, services, credentials.user, lifetime(services));
    await insertSession(db, session);
    await alongside(db);
    const actor = userSubject(credentials.user);
    const deeds: Deed[] = [{ kind: "login", subject: actor, actor }];
    if (excess !== null) deeds.push(excess);
    for (const subject of ended) deeds.push({ kind: "sessions_ended", subject, actor, detail: "1" });
    await recordEvents(db, context, ...deeds);
    return true;
  });
  if (!isLoggedIn) return false;
  context.loggedInUserId = credentials.user.id;
  setCookies(context, token);
  return true;
}

/**
 * Gives a user a new password whose old one has been checked. Every session of the user ends, and the one that asked
 * goes on under a new token (ASVS 5.0 V7.2.4). If the password was changed since the check, nothing changes.
 *
 * @param replacement the new password, encoded
 * @param alongside what else the right password does, in the same transaction
 * @returns whether it was done
 * @throws Problem not_authenticated if the session that asked has ended
 */
export async function regenerateSession(
  context: MemberContext,
  credentials: Credentials,
  replacement: string,
  alongside: (db: TransactionDb) => Promise<void>,
): Promise<boolean> {
  const { user } = credentials;
  const token = generateToken();
  const session = newSession(context, user, token);
  const subject = userSubject(user);
  await endMostOtherSessions(context);
  const isDone = await authorizedTransaction(context, async (db) => {
    if (!(await replacePassword(db, credentials, replacement))) return false;
    await deleteSessionsOfUser(db, user.id, null);
    await insertSession(db, session);
    await alongside(db);
    await recordEvents(db, context, { kind: "password_changed", subject, actor: subject });
    return true;
  });
  if (isDone) setCookies(context, token);
  return isDone;
}

/**
 * Ends other sessions of the user, until so few are left that one statement may end them all. Each batch is a transaction
 * in the name of the request's session.
 *
 * @throws Problem not_authenticated if the session has ended: the batches before have been ended then
 */
export async function endMostOtherSessions(context: MemberContext): Promise<void> {
  const { services, current } = context;
  const subject = userSubject(current.user);
  await endMostSessions(services.db, current.user, current.session.id, (endSome) =>
    authorizedTransaction(context, async (db) => {
      const count = await endSome(db);
      const deed = { kind: "sessions_ended", subject, actor: subject, detail: String(count) } as const;
      if (count > 0) await recordEvents(db, context, deed);
      return count;
    }),
  );
}

/** Deletes what is left of sessions that are over. @returns how many there were */
export function clearSessions(services: Services): Promise<number> {
  return deleteInBatches((limit) => deleteEndedSessions(services.db, lifetime(services), limit));
}

/** Ends each presented session, and expires both cookies in any case. */
export async function end(context: Context): Promise<void> {
  const { services, setCookies } = context;
  // Also if none was alive: another request may have ended it just now. The answer waits until that is on the disk.
  if (allPresentedTokens(context).length > 0) {
    context.isLoggedOut = await transaction(services.db, async (db) => {
      const subjects = await endPresented(db, context);
      const deeds = subjects.map((subject): Deed => ({ kind: "logout", subject, actor: subject }));
      if (deeds.length > 0) await recordEvents(db, context, ...deeds);
      return deeds.length > 0;
    });
  }
  setCookies.push(...[CSRF_COOKIE, services.config.sessionCookieName].map((name) => deletion(context, name)));
}

/** Ends all sessions that the request presents. @returns the subject of the user of each that was alive */
async function endPresented(db: TransactionDb, context: Context): Promise<string[]> {
  const ids = allPresentedTokens(context).map(hashToken);
  const subjects: string[] = [];
  // In one order: two requests that present the same sessions must not wait for each other.
  for (const id of ids.sort()) {
    const wasAlive = await lockLiveSession(db, id, lifetime(context.services));
    const userId = await deleteSession(db, id);
    if (wasAlive && userId !== null) subjects.push(userSubject({ id: userId }));
  }
  return subjects;
}

/**
 * Has the browser drop a session cookie that opens nothing, as Django does: one that was looked up in vain, or is too
 * short to be looked up. Not where the answer sets the cookie anyway.
 *
 * @param wasRead whether the request got as far as looking its session up
 */
export function dropDeadCookie(context: Context, wasRead: boolean): void {
  const { cookies, current, setCookies, services } = context;
  const name = services.config.sessionCookieName;
  if (!cookies.has(name) || current !== null || setCookies.length > 0) return;
  if (wasRead || presentsNoKey(context)) setCookies.push(deletion(context, name));
}

function newSession({ services, client, request }: Context, user: User, token: string): Session {
  const createdAt = services.now();
  return {
    id: hashToken(token),
    userId: user.id,
    createdAt,
    lastSeenAt: createdAt,
    expiresAt: createdAt + services.config.sessionMaxAgeSeconds * 1000,
    ip: client.address,
    userAgent: userAgentOf(request),
  };
}

function setCookies(context: Context, token: string): void {
  const { config, now } = context.services;
  const common = commonAttributes(context);
  const readable = { ...common, maxAgeSeconds: CSRF_COOKIE_SECONDS, httpOnly: false };
  const hidden = { ...common, maxAgeSeconds: config.sessionMaxAgeSeconds, httpOnly: true };
  context.setCookies.push(
    serializeCookie(CSRF_COOKIE, deriveCsrfToken(token), readable, now()),
    serializeCookie(config.sessionCookieName, token, hidden, now()),
  );
}

function deletion(context: Context, name: string): string {
  return serializeDeletion(name, commonAttributes(context));
}

function commonAttributes(context: Context): { secure: boolean; domain: string | null } {
  return { secure: isHttps(context), domain: context.services.config.cookieDomain };
}

/** Whether the client has come by https, as the settings or a trusted proxy tell. */
export function isHttps({ client, services: { config } }: Context): boolean {
  return config.secureCookies || client.isHttps;
}
