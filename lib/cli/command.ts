import type { ParseArgsOptionDescriptor } from "node:util";
import type { Config } from "../config/config.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Services } from "../services.ts";
import type { Terminal } from "./terminal.ts";

/** A command of the command line. */
export interface Command {
  name: string;
  /** A second name. */
  alias?: string;
  /** The operand in the usage. In brackets, it is optional. */
  operand: "" | "USER" | "[USER]" | "NAME" | "ADDRESS" | "[COMMAND]" | "FILE";
  options: Record<string, CommandOption>;
  about: string;
  /** Further text of its own help. */
  more?: string;
  run: (cli: Cli, input: Input) => Promise<void>;
}

export type CommandOption = ParseArgsOptionDescriptor & {
  /** The name of its value in the usage, if it takes one. */
  value?: string;
  about: string;
};

/** The parsed arguments of a command. */
export interface Input {
  operand: string | null;
  flags: ReadonlySet<string>;
  values: Readonly<Record<string, string>>;
  /** The values of each option that may be repeated. */
  lists: Readonly<Record<string, readonly string[]>>;
}

/** The environment of a command. */
export interface Cli {
  /** How this program was started, for messages that say which command to run next. */
  program: string;
  terminal: Terminal;
  runtime: Runtime;
  /** @throws ConfigError */
  config: () => Config;
  /** Epoch milliseconds. */
  now: () => number;
  /**
   * Opens and migrates the database. It is closed when the command ends.
   *
   * @param options whether to create a missing SQLite file: a mistyped path must not look like an empty database; the
   *   number of a worker, which does not migrate
   * @throws ConfigError, DatabaseError
   */
  open: (options?: { mayCreate?: boolean; worker?: number }) => Promise<Services>;
}
