import { type FactorCounts, summarizeFactorsOf } from "../../db/factors.ts";
import { findGroupNames, type Group, listGroups, listGroupsOf } from "../../db/groups.ts";
import type { Db } from "../../db/open.ts";
import { listUsers, type User } from "../../db/users.ts";
import { didYouMean } from "../config/closest-name.ts";
import { findTypedGroup, type GroupChanges, groupLimitError, MAX_GROUPS } from "../users/groups.ts";
import type { CommandOption, Input } from "./command.ts";
import { CommandError, UsageError } from "./errors.ts";
import { readPages } from "./listing.ts";

/** For a command that creates a user. */
export const CREATE_GROUP_OPTIONS = {
  group: { type: "string", multiple: true, value: "NAME", about: "Add the user to a group. Can be repeated." },
} as const satisfies Record<string, CommandOption>;

/** For a command that changes a user. */
export const EDIT_GROUP_OPTIONS = {
  "add-group": { type: "string", multiple: true, value: "NAME", about: "Add the user to a group. Can be repeated." },
  "remove-group": {
    type: "string",
    multiple: true,
    value: "NAME",
    about: "Remove the user from a group. Can be repeated.",
  },
} as const satisfies Record<string, CommandOption>;

/** @throws CommandError if there is no group of that name */
export async function requireGroup(db: Db, name: string): Promise<Group> {
  const group = await findTypedGroup(db, name);
  if (group !== null) return group;
  const groups = await listGroups(db, { after: null, limit: MAX_GROUPS });
  const known = groups.map((one) => one.name);
  throw new CommandError(`There is no group "${name}".${didYouMean(name, known)}`);
}

/**
 * The groups that an option names, each once.
 *
 * @throws CommandError if one of them does not exist
 */
async function requireGroups(db: Db, { lists }: Input, option: string): Promise<Group[]> {
  const groups = new Map<number, Group>();
  for (const name of new Set(lists[option])) {
    const group = await requireGroup(db, name);
    groups.set(group.id, group);
  }
  return [...groups.values()];
}

/** @throws CommandError if a group does not exist, or if there are too many */
export async function requireNewGroups(db: Db, input: Input, username: string): Promise<Group[]> {
  const groups = await requireGroups(db, input, "group");
  requireLimit(username, [], { add: groups, remove: [] });
  return groups;
}

export function hasGroupChanges({ lists }: Input): boolean {
  return Object.keys(EDIT_GROUP_OPTIONS).some((option) => lists[option] !== undefined);
}

/**
 * @throws CommandError if a group does not exist, or if the user would be in too many; UsageError if both options name
 *   one group
 */
export async function requireGroupChanges(db: Db, input: Input, user: User): Promise<GroupChanges> {
  const changes = {
    add: await requireGroups(db, input, "add-group"),
    remove: await requireGroups(db, input, "remove-group"),
  };
  const both = changes.add.find(({ id }) => changes.remove.some((group) => group.id === id));
  if (both !== undefined) throw new UsageError(`--add-group and --remove-group both have the group ${both.name}.`);
  requireLimit(user.username, await listGroupsOf(db, user.id), changes);
  return changes;
}

function requireLimit(username: string, before: readonly Group[], changes: GroupChanges): void {
  const error = groupLimitError(username, before, changes);
  if (error !== null) throw new CommandError(error);
}

export interface ListedUser extends User {
  /** Their names, sorted. */
  groups: readonly string[];
  factors: FactorCounts;
}

const NO_FACTORS: FactorCounts = { hasTotp: false, passkeys: 0, recoveryCodes: 0 };

/** Every user with groups and second factors, a page at a time, with five queries for each page. */
export function readUsers(db: Db): AsyncGenerator<ListedUser[]> {
  return readPages<ListedUser>(async (last, limit) => {
    const users = await listUsers(db, { after: last?.username ?? null, limit });
    const ids = users.map(({ id }) => id);
    const [names, factors] = [await findGroupNames(db, ids), await summarizeFactorsOf(db, ids)];
    return users.map((user) => ({
      ...user,
      groups: names.get(user.id) ?? [],
      factors: factors.get(user.id) ?? NO_FACTORS,
    }));
  });
}
