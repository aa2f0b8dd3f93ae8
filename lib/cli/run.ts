import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import manifest from "../../package.json" with { type: "json" };
import { didYouMean } from "../config/closest-name.ts";
import type { Config } from "../config/config.ts";
import { parseConfig } from "../config/load.ts";
import type { Output } from "../observability/output.ts";
import type { Argon2Parameters } from "../passwords/hasher.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Services } from "../services.ts";
import { now, openServices } from "../services.ts";
import type { Cli, Command, Input } from "./command.ts";
import { commandHelp, findCommand, unknownCommand } from "./commands.ts";
import { UsageError } from "./errors.ts";
import { explainError } from "./explain-error.ts";
import type { Terminal } from "./terminal.ts";

interface Invocation {
  /** The arguments after the program's name. */
  argv: string[];
  environment: Record<string, string | undefined>;
  program: string;
  terminal: Terminal;
  runtime: Runtime;
  /** The destination of log lines. */
  output: Output;
  /** As of `openServices`. */
  argon2?: Argon2Parameters;
}

/**
 * Runs one command. An error that a person can fix is one sentence on standard error.
 *
 * @returns the exit code: 0; 1 if the command failed; 2 if its arguments are wrong
 */
export async function run(invocation: Invocation): Promise<number> {
  const { argv, environment, program, terminal, runtime, output, argon2 } = invocation;
  const config = () => parseConfig(environment);
  let services: Services | undefined;
  const open: Cli["open"] = async (options) => {
    services = await openServices(config(), output, {
      ...options,
      argon2,
      lowerHashPriority: runtime.lowerHashPriority,
      printMail: terminal.remark,
    });
    return services;
  };
  try {
    await dispatch({ program, terminal, runtime, config, now, open }, argv);
    await terminal.finish();
    return 0;
  } catch (error) {
    // EPIPE: the reader closed the pipe, as `head` does.
    if (error instanceof Error && "code" in error && error.code === "EPIPE") return 0;
    const sentence = explainError(error, databaseUrlOf(config));
    if (sentence === null) throw error;
    terminal.remark(sentence);
    return error instanceof UsageError ? 2 : 1;
  } finally {
    terminal.close();
    await services?.db.destroy();
  }
}

function databaseUrlOf(config: () => Config): string | null {
  try {
    return config().databaseUrl;
  } catch {
    return null; // The caller explains the error in the settings.
  }
}

async function dispatch(cli: Cli, argv: string[]): Promise<void> {
  const [first = "serve", ...rest] = argv;
  if (first === "--version" || first === "-V") return cli.terminal.print(`postern ${manifest.version}`);
  const name = first === "--help" || first === "-h" ? "help" : first;
  const command = findCommand(name);
  if (command === undefined) throw unknownCommand(cli.program, name);
  if (rest.includes("--help") || rest.includes("-h")) return cli.terminal.print(commandHelp(cli.program, command));
  await command.run(cli, parseInput(cli, command, rest));
}

function parseInput({ program }: Cli, command: Command, args: string[]): Input {
  const usage = `See: ${program} help ${command.name}`;
  const { positionals, values } = parse(command, args, usage);
  const [operand = null, ...more] = positionals;
  const takes = command.operand === "" ? 0 : 1;
  if (more.length > 0 || positionals.length > takes) throw new UsageError(`Too many arguments. ${usage}`);
  if (command.operand === "USER" && operand === null) throw new UsageError(`The username is missing. ${usage}`);
  if (command.operand === "NAME" && operand === null) throw new UsageError(`The name is missing. ${usage}`);
  if (command.operand === "ADDRESS" && operand === null) throw new UsageError(`The address is missing. ${usage}`);
  if (command.operand === "FILE" && operand === null) throw new UsageError(`The file is missing. ${usage}`);
  const entries = Object.entries(values);
  return {
    operand,
    flags: new Set(entries.filter(([, value]) => value === true).map(([name]) => name)),
    values: Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === "string")),
    lists: Object.fromEntries(
      entries.flatMap(([name, value]) => (Array.isArray(value) ? [[name, value.map(String)]] : [])),
    ),
  };
}

function parse(command: Command, args: string[], usage: string) {
  const options: ParseArgsOptionsConfig = command.options;
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message.split(/[.\n]/, 1)[0] : String(error);
    const [, typed] = /^Unknown option '--([\w-]+)/.exec(reason ?? "") ?? [];
    const names = Object.keys(options).map((name) => `--${name}`);
    throw new UsageError(`${reason}.${typed === undefined ? "" : didYouMean(`--${typed}`, names, "--")} ${usage}`);
  }
}
