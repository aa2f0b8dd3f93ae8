import { type RawBuilder, sql } from "kysely";
import { isPostgres } from "./columns.ts";
import type { Db, TransactionDb } from "./open.ts";
import type { Instant } from "./schema.ts";

export interface Group {
  id: number;
  name: string;
  createdAt: Instant;
}

export interface CountedGroup extends Group {
  /** The number of users in the group, inactive ones included. */
  members: number;
}

const COLUMNS = ["groups.id", "groups.name", "groups.created_at as createdAt"] as const;

/** @returns null if the name is taken */
export async function insertGroup(db: Db, { name, createdAt }: Omit<Group, "id">): Promise<Group | null> {
  const group = await db
    .insertInto("groups")
    .values({ name, created_at: createdAt })
    .onConflict((conflict) => conflict.column("name").doNothing())
    .returning(COLUMNS)
    .executeTakeFirst();
  return group ?? null;
}

/** @param name in NFKC, compared byte by byte */
export async function findGroup(db: Db, name: string): Promise<Group | null> {
  return (await db.selectFrom("groups").select(COLUMNS).where("name", "=", name).executeTakeFirst()) ?? null;
}

export interface GroupPage {
  /** The last name of the page before; null for the first page. */
  after: string | null;
  limit: number;
}

/** By name. */
export async function listGroups(db: Db, { after, limit }: GroupPage): Promise<CountedGroup[]> {
  let groups = db
    .selectFrom("groups")
    .select(COLUMNS)
    .select((group) =>
      group
        .selectFrom("user_groups")
        .select(({ fn }) => fn.countAll().as("count"))
        .whereRef("user_groups.group_id", "=", "groups.id")
        .as("members"),
    );
  if (after !== null) groups = groups.where("name", ">", after);
  const rows = await groups.orderBy("name").limit(limit).execute();
  return rows.map((row) => ({ ...row, members: Number(row.members) }));
}

/** Until the transaction ends, other transactions insert no group: the count of the groups stays. */
export async function lockNewGroups(db: TransactionDb): Promise<void> {
  // SQLite's transactions hold the write lock from the beginning.
  if (isPostgres(db)) await sql`lock table groups in share row exclusive mode`.execute(db);
}

/**
 * Until the transaction ends, the groups are not deleted.
 *
 * @returns the ids of those that exist
 */
export async function lockGroups(db: TransactionDb, ids: readonly number[]): Promise<number[]> {
  if (ids.length === 0) return [];
  const query = db.selectFrom("groups").select("id").where("id", "in", ids).orderBy("id");
  return (await (isPostgres(db) ? query.forKeyShare() : query).execute()).map(({ id }) => id);
}

/** Until the transaction ends, none of these groups is deleted. @returns those that exist */
export async function lockGroupsNamed(db: TransactionDb, names: readonly string[]): Promise<Group[]> {
  if (names.length === 0) return [];
  const query = db.selectFrom("groups").select(COLUMNS).where("name", "in", names).orderBy("id");
  return (isPostgres(db) ? query.forKeyShare() : query).execute();
}

/** Until the transaction ends, no user becomes a member of the group. @returns false if the group was deleted */
export async function lockMembers(db: TransactionDb, groupId: number): Promise<boolean> {
  const query = db.selectFrom("groups").select("id").where("id", "=", groupId);
  return (await (isPostgres(db) ? query.forUpdate() : query).executeTakeFirst()) !== undefined;
}

/** @returns false if the group is unknown or has members: nothing is deleted then */
export async function deleteEmptyGroup(db: Db, groupId: number): Promise<boolean> {
  const members = db.selectFrom("user_groups").select("user_id").where("group_id", "=", groupId);
  const groups = db.deleteFrom("groups").where("id", "=", groupId);
  const result = await groups.where(({ exists, not }) => not(exists(members))).executeTakeFirst();
  return result.numDeletedRows === 1n;
}

/**
 * @returns false if the user is a member already
 * @throws Error of the driver if the user or the group does not exist: `lockUser` and `lockGroups` prevent it
 */
export async function addMember(db: TransactionDb, userId: number, groupId: number): Promise<boolean> {
  const result = await db
    .insertInto("user_groups")
    .values({ user_id: userId, group_id: groupId })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return result.numInsertedOrUpdatedRows === 1n;
}

/** @returns false if the user is not a member */
export async function removeMember(db: Db, userId: number, groupId: number): Promise<boolean> {
  const members = db.deleteFrom("user_groups").where("user_id", "=", userId).where("group_id", "=", groupId);
  return (await members.executeTakeFirst()).numDeletedRows === 1n;
}

/** Removes at most `limit` users from a group. @returns their ids */
export async function removeMembers(db: Db, groupId: number, limit: number): Promise<number[]> {
  const some = db.selectFrom("user_groups").select("user_id").where("group_id", "=", groupId);
  const removed = await db
    .deleteFrom("user_groups")
    .where("group_id", "=", groupId)
    .where("user_id", "in", some.orderBy("user_id").limit(limit))
    .returning("user_id")
    .execute();
  return removed.map((row) => row.user_id);
}

/** The groups of a user, by name. */
export function listGroupsOf(db: Db, userId: number): Promise<Group[]> {
  return db
    .selectFrom("user_groups")
    .innerJoin("groups", "groups.id", "user_groups.group_id")
    .select(COLUMNS)
    .where("user_groups.user_id", "=", userId)
    .orderBy("groups.name")
    .execute();
}

/** The names of a user's groups, sorted by their bytes in UTF-8. */
export async function listGroupNames(db: Db, userId: number): Promise<string[]> {
  return (await listGroupsOf(db, userId)).map(({ name }) => name);
}

/** As `listGroupNames` for several users, by user id; users without groups are left out. */
export async function findGroupNames(db: Db, userIds: readonly number[]): Promise<ReadonlyMap<number, string[]>> {
  if (userIds.length === 0) return new Map();
  const rows = await db
    .selectFrom("user_groups")
    .innerJoin("groups", "groups.id", "user_groups.group_id")
    .select(["user_groups.user_id as userId", "groups.name"])
    .where("user_groups.user_id", "in", userIds)
    .orderBy("groups.name")
    .execute();
  const byUser = Map.groupBy(rows, ({ userId }) => userId);
  return new Map([...byUser].map(([userId, groups]) => [userId, groups.map(({ name }) => name)]));
}

/**
 * A column for a query on `users`: the names as `listGroupNames` gives them, joined by commas; empty without groups. No
 * name has a comma. Use it as `.select(groupNames(db).as("group_names"))`.
 */
export function groupNames(db: Pick<Db, "getExecutor">): RawBuilder<string> {
  const names = sql`
    select groups.name from user_groups join groups on groups.id = user_groups.group_id
    where user_groups.user_id = users.id`;
  if (isPostgres(db)) {
    return sql<string>`(select coalesce(string_agg(name, ',' order by name), '') from (${names}) as names)`;
  }
  // The aggregate takes `order by` since SQLite 3.44, and macOS has older ones. An aggregate reads the rows of an ordered
  // subquery in their order: rule 16 at `flattenSubquery` in SQLite's select.c.
  return sql<string>`(select coalesce(group_concat(name, ','), '') from (${names} order by groups.name) as names)`;
}
