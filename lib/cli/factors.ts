import { countTable } from "../../db/count.ts";
import { listLanes } from "../../db/event-lanes.ts";
import type { Lane } from "../../db/event-macs.ts";
import { summarizeFactorsOf } from "../../db/factors.ts";
import { OPERATOR } from "../audit/actor.ts";
import type { Keys } from "../crypto/keys.ts";
import { resetFactors } from "../users/reset-factors.ts";
import { describeLostSeals, resealSecrets } from "../users/sealed-secrets.ts";
import { normalizeUsername } from "../users/username.ts";
import type { Cli, Command, Input } from "./command.ts";
import { confirm, YES_OPTION } from "./confirm.ts";
import { CommandError } from "./errors.ts";
import { createProgress, formatCount, plural } from "./progress.ts";
import { requireUser } from "./users.ts";

export const FACTOR_COMMANDS: Command[] = [
  {
    name: "resetfactors",
    operand: "USER",
    options: YES_OPTION,
    about: "Delete a user's second factors and recovery codes, and end every session of the user.",
    more: [
      "For a user who has lost them. First make sure that the user asks, and no other person: the password alone logs in",
      "afterwards. Deleted are the authenticator app, the passkeys, the recovery codes and the trust in browsers. The user gets",
      "a notice. If POSTERN_REQUIRE_SECOND_FACTOR demands a second factor, the next login asks the user to set one up.",
    ].join("\n"),
    run: reset,
  },
  {
    name: "rotate-keys",
    operand: "",
    options: {},
    about: "Seal the secrets of authenticator apps again, with the first key of POSTERN_SECRET_KEY.",
    more: [
      "Servers may run. Put the new key before the old ones, restart every node, and run this command. It can be interrupted",
      "and run again. It says when no authenticator app needs an old key any more.",
    ].join("\n"),
    run: rotate,
  },
];

async function reset(cli: Cli, input: Input): Promise<void> {
  const services = await cli.open();
  const user = await requireUser(services, input);
  if (!user.hasSecondFactor && (await summarizeFactorsOf(services.db, [user.id])).size === 0) {
    cli.terminal.print(`${user.username} has no second factor. Nothing was changed.`);
    return;
  }
  const question = `Afterwards the password alone logs in. Type the username (${user.username}) to go on: `;
  await confirm(cli, input, question, (typed) => [typed, normalizeUsername(typed)].includes(user.username));
  const isReset = await resetFactors(services, OPERATOR, user);
  if (!isReset) throw new CommandError(`There is no user "${user.username}" any more.`);
  cli.terminal.print(`Second factors of ${user.username} deleted. Every session ended.`);
}

async function rotate(cli: Cli): Promise<void> {
  const services = await cli.open();
  const { db, keys } = services;
  const total = await countTable(db, "totp_factors");
  const progress = createProgress(cli, "secrets");
  const onProgress = (done: number) => progress.show({ done, total: Math.max(done, total) });
  const { resealed, current, lost, changed } = await resealSecrets(services, onProgress).finally(progress.end);
  const apps = (count: number) => plural(count, "authenticator app");
  cli.terminal.print(
    `Secrets of ${apps(resealed)} sealed again with the first key. ${formatCount(current)} had it before.`,
  );
  const error = describeLostSeals(lost);
  if (error !== null) throw new CommandError(error);
  if (changed > 0) throw new CommandError(`${apps(changed)} changed meanwhile. Run rotate-keys again.`);
  if (!keys.factors.hasOldKeys) return;
  cli.terminal.print("No authenticator app needs an old key any more.");
  cli.terminal.remark(whenToRemove(keys, await listLanes(db)));
}

/** Says how long the audit trail needs the old keys. */
function whenToRemove({ audit }: Pick<Keys, "audit">, lanes: Lane[]): string {
  const heads = lanes.filter(({ last_number: number }) => number > 0);
  if (heads.length > 0 && !heads.some(({ mac }) => audit.isCurrent(mac))) {
    return "Keep the old keys: they have signed the newest events of the audit trail. After the next event, run this command again.";
  }
  return "Keep the old keys until the events that they signed are older than POSTERN_AUDIT_DAYS: audit --verify needs them.";
}
