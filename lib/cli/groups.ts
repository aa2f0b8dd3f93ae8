import { type CountedGroup, listGroups } from "../../db/groups.ts";
import { OPERATOR } from "../audit/actor.ts";
import { createGroup, deleteGroup } from "../users/groups.ts";
import { normalizeUsername } from "../users/username.ts";
import type { Cli, Command, Input } from "./command.ts";
import { confirm, YES_OPTION } from "./confirm.ts";
import { CommandError } from "./errors.ts";
import { printJson, printTable, readPages } from "./listing.ts";
import { requireGroup } from "./memberships.ts";
import { plural } from "./progress.ts";
import { formatInstant } from "./users.ts";

export const GROUP_COMMANDS: Command[] = [
  {
    name: "groups",
    operand: "",
    options: { json: { type: "boolean", about: "Print JSON." } },
    about: "List the groups with their numbers of members.",
    run: list,
  },
  {
    name: "addgroup",
    operand: "NAME",
    options: {},
    about: "Create a group, which applications may read.",
    more: "The name follows the rules for usernames. edituser USER --add-group NAME adds a user to the group.",
    run: async (cli, { operand }) => {
      const services = await cli.open();
      const group = await createGroup(services, OPERATOR, operand ?? "");
      if (typeof group === "string") throw new CommandError(group);
      cli.terminal.print(`Group ${group.name} created.`);
    },
  },
  {
    name: "deletegroup",
    operand: "NAME",
    options: YES_OPTION,
    about: "Delete a group. Its members stay users.",
    run: deleteNamed,
  },
];

async function deleteNamed(cli: Cli, input: Input): Promise<void> {
  const services = await cli.open();
  const group = await requireGroup(services.db, input.operand ?? "");
  const question = `This cannot be undone. Type the name of the group (${group.name}) to go on: `;
  await confirm(cli, input, question, (typed) => normalizeUsername(typed) === group.name);
  const members = await deleteGroup(services, OPERATOR, group);
  if (members === null) throw new CommandError(`There is no group "${group.name}" any more.`);
  cli.terminal.print(`Group ${group.name} deleted. It had ${plural(members, "member")}.`);
}

const HEADINGS = ["NAME", "MEMBERS", "CREATED"];

async function list(cli: Cli, input: Input): Promise<void> {
  const { db } = await cli.open();
  const pages = readPages<CountedGroup>((last, limit) => listGroups(db, { after: last?.name ?? null, limit }));
  if (input.flags.has("json")) return printJson(cli.terminal, pages, toJson);
  await printTable(cli.terminal, HEADINGS, pages, (group) => [
    group.name,
    String(group.members),
    formatInstant(group.createdAt),
  ]);
}

function toJson({ id, name, members, createdAt }: CountedGroup): Record<string, unknown> {
  return { id, name, members, created_at: new Date(createdAt).toISOString() };
}
