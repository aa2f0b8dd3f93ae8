import type { FactorCounts } from "../../db/factors.ts";
import { findUser, type User, type UserChanges } from "../../db/users.ts";
import { OPERATOR } from "../audit/actor.ts";
import { NEW_ACCOUNT } from "../passwords/password-rules.ts";
import type { Services } from "../services.ts";
import { activate, deactivate, deleteUser } from "../users/activation.ts";
import { changePassword } from "../users/change-password.ts";
import { createUser } from "../users/create-user.ts";
import { editUser } from "../users/edit-user.ts";
import { isAddressOfOther } from "../users/email.ts";
import { USERNAME_IS_ADDRESS, USERNAME_TAKEN, userError } from "../users/user-fields.ts";
import { findTypedUser, normalizeUsername } from "../users/username.ts";
import type { Cli, Command, CommandOption, Input } from "./command.ts";
import { confirm, YES_OPTION } from "./confirm.ts";
import { CommandError, UsageError } from "./errors.ts";
import { printJson, printTable } from "./listing.ts";
import {
  CREATE_GROUP_OPTIONS,
  EDIT_GROUP_OPTIONS,
  hasGroupChanges,
  type ListedUser,
  readUsers,
  requireGroupChanges,
  requireNewGroups,
} from "./memberships.ts";
import { PASSWORD_OPTIONS, requirePassword } from "./password.ts";
import { plural } from "./progress.ts";

const FIELD_OPTIONS = {
  username: { type: "string", value: "USER", about: "The username." },
  email: { type: "string", value: "EMAIL", about: "The email address." },
  "first-name": { type: "string", value: "NAME", about: "The first name." },
  "last-name": { type: "string", value: "NAME", about: "The last name." },
} as const satisfies Record<string, CommandOption>;

const CREATE_OPTIONS = {
  ...FIELD_OPTIONS,
  ...CREATE_GROUP_OPTIONS,
  noinput: {
    type: "boolean",
    about: "Ask nothing. Without --password-stdin, the user has no password and cannot log in until one is set.",
  },
  ...PASSWORD_OPTIONS,
} as const satisfies Record<string, CommandOption>;

export const USER_COMMANDS: Command[] = [
  {
    name: "createuser",
    operand: "[USER]",
    options: {
      ...CREATE_OPTIONS,
      staff: { type: "boolean", about: "Set the flag staff, which applications may read." },
    },
    about: "Create a user.",
    run: (cli, input) => create(cli, input, { isStaff: input.flags.has("staff"), isSuperuser: false }),
  },
  {
    name: "createsuperuser",
    operand: "[USER]",
    options: CREATE_OPTIONS,
    about: "Create a user with the flags staff and superuser, which applications may read.",
    run: (cli, input) => create(cli, input, { isStaff: true, isSuperuser: true }),
  },
  {
    name: "changepassword",
    operand: "USER",
    options: PASSWORD_OPTIONS,
    about: "Set a user's password, and end every session of the user.",
    run: async (cli, input) => {
      const services = await cli.open();
      const user = await requireUser(services, input);
      const password = await requirePassword(cli, input, services, user, "change the password");
      const isChanged = await changePassword(services, OPERATOR, user, password);
      if (!isChanged) throw new CommandError(`There is no user "${user.username}" any more.`);
      cli.terminal.print(`Password of ${user.username} changed. Every session ended.`);
    },
  },
  {
    name: "edituser",
    operand: "USER",
    options: {
      ...FIELD_OPTIONS,
      username: { type: "string", value: "USER", about: "The new username." },
      staff: { type: "boolean", about: "Set the flag staff." },
      "no-staff": { type: "boolean", about: "Clear the flag staff." },
      superuser: { type: "boolean", about: "Set the flag superuser." },
      "no-superuser": { type: "boolean", about: "Clear the flag superuser." },
      ...EDIT_GROUP_OPTIONS,
    },
    about: "Change a user's names, email address, flags or groups.",
    more: "A field without an option stays. An empty text clears a name or the address. Either everything changes or nothing.",
    run: edit,
  },
  {
    name: "activate",
    operand: "USER",
    options: {},
    about: "Allow a user to log in again.",
    run: async (cli, input) => {
      const services = await cli.open();
      const user = await requireUser(services, input);
      const isChanged = await activate(services, OPERATOR, user);
      cli.terminal.print(`${user.username} ${isChanged ? "can log in" : "was already active"}.`);
    },
  },
  {
    name: "deactivate",
    operand: "USER",
    options: {},
    about: "Forbid a user to log in, and end every session of the user.",
    run: async (cli, input) => {
      const services = await cli.open();
      const user = await requireUser(services, input);
      const isChanged = await deactivate(services, OPERATOR, user);
      const result = isChanged ? "can no longer log in. Every session ended" : "was already inactive";
      cli.terminal.print(`${user.username} ${result}.`);
    },
  },
  {
    name: "deleteuser",
    operand: "USER",
    options: YES_OPTION,
    about: "Delete a user with every session, device, link and waiting mail of the user.",
    run: deleteNamed,
  },
  {
    name: "users",
    operand: "",
    options: { json: { type: "boolean", about: "Print JSON." } },
    about: "List the users.",
    run: list,
  },
];

async function create(cli: Cli, input: Input, flags: { isStaff: boolean; isSuperuser: boolean }): Promise<void> {
  const { operand, values } = input;
  if (operand !== null && values["username"] !== undefined) throw new UsageError("The username is given twice.");
  const services = await cli.open({ mayCreate: true });
  const isSilent = input.flags.has("noinput");
  const isAsked = cli.terminal.isInteractive && !isSilent && !input.flags.has("password-stdin");
  const names = {
    username: normalizeUsername(operand ?? values["username"] ?? (await askUsername(cli, isSilent))),
    email: values["email"] ?? (isAsked ? await cli.terminal.ask("Email address: ") : ""),
    firstName: values["first-name"] ?? "",
    lastName: values["last-name"] ?? "",
  };
  // Before a person types a password twice in vain.
  await requireValid(services, names);
  const groups = await requireNewGroups(services.db, input, names.username);
  const hasPassword = !isSilent || input.flags.has("password-stdin");
  const password = hasPassword
    ? await requirePassword(cli, input, services, { ...names, ...NEW_ACCOUNT }, "create user")
    : null;
  const result = await createUser(services, OPERATOR, { ...names, ...flags, password, groups });
  if (typeof result === "string") throw new CommandError(result);
  const { username } = result;
  cli.terminal.print(`${flags.isSuperuser ? "Superuser" : "User"} ${username} created.`);
  if (!hasPassword)
    cli.terminal.remark(`${username} has no password. Set one: ${cli.program} changepassword ${username}`);
}

/** @throws CommandError if a field is not valid, or another user has the username, or has it as the address */
async function requireValid({ db }: Services, names: UserChanges, user?: User): Promise<void> {
  const error = userError(names);
  if (error !== null) throw new CommandError(error);
  if (names.username === undefined || names.username === user?.username) return;
  if ((await findUser(db, names.username)) !== null) throw new CommandError(USERNAME_TAKEN);
  if (await isAddressOfOther(db, names.username, user?.id ?? null)) throw new CommandError(USERNAME_IS_ADDRESS);
}

async function edit(cli: Cli, input: Input): Promise<void> {
  const { username, email, "first-name": firstName, "last-name": lastName } = input.values;
  const changes: UserChanges = {
    username: username === undefined ? undefined : normalizeUsername(username),
    email,
    firstName,
    lastName,
    isStaff: readFlag(input, "staff"),
    isSuperuser: readFlag(input, "superuser"),
  };
  if (Object.values(changes).every((value) => value === undefined) && !hasGroupChanges(input)) {
    throw new UsageError(`Nothing to change is given. See: ${cli.program} help edituser`);
  }
  const services = await cli.open();
  const user = await requireUser(services, input);
  await requireValid(services, changes, user);
  const groups = await requireGroupChanges(services.db, input, user);
  const changed = await editUser(services, OPERATOR, user, changes, groups);
  if (changed === null) {
    throw new CommandError(
      "Another command changed the user, the username or a group meanwhile. Nothing was changed. Try again.",
    );
  }
  cli.terminal.print(`User ${changed.username} changed.`);
}

function readFlag({ flags }: Input, name: string): boolean | undefined {
  const [isSet, isCleared] = [flags.has(name), flags.has(`no-${name}`)];
  if (isSet && isCleared) throw new UsageError(`--${name} and --no-${name} exclude each other.`);
  return isSet || isCleared ? isSet : undefined;
}

async function deleteNamed(cli: Cli, input: Input): Promise<void> {
  const services = await cli.open();
  const user = await requireUser(services, input);
  const question = `This cannot be undone. Type the username (${user.username}) to go on: `;
  await confirm(cli, input, question, (typed) => [typed, normalizeUsername(typed)].includes(user.username));
  await deleteUser(services, OPERATOR, user);
  cli.terminal.print(`${user.username} deleted. Every session ended.`);
}

const HEADINGS = ["USERNAME", "EMAIL", "PROVED", "NAME", "ACTIVE", "ROLE", "JOINED", "LAST LOGIN", "FACTORS", "GROUPS"];

async function list(cli: Cli, input: Input): Promise<void> {
  const { db } = await cli.open();
  const pages = readUsers(db);
  if (input.flags.has("json")) return printJson(cli.terminal, pages, toJson);
  await printTable(cli.terminal, HEADINGS, pages, toRow);
}

function toRow(user: ListedUser): string[] {
  return [
    user.username,
    user.email,
    user.email === "" ? "" : user.emailProvedAt === null ? "no" : "yes",
    `${user.firstName} ${user.lastName}`.trim(),
    user.isActive ? "yes" : "no",
    user.isSuperuser ? "superuser" : user.isStaff ? "staff" : "",
    formatInstant(user.dateJoined),
    user.lastLogin === null ? "never" : formatInstant(user.lastLogin),
    describeFactors(user.factors),
    user.groups.join(","),
  ];
}

/** `totp, 2 passkeys, 10 codes`. */
function describeFactors({ hasTotp, passkeys, recoveryCodes }: FactorCounts): string {
  const parts = [
    hasTotp && "totp",
    passkeys > 0 && plural(passkeys, "passkey"),
    recoveryCodes > 0 && plural(recoveryCodes, "code"),
  ];
  return parts.filter((part) => part !== false).join(", ");
}

function toJson(user: ListedUser): Record<string, unknown> {
  return {
    id: user.id,
    username: user.username,
    email: user.email,
    email_proved_at: user.emailProvedAt === null ? null : new Date(user.emailProvedAt).toISOString(),
    first_name: user.firstName,
    last_name: user.lastName,
    is_active: user.isActive,
    is_staff: user.isStaff,
    is_superuser: user.isSuperuser,
    groups: user.groups,
    second_factors: {
      totp: user.factors.hasTotp,
      passkeys: user.factors.passkeys,
      recovery_codes: user.factors.recoveryCodes,
    },
    date_joined: new Date(user.dateJoined).toISOString(),
    last_login: user.lastLogin === null ? null : new Date(user.lastLogin).toISOString(),
  };
}

/** To the second, UTC: `2026-01-31 12:00:00`. */
export function formatInstant(instant: number): string {
  return new Date(instant).toISOString().slice(0, 19).replace("T", " ");
}

/** @throws CommandError if there is no user of that name */
export async function requireUser({ db }: Pick<Services, "db">, { operand }: Input): Promise<User> {
  const user = operand === null ? null : await findTypedUser(db, operand);
  if (user === null) throw new CommandError(`There is no user "${operand}".`);
  return user;
}

async function askUsername({ terminal }: Cli, isSilent: boolean): Promise<string> {
  if (isSilent) throw new UsageError("--noinput needs a username.");
  if (terminal.isInteractive) return terminal.ask("Username: ");
  throw new UsageError("There is no terminal to ask for the username. Add it to the command.");
}
