import { migrate } from "../../db/migrate.ts";
import { didYouMean } from "../config/closest-name.ts";
import { OPTIONS } from "../config/options.ts";
import { openKeys } from "../config/secret-keys.ts";
import { generateSecretKey } from "../crypto/keys.ts";
import { openConfiguredDatabase } from "../services.ts";
import { AUDIT_COMMAND } from "./audit.ts";
import { BACKUP_COMMANDS } from "./backup.ts";
import { CHECK_COMMAND } from "./check.ts";
import type { Cli, Command, Input } from "./command.ts";
import { COPY_COMMAND } from "./copy.ts";
import { UsageError } from "./errors.ts";
import { FACTOR_COMMANDS } from "./factors.ts";
import { GROUP_COMMANDS } from "./groups.ts";
import { INVITE_COMMAND } from "./invite.ts";
import { MAIL_COMMAND } from "./mail.ts";
import { SEND_TEST_MAIL_COMMAND } from "./send-test-mail.ts";
import { SERVE_COMMAND } from "./serve.ts";
import { SESSION_COMMANDS } from "./sessions.ts";
import { formatTable } from "./terminal.ts";
import { USER_COMMANDS } from "./users.ts";
import { WORKER_COMMAND } from "./workers.ts";

/** Every command, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  SERVE_COMMAND,
  {
    name: "migrate",
    operand: "",
    options: {},
    about: "Bring the database up to date. serve does so too.",
    run: async ({ config, terminal, now }) => {
      const settings = config();
      const db = await openConfiguredDatabase(settings, true);
      try {
        const applied = await migrate(db);
        await openKeys(settings, db, now);
        terminal.print(applied.length === 0 ? "No migrations to apply." : `Applied ${applied.join(", ")}.`);
      } finally {
        await db.destroy();
      }
    },
  },
  ...USER_COMMANDS,
  ...FACTOR_COMMANDS,
  INVITE_COMMAND,
  ...GROUP_COMMANDS,
  ...SESSION_COMMANDS,
  MAIL_COMMAND,
  SEND_TEST_MAIL_COMMAND,
  AUDIT_COMMAND,
  COPY_COMMAND,
  ...BACKUP_COMMANDS,
  CHECK_COMMAND,
  {
    name: "generate-key",
    operand: "",
    options: {},
    about: "Print a new key for POSTERN_SECRET_KEY.",
    more: "The key is random and stored nowhere. To write it to a file that only you can read: (umask 077; postern generate-key > key)",
    run: async ({ terminal }) => terminal.print(generateSecretKey()),
  },
  {
    name: "help",
    operand: "[COMMAND]",
    options: {},
    about: "Show this list, the help of a command, or with `help settings` the settings.",
    run: async (cli, input) => cli.terminal.print(help(cli, input)),
  },
];

export function findCommand(name: string): Command | undefined {
  return [...COMMANDS, WORKER_COMMAND].find((command) => command.name === name || command.alias === name);
}

/** The error for a command that does not exist. It names the command that was probably meant. */
export function unknownCommand(program: string, typed: string): UsageError {
  const names = COMMANDS.flatMap(({ name, alias }) => (alias === undefined ? [name] : [name, alias]));
  return new UsageError(`There is no command "${typed}".${didYouMean(typed, names)} See: ${program} help`);
}

function help({ program }: Cli, { operand }: Input): string {
  if (operand === null) return overview(program);
  if (operand === "settings") return settings();
  const command = findCommand(operand);
  if (command === undefined) throw unknownCommand(program, operand);
  return commandHelp(program, command);
}

export function commandHelp(program: string, command: Command): string {
  const options = Object.entries(command.options).map(([name, { value, about }]) => [
    `  --${name}${value === undefined ? "" : ` ${value}`}`,
    about,
  ]);
  const usage = ["Usage:", program, command.name, ...(options.length > 0 ? ["[OPTIONS]"] : []), command.operand];
  const lines = [usage.join(" ").trimEnd(), "", command.about, ...(command.more ? ["", command.more] : [])];
  return options.length > 0 ? [...lines, "", formatTable(["Options:", ""], options)].join("\n") : lines.join("\n");
}

function overview(program: string): string {
  const rows = COMMANDS.map(({ name, alias, operand, about }) => [
    `  ${alias === undefined ? name : `${name}, ${alias}`} ${operand}`,
    about,
  ]);
  return [
    `Usage: ${program} [COMMAND] [OPTIONS]`,
    "",
    formatTable(["Commands:", ""], rows),
    "",
    `${program} help COMMAND explains a command. --version prints the version.`,
    "Settings come from the environment and from a file .env in this folder.",
  ].join("\n");
}

function settings(): string {
  const rows = Object.values(OPTIONS).map((option) => [option.name, option.default || "-", option.about]);
  return formatTable(["SETTING", "DEFAULT", "WHAT IT DOES"], rows);
}
