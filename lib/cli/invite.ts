import { OPERATOR } from "../audit/actor.ts";
import { LANGUAGES } from "../pages/messages/messages.ts";
import { invite } from "../users/invite.ts";
import { normalizeEmail, userError } from "../users/user-fields.ts";
import type { Cli, Command, CommandOption, Input } from "./command.ts";
import { CommandError, UsageError } from "./errors.ts";
import { CREATE_GROUP_OPTIONS, requireNewGroups } from "./memberships.ts";

const TAGS = Object.keys(LANGUAGES);

const OPTIONS = {
  ...CREATE_GROUP_OPTIONS,
  staff: { type: "boolean", about: "Set the flag staff, which applications may read." },
  language: {
    type: "string",
    value: "LANGUAGE",
    about: `The language of the mail: ${TAGS.join(" or ")}. Default: en.`,
  },
} as const satisfies Record<string, CommandOption>;

export const INVITE_COMMAND: Command = {
  name: "invite",
  operand: "ADDRESS",
  options: OPTIONS,
  about: "Send a link that creates an account.",
  more: [
    "The person at the address chooses the username and the password. The link works once, within 7 days. A later",
    "invitation to the same address takes its place. It needs POSTERN_MAIL_URL, and POSTERN_SIGNUP as invite or open.",
  ].join("\n"),
  run: send,
};

async function send(cli: Cli, input: Input): Promise<void> {
  const { mailUrl, signup } = cli.config();
  if (mailUrl === null)
    throw new CommandError("Mail is off. Set POSTERN_MAIL_URL, and POSTERN_SIGNUP to invite or open.");
  if (signup === "closed") throw new CommandError("Sign-up is closed. Set POSTERN_SIGNUP to invite or open.");
  const email = normalizeEmail((input.operand ?? "").trim());
  const error = email === "" ? "The address is empty." : userError({ email });
  if (error !== null) throw new CommandError(error);
  const language = input.values["language"] ?? "en";
  if (!TAGS.includes(language)) throw new UsageError(`There is no language "${language}". Use ${TAGS.join(" or ")}.`);
  const services = await cli.open();
  const groups = await requireNewGroups(services.db, input, email);
  const owner = await invite(services, OPERATOR, { email, groups, isStaff: input.flags.has("staff"), language });
  if (owner !== null) throw new CommandError(`${owner.username} has this address already. Nothing was sent.`);
  cli.terminal.print(`Invitation to ${email} stored. The running server sends it. The link works once, within 7 days.`);
}
