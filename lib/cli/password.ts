import { wireText } from "../http/message.ts";
import {
  type AcceptedPassword,
  acceptAnyPassword,
  judgePassword,
  type PasswordOwner,
} from "../passwords/password-rules.ts";
import type { Services } from "../services.ts";
import type { Cli, CommandOption, Input } from "./command.ts";
import { CommandError, UsageError } from "./errors.ts";

/** The options of every command that sets a password. */
export const PASSWORD_OPTIONS = {
  "password-stdin": { type: "boolean", about: "Read the password from standard input." },
  "allow-weak": { type: "boolean", about: "Accept a weak password, with a warning." },
} as const satisfies Record<string, CommandOption>;

/**
 * Asks for a password twice without an echo, or reads it from standard input. It is never an argument: every user of
 * the machine can list those.
 *
 * @param what the action that a weak password would allow, for the question
 * @throws UsageError if there is no terminal; CommandError if the password is not accepted
 */
export async function requirePassword(
  cli: Cli,
  input: Input,
  services: Services,
  owner: PasswordOwner,
  what: string,
): Promise<AcceptedPassword> {
  const { terminal } = cli;
  const isAsked = !input.flags.has("password-stdin");
  if (isAsked && !terminal.isInteractive) {
    throw new UsageError("There is no terminal to ask for the password. Use --password-stdin.");
  }
  for (;;) {
    const password = isAsked ? await askTwice(cli) : await readPassword(cli);
    const accepted = acceptAnyPassword(password);
    if (typeof accepted === "string") {
      const judged = await judgePassword(services, password, owner);
      if (typeof judged === "string" || (await isWeakAllowed(cli, input, judged.map(wireText), what))) return accepted;
    } else {
      const sentences = accepted.map(wireText).join("\n");
      if (!isAsked) throw new CommandError(sentences);
      terminal.remark(`Error: ${sentences}`);
    }
  }
}

/** Whether to set a weak password. @throws CommandError if there is no terminal to ask at */
async function isWeakAllowed({ terminal }: Cli, { flags }: Input, errors: string[], what: string): Promise<boolean> {
  if (flags.has("allow-weak")) {
    for (const sentence of errors) terminal.remark(`Warning: ${sentence}`);
    return true;
  }
  if (flags.has("password-stdin")) {
    throw new CommandError([...errors, "To accept it, add --allow-weak."].join("\n"));
  }
  // In the words of Django's createsuperuser.
  terminal.remark(errors.join("\n"));
  const answer = await terminal.ask(`Bypass password validation and ${what} anyway? [y/N]: `);
  return answer.toLowerCase() === "y";
}

async function readPassword({ terminal }: Cli): Promise<string> {
  const password = (await terminal.readInput()).replace(/\r?\n$/, "");
  if (/[\r\n]/.test(password)) throw new CommandError("The password has more than one line.");
  return password;
}

async function askTwice({ terminal }: Cli): Promise<string> {
  for (;;) {
    const password = await terminal.askHidden("Password: ");
    if (password === (await terminal.askHidden("Password (again): "))) return password;
    terminal.remark("Error: Your passwords didn't match.");
  }
}
