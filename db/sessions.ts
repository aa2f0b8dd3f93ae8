import type { ExpressionBuilder, Selectable } from "kysely";
import { isPostgres } from "./columns.ts";
import type { Db, TransactionDb } from "./open.ts";
import { prepare } from "./prepared.ts";
import type { Instant, Schema, SessionsTable } from "./schema.ts";

export interface Session {
  /** Hex SHA-256 of the token. Not a credential, but never shown in full. */
  id: string;
  userId: number;
  createdAt: Instant;
  /** Written at most once a minute, so it may be up to a minute old. */
  lastSeenAt: Instant;
  expiresAt: Instant;
  ip: string;
  userAgent: string;
  /** When the user last proved to be present. */
  provedAt: Instant;
  /** How the user was proved, by the names of RFC 8176: such as `pwd` or `pwd otp mfa`. */
  amr: string;
}

/** A session has ended if `expiresAt` is not after `now`, or if it was last seen `idleMs` ago or earlier. */
export interface Lifetime {
  now: Instant;
  idleMs: number;
}

/** A session that was last seen further in the future has a wrong date and counts as ended: it would live too long. */
export const MAX_CLOCK_STEP_MS = 24 * 60 * 60 * 1000;

/** A live session has `expiresAt` after `now`, and `lastSeenAt` after `seenAfter` and not after `seenUntil`. */
export interface Bounds {
  now: Instant;
  seenAfter: Instant;
  seenUntil: Instant;
}

export function boundsOf({ now, idleMs }: Lifetime): Bounds {
  return { now, seenAfter: now - idleMs, seenUntil: now + MAX_CLOCK_STEP_MS };
}

export const isLive =
  ({ now, seenAfter, seenUntil }: Bounds) =>
  (row: ExpressionBuilder<Schema, "sessions">) =>
    row.and([
      row("sessions.expires_at", ">", now),
      row("sessions.last_seen_at", ">", seenAfter),
      row("sessions.last_seen_at", "<=", seenUntil),
    ]);

export function toSession(row: Selectable<SessionsTable>): Session {
  return {
    id: row.id,
    userId: row.user_id,
    createdAt: row.created_at,
    lastSeenAt: row.last_seen_at,
    expiresAt: row.expires_at,
    ip: row.ip,
    userAgent: row.user_agent,
    provedAt: row.proved_at,
    amr: row.amr,
  };
}

export async function insertSession(db: Db, session: Session): Promise<void> {
  await db.executeQuery(insert(db, session));
}

const insert = prepare((db, session: Session) =>
  db.insertInto("sessions").values({
    id: session.id,
    user_id: session.userId,
    created_at: session.createdAt,
    last_seen_at: session.lastSeenAt,
    expires_at: session.expiresAt,
    ip: session.ip,
    user_agent: session.userAgent,
    proved_at: session.provedAt,
    amr: session.amr,
  }),
);

/**
 * Locks the owners of these sessions, and one more user, in the order of their ids. Call it before a transaction locks one
 * of them, if it will lock several: otherwise two transactions could each wait for the other.
 */
export async function lockOwners(db: TransactionDb, ids: readonly string[], userId: number | null): Promise<void> {
  const most = ids.length + (userId === null ? 0 : 1);
  if (!isPostgres(db) || most < 2) return;
  const rows = await db.selectFrom("sessions").select("user_id").where("id", "in", ids).execute();
  const owners = new Set(rows.map((row) => row.user_id));
  if (userId !== null) owners.add(userId);
  if (owners.size < 2) return;
  await db
    .selectFrom("users")
    .select("id")
    .where("id", "in", [...owners])
    .orderBy("id")
    .forNoKeyUpdate()
    .execute();
}

export interface SessionPage {
  /** The last session of the page before; null for the first page. */
  after: SessionPlace | null;
  /** A session to leave out. */
  exceptId: string | null;
  limit: number;
}

/** A place in the list of a user's sessions: last used first, then by descending id. */
export interface SessionPlace {
  lastSeenAt: Instant;
  /** An id, or a prefix that only this session has. */
  id: string;
}

/**
 * Last used first. A session that is used between two pages moves to the beginning, so the later pages may miss it.
 */
export async function listLiveSessions(
  db: Db,
  userId: number,
  lifetime: Lifetime,
  { after, exceptId, limit }: SessionPage,
): Promise<Session[]> {
  let rows = db
    .selectFrom("sessions")
    .selectAll()
    .where("user_id", "=", userId)
    .where(isLive(boundsOf(lifetime)));
  if (after !== null) {
    rows = rows.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("last_seen_at", "id"), "<", tuple(after.lastSeenAt, after.id)),
    );
  }
  if (exceptId !== null) rows = rows.where("id", "!=", exceptId);
  const page = await rows.orderBy("last_seen_at", "desc").orderBy("id", "desc").limit(limit).execute();
  return page.map(toSession);
}

/** Reads one row. @param prefix the first hex digits of the id, which no other session has */
export async function findLiveSessionByPrefix(
  db: Db,
  userId: number,
  prefix: string,
  lifetime: Lifetime,
): Promise<Session | null> {
  // A subquery, so that SQLite does not choose the index on user_id and read all sessions of the user.
  const ofPrefix = db.selectFrom("sessions").selectAll().where("id", ">=", prefix).where("id", "<", `${prefix}g`);
  const row = await db
    .selectFrom(ofPrefix.limit(1).as("sessions"))
    .selectAll()
    .where("user_id", "=", userId)
    .where(isLive(boundsOf(lifetime)))
    .executeTakeFirst();
  return row === undefined ? null : toSession(row);
}

/** Updates the last use, unless that was less than `stepMs` ago. Of several calls at the same time, one writes. */
export async function touchSession(
  db: Db,
  id: string,
  { now, stepMs }: { now: Instant; stepMs: number },
): Promise<void> {
  await db.executeQuery(touch(db, { id, now, staleAt: now - stepMs }));
}

const touch = prepare((db, { id, now, staleAt }: { id: string; now: Instant; staleAt: Instant }) =>
  db.updateTable("sessions").set({ last_seen_at: now }).where("id", "=", id).where("last_seen_at", "<=", staleAt),
);

/** Gives a session a new id, after its user has proved to be present again. */
export async function renewSession(
  db: TransactionDb,
  id: string,
  { id: nextId, provedAt, amr }: Pick<Session, "id" | "provedAt" | "amr">,
): Promise<void> {
  await db.updateTable("sessions").set({ id: nextId, proved_at: provedAt, amr }).where("id", "=", id).execute();
}

/** @returns the id of the user; null if the session is unknown */
export async function deleteSession(db: Db, id: string): Promise<number | null> {
  return (await db.executeQuery(deleteOne(db, { id }))).rows[0]?.user_id ?? null;
}

const deleteOne = prepare((db, { id }: { id: string }) =>
  db.deleteFrom("sessions").where("id", "=", id).returning("user_id"),
);

/** Deletes every session of a user except one. @returns their number */
export async function deleteSessionsOfUser(db: Db, userId: number, exceptId: string | null): Promise<number> {
  let statement = db.deleteFrom("sessions").where("user_id", "=", userId);
  if (exceptId !== null) statement = statement.where("id", "!=", exceptId);
  return Number((await statement.executeTakeFirst()).numDeletedRows);
}
