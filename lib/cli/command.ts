import type { ParseArgsOptionDescriptor } from "node:util";
import type { Config } from "../config/config.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Services } from "../services.ts";
import type { Terminal } from "./terminal.ts";

/** One verb of the command line. */
export interface Command {
  name: string;
  /** Another name it answers to. */
  alias?: string;
  /** Its operands as usage shows them: `USER`, or `[USER]` where it may be left out and is asked for. */
  operand: "" | "USER" | "[USER]" | "[COMMAND]" | "FILE";
  options: Record<string, CommandOption>;
  about: string;
  /** What its own help says besides. */
  more?: string;
  run: (cli: Cli, input: Input) => Promise<void>;
}

export type CommandOption = ParseArgsOptionDescriptor & {
  /** The name of its value in the usage, where it takes one. */
  value?: string;
  about: string;
};

/** What was typed behind the verb. */
export interface Input {
  operand: string | null;
  flags: ReadonlySet<string>;
  values: Readonly<Record<string, string>>;
}

/** What a command works with. */
export interface Cli {
  /** How this program was started, for messages that tell what to type next. */
  program: string;
  terminal: Terminal;
  runtime: Runtime;
  /** @throws ConfigError */
  config: () => Config;
  /** Epoch milliseconds. */
  now: () => number;
  /**
   * Opens and migrates the database; it is closed when the command is over.
   *
   * @param options whether to make an SQLite file that is missing: a mistyped path must not pass for an empty database;
   *   the number of a worker, which does not migrate
   * @throws ConfigError, DatabaseError
   */
  open: (options?: { mayCreate?: boolean; worker?: number }) => Promise<Services>;
}
