import type { Db } from "./open.ts";
import { prepare } from "./prepared.ts";
import { type Bounds, boundsOf, isLive, type Lifetime } from "./sessions.ts";

// A setting limits the live sessions of a user. There can be more after an upgrade or if the limit was lowered. Each
// statement has a limit too: to delete 100,000 rows in one statement would block the process for seconds.

interface Excess {
  /** The number of last used sessions that stay. */
  keep: number;
  /** Maximum number of rows that one call deletes. */
  limit: number;
}

/** Deletes the least recently used live sessions of a user that exceed `keep`. @returns their number */
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

/** Deletes sessions of a user, live or ended, that exceed `keep`; `exceptId` stays too. @returns their number */
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

/** Counts live and ended sessions. */
export async function hasMoreSessions(db: Db, userId: number, count: number): Promise<boolean> {
  return (await byLastUse(db, userId).offset(count).limit(1).executeTakeFirst()) !== undefined;
}

/** The greatest `integer` of Postgres. A comparison with a greater parameter is an error there; SQLite has greater ids. */
const MAX_INTEGER = 2 ** 31 - 1;

export interface SessionOwners {
  userIds: number[];
  /** The `afterId` of the next call; null after the last user. */
  lastId: number | null;
}

/**
 * Finds users with more than `count` sessions, live or ended, among the next `span` user ids. Reads only an index.
 *
 * @param afterId null for the first call
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
