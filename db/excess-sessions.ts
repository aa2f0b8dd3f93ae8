import type { Db } from "./open.ts";
import { prepare } from "./prepared.ts";
import { type Bounds, boundsOf, isLive, type Lifetime } from "./sessions.ts";

// A user has at most so many live sessions as a setting says. More of them are rows of an older version, or of a higher
// limit. No statement here reads or deletes more of them than it is told: 100,000 at once stop the process for seconds.

/** Which sessions of a user stay, and how many of the others are deleted at once. */
interface Excess {
  /** The last used ones stay: so many. */
  keep: number;
  limit: number;
}

/** Deletes live sessions of a user: the least recently used ones that exceed `keep`. @returns how many there were */
export async function deleteExcessSessions(
  db: Db,
  userId: number,
  lifetime: Lifetime,
  { keep, limit }: Excess,
): Promise<number> {
  const statement = deleteExcess(db, { userId, keep, limit, ...boundsOf(lifetime) });
  return Number((await db.executeQuery(statement)).numAffectedRows ?? 0n);
}

const deleteExcess = prepare((db, wanted: Bounds & Excess & { userId: number }) =>
  db
    .deleteFrom("sessions")
    .where("id", "in", byLastUse(db, wanted.userId).where(isLive(wanted)).offset(wanted.keep).limit(wanted.limit)),
);

function byLastUse(db: Db, userId: number) {
  const ids = db.selectFrom("sessions").select("id").where("user_id", "=", userId);
  return ids.orderBy("last_seen_at", "desc").orderBy("id", "desc");
}

/** Deletes sessions of a user, live or not, that exceed `keep` others. @returns how many there were */
export async function deleteSessionsBeyond(
  db: Db,
  userId: number,
  exceptId: string | null,
  { keep, limit }: Excess,
): Promise<number> {
  let ids = byLastUse(db, userId);
  if (exceptId !== null) ids = ids.where("id", "!=", exceptId);
  const beyond = ids.offset(keep).limit(limit);
  return Number((await db.deleteFrom("sessions").where("id", "in", beyond).executeTakeFirst()).numDeletedRows);
}

/** Whether a user has more sessions than `count`, live or not. */
export async function hasMoreSessions(db: Db, userId: number, count: number): Promise<boolean> {
  return (await byLastUse(db, userId).offset(count).limit(1).executeTakeFirst()) !== undefined;
}

/** The greatest `integer` of Postgres: it refuses to compare one with more. SQLite has greater ids. */
const MAX_INTEGER = 2 ** 31 - 1;

/** Some users who have more sessions than they may, and where to look for the next ones. */
export interface SessionOwners {
  userIds: number[];
  /** Null if all users were looked at. */
  lastId: number | null;
}

/**
 * Finds users with more than `count` sessions, live or not, among the next `span` ids of users. Reads an index alone.
 *
 * @param afterId the last id that was looked at, null for the first call
 */
export async function findOwnersOfMore(
  db: Db,
  { afterId, count, span }: { afterId: number | null; count: number; span: number },
): Promise<SessionOwners> {
  let owners = db.selectFrom("sessions").select("user_id").orderBy("user_id").limit(1);
  if (afterId !== null) owners = owners.where("user_id", ">", afterId);
  const first = await owners.executeTakeFirst();
  if (first === undefined) return { userIds: [], lastId: null };
  const lastId = Math.max(first.user_id, Math.min(first.user_id + span - 1, MAX_INTEGER));
  const rows = await db
    .selectFrom("sessions")
    .select("user_id")
    .where("user_id", ">=", first.user_id)
    .where("user_id", "<=", lastId)
    .groupBy("user_id")
    .having(({ fn }) => fn.countAll(), ">", count)
    .execute();
  return { userIds: rows.map((row) => row.user_id), lastId };
}
