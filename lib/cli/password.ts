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
  "allow-weak": { type: "boolean", about: "Warn of a weak password, and take it all the same." },
} as const satisfies Record<string, CommandOption>;

/**
 * Asked for twice without an echo, or read from standard input; never from the command line, which everybody can list.
 *
 * @param what would go on with a weak password, as the question says whether it should
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
  if (isAsked && !terminal.isInteractive)
    throw new UsageError("Nobody is there to be asked for a password: use --password-stdin.");
  for (;;) {
    const password = isAsked ? await askTwice(cli) : await readPassword(cli);
    const weak = acceptAnyPassword(password);
    if (typeof weak === "string") {
      const judged = await judgePassword(services, password, owner);
      if (typeof judged === "string" || (await isInsistedOn(cli, input, judged.map(wireText), what))) return weak;
    } else {
      if (!isAsked) throw new CommandError(weak.map(wireText).join("\n"));
      terminal.remark(`Error: ${weak.map(wireText).join("\n")}`);
    }
  }
}

/** Whether a weak password is to be set all the same. @throws CommandError where nobody can be asked */
async function isInsistedOn({ terminal }: Cli, { flags }: Input, mistakes: string[], what: string): Promise<boolean> {
  if (flags.has("allow-weak")) {
    for (const sentence of mistakes) terminal.remark(`Warning: ${sentence}`);
    return true;
  }
  if (flags.has("password-stdin")) {
    throw new CommandError([...mistakes, "Add --allow-weak to take it all the same."].join("\n"));
  }
  // As Django's createsuperuser.
  terminal.remark(mistakes.join("\n"));
  const answer = await terminal.ask(`Bypass password validation and ${what} anyway? [y/N]: `);
  return answer.toLowerCase() === "y";
}

async function readPassword({ terminal }: Cli): Promise<string> {
  const password = (await terminal.readInput()).replace(/\r?\n$/, "");
  if (/[\r\n]/.test(password)) throw new CommandError("The password must be one line.");
  return password;
}

async function askTwice({ terminal }: Cli): Promise<string> {
  for (;;) {
    const password = await terminal.askHidden("Password: ");
    if (password === (await terminal.askHidden("Password (again): "))) return password;
    terminal.remark("Error: Your passwords didn't match.");
  }
}
