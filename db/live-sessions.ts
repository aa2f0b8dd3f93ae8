import { type RawBuilder, type Selectable, type SqlBool, sql } from "kysely";
import { BatchedReads } from "./batched-reads.ts";
import { isPostgres } from "./columns.ts";
import { groupNames } from "./groups.ts";
import type { Db, TransactionDb } from "./open.ts";
import { prepare } from "./prepared.ts";
import { readNow } from "./read-now.ts";
import type { SessionsTable } from "./schema.ts";
import { type Bounds, boundsOf, isLive, type Lifetime, type Session, toSession } from "./sessions.ts";
import { toUser, type User, type UserRow } from "./users.ts";

export interface LiveSession {
  session: Session;
  user: User;
  /** The names of the user's groups, sorted; null if they were not read. */
  groups: string[] | null;
}

type Found = LiveSession | null | Promise<LiveSession | null>;

/**
 * Reads a session and its active user. Nothing is cached: a session that another process ended is null at the next call.
 *
 * @returns null if the session is unknown or has ended, or the user is inactive; not a promise for an SQLite file
 */
export function findLiveSession(db: Db, id: string, lifetime: Lifetime): Found {
  return find(db, id, boundsOf(lifetime), WITHOUT_GROUPS);
}

/** The same with the user's groups, in one statement. */
export function findLiveSessionWithGroups(db: Db, id: string, lifetime: Lifetime): Found {
  return find(db, id, boundsOf(lifetime), WITH_GROUPS);
}

function find(db: Db, id: string, bounds: Bounds, { one, several, batches }: LookUp): Found {
  if (isPostgres(db)) {
    const reads = batches.get(db) ?? new BatchedReads<SessionOfUser>((row) => row.session_id);
    batches.set(db, reads);
    return reads.find(id, async (ids) => readNow(db, several(db, { ids, ...bounds }))).then(toLiveSession);
  }
  const rows = readNow(db, one(db, { id, ...bounds }));
  return rows instanceof Promise ? rows.then(([row]) => toLiveSession(row)) : toLiveSession(rows[0]);
}

type SessionOfUser = Omit<Selectable<SessionsTable>, "id"> & UserRow & { session_id: string; groups?: string };

function toLiveSession(row: SessionOfUser | null | undefined): LiveSession | null {
  if (row === null || row === undefined) return null;
  const groups = row.groups === undefined ? null : row.groups.split(",").filter((name) => name !== "");
  return { session: toSession({ ...row, id: row.session_id }), user: toUser(row), groups };
}

/** The only definition of a live session: neither expired nor idle, and its user is active. */
function liveSessions(db: Db, bounds: Bounds, isWanted: RawBuilder<SqlBool>) {
  return (
    db
      .selectFrom("sessions")
      .innerJoin("users", "users.id", "sessions.user_id")
      .where(isWanted)
      .where(isLive(bounds))
      // The literal and the cast of `hasId` only save time: with plain parameters, SQLite plans the join again at each
      // bind (measured on Bun: 5.8 µs in place of 1.2 µs).
      .where("is_active", "=", sql.lit(1))
  );
}

const hasId = (id: string) => sql<SqlBool>`sessions.id = cast(${id} as text)`;

/** For Postgres. */
const hasOneOf = (ids: string[]) => sql<SqlBool>`sessions.id = any(cast(${ids} as text[]))`;

type LookUp = ReturnType<typeof createLookUp>;

function createLookUp(withGroups: boolean) {
  const select = (db: Db, bounds: Bounds, isWanted: RawBuilder<SqlBool>) =>
    liveSessions(db, bounds, isWanted)
      .select(["sessions.id as session_id", "user_id", "created_at", "last_seen_at", "expires_at", "ip", "user_agent"])
      .select(["proved_at", "amr", "has_second_factor"])
      .select(["users.id", "username", "email", "first_name", "last_name", "is_active", "is_staff", "is_superuser"])
      .select(["date_joined", "last_login", "email_proved_at", "language"])
      .$if(withGroups, (query) => query.select(groupNames(db).as("groups")));
  return {
    one: prepare((db, wanted: Bounds & { id: string }) => select(db, wanted, hasId(wanted.id))),
    several: prepare((db, wanted: Bounds & { ids: string[] }) => select(db, wanted, hasOneOf(wanted.ids))),
    batches: new WeakMap<Db, BatchedReads<SessionOfUser>>(),
  };
}

const WITHOUT_GROUPS = createLookUp(false);
const WITH_GROUPS = createLookUp(true);

/**
 * Locks a live session and its active user until the transaction ends. The user's row is locked first, as in every other
 * transaction.
 *
 * @returns false if the session is unknown or has ended, or the user is inactive
 */
export async function lockLiveSession(db: TransactionDb, id: string, lifetime: Lifetime): Promise<boolean> {
  return (await db.executeQuery(lock(db, { id, ...boundsOf(lifetime) }))).rows.length > 0;
}

const lock = prepare((db, wanted: Bounds & { id: string }) => {
  const query = liveSessions(db, wanted, hasId(wanted.id)).select("sessions.id");
  // SQLite has no row locks. Its transactions hold the write lock from the beginning.
  return isPostgres(db) ? query.forNoKeyUpdate("users").forUpdate("sessions") : query;
});
