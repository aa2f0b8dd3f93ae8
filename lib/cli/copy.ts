import { copyDatabase, describeDatabase } from "../../db/copy.ts";
import { areSame, sumOf } from "../../db/count.ts";
import { OPTIONS } from "../config/options.ts";
import type { Cli, Command, Input } from "./command.ts";
import { CommandError, UsageError } from "./errors.ts";
import { createProgress, formatCount, formatCounts } from "./progress.ts";

export const COPY_COMMAND: Command = {
  name: "copy",
  operand: "",
  options: {
    from: { type: "string", value: "URL", about: "The source: sqlite:PATH or postgres://USER@HOST/NAME." },
    to: { type: "string", value: "URL", about: "The target, empty or an unfinished copy of the same source." },
  },
  about: "Copy every user, session and event to another database; stop the servers first.",
  more: [
    "The one of --from and --to that is left out is DATABASE_URL. A password never stands in either, where everybody on",
    "the machine can read it: set PGPASSWORD, or have DATABASE_URL name the database. A copy that is cut off goes on",
    "where it was when it is run again. Stop every server on both databases until it is done: of what is written to the",
    "source meanwhile, changes and logouts may be missed, and missing or superfluous rows make the copy fail at its end.",
  ].join("\n"),
  run: copy,
};

async function copy(cli: Cli, input: Input): Promise<void> {
  const [from, to] = [urlOf(cli, input, "from"), urlOf(cli, input, "to")];
  if (input.values["from"] === undefined && input.values["to"] === undefined) {
    throw new UsageError(`Name the target with --to, or the source with --from. See: ${cli.program} help copy`);
  }
  cli.terminal.remark(
    `Copying ${describeDatabase(from)} to ${describeDatabase(to)}. Servers on either must be stopped.`,
  );
  const startedAt = cli.now();
  const progress = createProgress(cli, "rows");
  const hasTransactionPooler = cli.config().databasePooler === "transaction";
  const copying = copyDatabase({ from, to, hasTransactionPooler, onProgress: progress.show });
  const { before, source, target } = await copying.finally(progress.end);
  if (!areSame(source, target)) {
    throw new CommandError(
      `The source has ${formatCounts(source)}, the target ${formatCounts(target)}: something wrote meanwhile. ` +
        "Stop the servers, empty the target and copy again.",
    );
  }
  const seconds = Math.max(cli.now() - startedAt, 1) / 1000;
  const rows = sumOf(target) - before;
  if (before > 0) cli.terminal.print(`Went on after the ${formatCount(before)} rows that were there already.`);
  cli.terminal.print(
    `Copied ${formatCount(rows)} rows in ${seconds.toFixed(1)} s (${formatCount(Math.round(rows / seconds))} rows per second). ` +
      `Both sides have ${formatCounts(target)}.`,
  );
  cli.terminal.remark(
    "The target's servers need the same secret key: set POSTERN_SECRET_KEY to the one of the source, or to what its postern.key holds.",
  );
}

/** A user name, a colon and anything before an @, or the parameter of that name. */
const PASSWORD = /:\/\/[^@]*:[^@]+@|[?&]password=/i;

function urlOf({ config }: Cli, { values }: Input, name: "from" | "to"): string {
  const named = values[name];
  if (named === undefined) return requireKept(config().databaseUrl, "DATABASE_URL");
  if (PASSWORD.test(named)) {
    throw new UsageError(
      `--${name} holds a password, which everybody on this machine can read: leave it out and set PGPASSWORD, ` +
        `or set DATABASE_URL and leave --${name} out.`,
    );
  }
  const url = OPTIONS.databaseUrl.parse(named);
  if (url === null)
    throw new UsageError(`--${name} is not understood: expected sqlite:PATH or postgres://USER@HOST/NAME.`);
  return requireKept(url, `--${name}`);
}

function requireKept(url: string, name: string): string {
  if (url !== "sqlite::memory:") return url;
  throw new UsageError(`${name} is a database in memory, which ends with its process: name one that is kept.`);
}
