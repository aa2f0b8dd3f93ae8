import { sql } from "kysely";
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

/** How many sessions a user has, live or not, and no more than were counted. */
export interface SessionCount {
  userId: number;
  count: number;
}

/**
 * Counts the sessions of some users, in the order of their ids. Reads no row of a session, and of each user no more
 * entries of the index than `upTo`.
 *
 * @param afterId of the last user that was counted, null for the first call
 */
export async function countSessionsOfUsers(
  db: Db,
  { afterId, upTo, limit }: { afterId: number | null; upTo: number; limit: number },
): Promise<SessionCount[]> {
  const sessions = db.selectFrom("sessions").select(sql`1`.as("one"));
  const counted = sessions.where("sessions.user_id", "=", sql.ref<number>("users.id")).limit(upTo).as("counted");
  let users = db
    .selectFrom("users")
    .select("id as userId")
    .select((row) =>
      row
        .selectFrom(counted)
        .select(({ fn }) => fn.countAll<number>().as("count"))
        .as("count"),
    );
  if (afterId !== null) users = users.where("id", ">", afterId);
  const rows = await users.orderBy("id").limit(limit).execute();
  return rows.map(({ userId, count }) => ({ userId, count: count ?? 0 }));
}
