import { setImmediate } from "node:timers/promises";
import { countTable } from "../../db/count.ts";
import {
  addMember,
  deleteEmptyGroup,
  findGroup,
  type Group,
  insertGroup,
  listGroupsOf,
  lockGroups,
  lockMembers,
  lockNewGroups,
  removeMember,
  removeMembers,
} from "../../db/groups.ts";
import type { Db, TransactionDb } from "../../db/open.ts";
import type { User } from "../../db/users.ts";
import { type Actor, groupSubject, userSubject } from "../audit/actor.ts";
import { type Deed, recordBy } from "../audit/audit-log.ts";
import type { Services } from "../services.ts";
import { authorizedTransaction } from "../session/authorized.ts";
import { isUsername, MAX_NAME_CHARACTERS } from "./user-fields.ts";
import { normalizeUsername } from "./username.ts";

/** So few that one query reads all of them. */
export const MAX_GROUPS = 1000;

/** A header of a request behind a proxy names all of them. */
export const MAX_GROUPS_OF_USER = 100;

type Needs = Pick<Services, "db" | "config" | "keys" | "now">;

/** The groups that a user joins and leaves; none is in both. */
export interface GroupChanges {
  add: readonly Group[];
  remove: readonly Group[];
}

/** The name follows the rules for usernames. @param name in NFKC @returns what is wrong with it; null if it is valid */
function groupNameError(name: string): string | null {
  const { length } = [...name];
  if (length > MAX_NAME_CHARACTERS) {
    return `The name of a group has at most ${MAX_NAME_CHARACTERS} characters (this one has ${length}).`;
  }
  if (isUsername(name)) return null;
  return "Enter a valid name for the group. It has only letters, numbers, and @/./+/-/_ characters.";
}

/** @param typed any text, also a name that is not in NFKC @returns null if no group has the name */
export async function findTypedGroup(db: Db, typed: string): Promise<Group | null> {
  const name = normalizeUsername(typed);
  // Postgres takes no text with a NUL.
  return groupNameError(name) === null ? findGroup(db, name) : null;
}

/**
 * Creates a group without members. Its name is stored in NFKC.
 *
 * @returns the group, or the sentence that says what is wrong
 * @throws Problem not_authenticated as `authorizedTransaction`
 */
export async function createGroup(services: Needs, by: Actor, typed: string): Promise<Group | string> {
  const name = normalizeUsername(typed);
  const error = groupNameError(name);
  if (error !== null) return error;
  return authorizedTransaction(services, by, async (db) => {
    await lockNewGroups(db);
    if ((await countTable(db, "groups")) >= MAX_GROUPS)
      return `There are ${MAX_GROUPS} groups, and no more are allowed.`;
    const group = await insertGroup(db, { name, createdAt: services.now() });
    if (group === null) return `There is a group "${name}" already.`;
    await recordBy(db, services, by, { kind: "group_made", subject: groupSubject(group), detail: name });
    return group;
  });
}

/** Members whose events one transaction writes. It delays other requests by some 10 ms. */
const MEMBERS_AT_ONCE = 50;

/**
 * Deletes a group. Every member leaves it first, with an event of its own, a batch of members in each transaction. If
 * this is interrupted, the group is left with fewer members, and can be deleted again.
 *
 * @returns the number of members that left; null if the group was deleted already
 * @throws Problem not_authenticated as `authorizedTransaction`
 */
export async function deleteGroup(services: Needs, by: Actor, group: Group): Promise<number | null> {
  for (let total = 0; ; ) {
    const { count, state } = await authorizedTransaction(services, by, (db) => deleteSome(db, services, by, group));
    total += count;
    if (state !== "left") return state === "deleted" ? total : null;
    await setImmediate();
  }
}

/** @returns how many members left, and whether the group is left */
async function deleteSome(
  db: TransactionDb,
  services: Needs,
  by: Actor,
  group: Group,
): Promise<{ count: number; state: "left" | "deleted" | "unknown" }> {
  if (!(await lockMembers(db, group.id))) return { count: 0, state: "unknown" };
  const userIds = await removeMembers(db, group.id, MEMBERS_AT_ONCE);
  const isDeleted = await deleteEmptyGroup(db, group.id);
  const deeds = userIds.map((id) => memberDeed("removed_from_group", { id }, group));
  const last = { kind: "group_deleted", subject: groupSubject(group), detail: group.name } as const;
  await recordBy(db, services, by, ...deeds, ...(isDeleted ? [last] : []));
  return { count: userIds.length, state: isDeleted ? "deleted" : "left" };
}

/** The sentence if a user would be in too many groups, else null. @param before the groups of the user now */
export function groupLimitError(
  username: string,
  before: readonly Group[],
  { add, remove }: GroupChanges,
): string | null {
  const ids = new Set([...before, ...add].map(({ id }) => id));
  for (const { id } of remove) ids.delete(id);
  if (ids.size <= Math.max(MAX_GROUPS_OF_USER, before.length)) return null;
  return `${username} would be in ${ids.size} groups. A user can be in at most ${MAX_GROUPS_OF_USER}.`;
}

/**
 * Whether a user can join and leave groups. Until the transaction ends, none of the groups is deleted. Call it after
 * `lockUser`.
 */
export async function canChangeGroups(db: TransactionDb, user: User, changes: GroupChanges): Promise<boolean> {
  if (changes.add.length === 0) return true;
  const hasAll = await lockAll(db, changes.add);
  return hasAll && groupLimitError(user.username, await listGroupsOf(db, user.id), changes) === null;
}

/** Until the transaction ends, none of the groups is deleted. @returns false if one of them was */
export async function lockAll(db: TransactionDb, groups: readonly Group[]): Promise<boolean> {
  const ids = new Set(groups.map(({ id }) => id));
  return (await lockGroups(db, [...ids])).length === ids.size;
}

/** Call it after `canChangeGroups` or `lockAll`. @returns the events to record, without those of groups that stay */
export async function changeGroups(
  db: TransactionDb,
  user: Pick<User, "id">,
  { add, remove }: GroupChanges,
): Promise<Omit<Deed, "actor">[]> {
  const deeds: Omit<Deed, "actor">[] = [];
  for (const group of add) {
    if (await addMember(db, user.id, group.id)) deeds.push(memberDeed("added_to_group", user, group));
  }
  for (const group of remove) {
    if (await removeMember(db, user.id, group.id)) deeds.push(memberDeed("removed_from_group", user, group));
  }
  return deeds;
}

function memberDeed(
  kind: "added_to_group" | "removed_from_group",
  user: Pick<User, "id">,
  { name }: Group,
): Omit<Deed, "actor"> {
  return { kind, subject: userSubject(user), detail: name };
}
