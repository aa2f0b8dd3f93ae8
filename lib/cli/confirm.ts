import type { Cli, CommandOption, Input } from "./command.ts";
import { CommandError, UsageError } from "./errors.ts";

export const YES_OPTION = {
  yes: { type: "boolean", about: "Do not ask for confirmation." },
} as const satisfies Record<string, CommandOption>;

/** @throws UsageError if there is neither --yes nor a terminal */
export function requireConfirmable({ terminal }: Cli, { flags }: Input): void {
  if (!flags.has("yes") && !terminal.isInteractive) {
    throw new UsageError("There is no terminal to confirm at. Add --yes.");
  }
}

/** Asks a question, unless --yes is given. @throws CommandError if the answer does not confirm */
export async function confirm(
  cli: Cli,
  input: Input,
  question: string,
  isConfirmed: (answer: string) => boolean,
): Promise<void> {
  requireConfirmable(cli, input);
  if (input.flags.has("yes") || isConfirmed(await cli.terminal.ask(question))) return;
  throw new CommandError("Not confirmed. Nothing was changed.");
}
