import { findUser, listUsers, type User } from "../../db/users.ts";
import { OPERATOR } from "../audit/actor.ts";
import { activate, deactivate, deleteUser } from "../users/activation.ts";
import { changePassword } from "../users/change-password.ts";
import { createUser, type UserInput } from "../users/create-user.ts";
import { userError } from "../users/user-fields.ts";
import { findTypedUser, normalizeUsername } from "../users/username.ts";
import type { Cli, Command, CommandOption, Input } from "./command.ts";
import { CommandError, UsageError } from "./errors.ts";
import { printJson, printTable, readPages } from "./listing.ts";
import { PASSWORD_OPTIONS, requirePassword } from "./password.ts";

const NAME_OPTIONS = {
  username: { type: "string", value: "USER", about: "The username, as Django's createsuperuser takes it." },
  email: { type: "string", value: "EMAIL", about: "The e-mail address." },
  "first-name": { type: "string", value: "NAME", about: "The first name." },
  "last-name": { type: "string", value: "NAME", about: "The last name." },
  ...PASSWORD_OPTIONS,
} as const satisfies Record<string, CommandOption>;

export const USER_COMMANDS: Command[] = [
  {
    name: "createuser",
    operand: "[USER]",
    options: {
      ...NAME_OPTIONS,
      staff: { type: "boolean", about: "Mark the user as staff, for the applications that ask." },
    },
    about: "Make a user.",
    run: (cli, input) => create(cli, input, { isStaff: input.flags.has("staff"), isSuperuser: false }),
  },
  {
    name: "createsuperuser",
    operand: "[USER]",
    options: NAME_OPTIONS,
    about: "Make a user who is marked as staff and superuser, for the applications that ask.",
    run: (cli, input) => create(cli, input, { isStaff: true, isSuperuser: true }),
  },
  {
    name: "changepassword",
    operand: "USER",
    options: PASSWORD_OPTIONS,
    about: "Set a user's password and end every session of theirs.",
    run: async (cli, input) => {
      const services = await cli.open();
      const user = await requireUser(services, input);
      const password = await requirePassword(cli, input, services, user, "change the password");
      const isChanged = await changePassword(services, OPERATOR, user, password);
      if (!isChanged) throw new CommandError(`There is no user "${user.username}" any more.`);
      cli.terminal.print(`Password of ${user.username} changed, every session ended.`);
    },
  },
  {
    name: "activate",
    operand: "USER",
    options: {},
    about: "Let a user log in again.",
    run: async (cli, input) => {
      const services = await cli.open();
      const user = await requireUser(services, input);
      const isChanged = await activate(services, OPERATOR, user);
      cli.terminal.print(`${user.username} ${isChanged ? "may log in" : "was active already"}.`);
    },
  },
  {
    name: "deactivate",
    operand: "USER",
    options: {},
    about: "Shut a user out: no login, every session ended.",
    run: async (cli, input) => {
      const services = await cli.open();
      const user = await requireUser(services, input);
      const isChanged = await deactivate(services, OPERATOR, user);
      const result = isChanged ? "may not log in any more, every session ended" : "was inactive already";
      cli.terminal.print(`${user.username} ${result}.`);
    },
  },
  {
    name: "deleteuser",
    operand: "USER",
    options: { yes: { type: "boolean", about: "Do not ask for confirmation." } },
    about: "Delete a user and every session of theirs.",
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

async function create(cli: Cli, input: Input, role: { isStaff: boolean; isSuperuser: boolean }): Promise<void> {
  const { operand, values } = input;
  if (operand !== null && values["username"] !== undefined) throw new UsageError("The username is named twice.");
  const services = await cli.open({ mayCreate: true });
  const isAsked = cli.terminal.isInteractive && !input.flags.has("password-stdin");
  const details = {
    username: normalizeUsername(operand ?? values["username"] ?? (await askFor(cli, "Username: ", "a username"))),
    email: values["email"] ?? (isAsked ? await cli.terminal.ask("Email address: ") : ""),
    firstName: values["first-name"] ?? "",
    lastName: values["last-name"] ?? "",
    ...role,
  };
  // Before anybody types a password twice for nothing.
  const mistake =
    userError(details) ?? ((await findUser(services.db, details.username)) ? "That username is already taken." : null);
  if (mistake !== null) throw new CommandError(mistake);
  const password = await requirePassword(cli, input, services, details, "create user");
  const user: UserInput = { ...details, password };
  const result = await createUser(services, OPERATOR, user);
  if (typeof result === "string") throw new CommandError(result);
  cli.terminal.print(`${role.isSuperuser ? "Superuser" : "User"} ${result.username} created.`);
}

async function deleteNamed(cli: Cli, input: Input): Promise<void> {
  const services = await cli.open();
  const user = await requireUser(services, input);
  if (!input.flags.has("yes")) {
    if (!cli.terminal.isInteractive) throw new UsageError("Nobody is there to confirm: add --yes.");
    const typed = await cli.terminal.ask(`This cannot be undone. Type the username (${user.username}) to go on: `);
    if (typed !== user.username && normalizeUsername(typed) !== user.username)
      throw new CommandError("Not confirmed: nothing was changed.");
  }
  await deleteUser(services, OPERATOR, user);
  cli.terminal.print(`${user.username} deleted, every session ended.`);
}

const HEADINGS = ["USERNAME", "EMAIL", "NAME", "ACTIVE", "ROLE", "JOINED", "LAST LOGIN"];

async function list(cli: Cli, input: Input): Promise<void> {
  const { db } = await cli.open();
  const pages = readPages<User>((last, limit) => listUsers(db, { after: last?.username ?? null, limit }));
  if (input.flags.has("json")) return printJson(cli.terminal, pages, toJson);
  await printTable(cli.terminal, HEADINGS, pages, toRow);
}

function toRow(user: User): string[] {
  return [
    user.username,
    user.email,
    `${user.firstName} ${user.lastName}`.trim(),
    user.isActive ? "yes" : "no",
    user.isSuperuser ? "superuser" : user.isStaff ? "staff" : "",
    formatInstant(user.dateJoined),
    user.lastLogin === null ? "never" : formatInstant(user.lastLogin),
  ];
}

function toJson(user: User): Record<string, unknown> {
  return {
    id: user.id,
    username: user.username,
    email: user.email,
    first_name: user.firstName,
    last_name: user.lastName,
    is_active: user.isActive,
    is_staff: user.isStaff,
    is_superuser: user.isSuperuser,
    date_joined: new Date(user.dateJoined).toISOString(),
    last_login: user.lastLogin === null ? null : new Date(user.lastLogin).toISOString(),
  };
}

/** To the second, UTC: `2026-01-31 12:00:00`. */
export function formatInstant(instant: number): string {
  return new Date(instant).toISOString().slice(0, 19).replace("T", " ");
}

/** The user whom the operand names. */
export async function requireUser({ db }: { db: Parameters<typeof findUser>[0] }, { operand }: Input): Promise<User> {
  const user = operand === null ? null : await findTypedUser(db, operand);
  if (user === null) throw new CommandError(`There is no user "${operand}".`);
  return user;
}

async function askFor({ terminal }: Cli, question: string, what: string): Promise<string> {
  if (!terminal.isInteractive)
    throw new UsageError(`Nobody is there to be asked for ${what}: name it on the command line.`);
  return terminal.ask(question);
}
