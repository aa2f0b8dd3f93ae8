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
    to: { type: "string", value: "URL", about: "The target: empty, or an unfinished copy of the same source." },
  },
  about: "Copy every user, group, second factor, session and event to another database. Stop the servers first.",
  more: [
    "The default of --from and of --to is DATABASE_URL; give one of them. Neither takes a password, which every user of the",
    "machine could read: set PGPASSWORD, or put that database into DATABASE_URL. If a copy is interrupted, run it again: it",
    "goes on. Stop every server on both databases until the copy ends. A change or a logout that the source gets meanwhile",
    "may be missed. If rows are missing or left over at the end, the copy fails. Mails that wait, links in mails, known devices",
    "and throttles are not copied: a link of the source opens nothing at the target, and people ask for a new one. A login that",
    "waits for its second factor begins again, and no browser is trusted.",
  ].join("\n"),
  run: copy,
};

async function copy(cli: Cli, input: Input): Promise<void> {
  const [from, to] = [urlOf(cli, input, "from"), urlOf(cli, input, "to")];
  if (input.values["from"] === undefined && input.values["to"] === undefined) {
    throw new UsageError(`Give the target with --to, or the source with --from. See: ${cli.program} help copy`);
  }
  cli.terminal.remark(`Copying ${describeDatabase(from)} to ${describeDatabase(to)}. Stop the servers on both.`);
  const startedAt = cli.now();
  const progress = createProgress(cli, "rows");
  const hasTransactionPooler = cli.config().databasePooler === "transaction";
  const copying = copyDatabase({ from, to, hasTransactionPooler, onProgress: progress.show });
  const { before, source, target } = await copying.finally(progress.end);
  if (!areSame(source, target)) {
    throw new CommandError(
      `The source has ${formatCounts(source)}, the target ${formatCounts(target)}: a program wrote meanwhile. ` +
        "Stop the servers, empty the target and copy again.",
    );
  }
  const seconds = Math.max(cli.now() - startedAt, 1) / 1000;
  const rows = sumOf(target) - before;
  if (before > 0) cli.terminal.print(`The target had ${formatCount(before)} rows of an earlier run.`);
  cli.terminal.print(
    `Copied ${formatCount(rows)} rows in ${seconds.toFixed(1)} s (${formatCount(Math.round(rows / seconds))} rows per second). ` +
      `Both sides have ${formatCounts(target)}.`,
  );
  cli.terminal.remark(
    "The servers of the target need the same secret key. Set POSTERN_SECRET_KEY to that of the source, or to the text of its postern.key.",
  );
}

/** A user name, a colon and text before an @; or the parameter `password`. */
const PASSWORD = /:\/\/[^@]*:[^@]+@|[?&]password=/i;

function urlOf({ config }: Cli, { values }: Input, name: "from" | "to"): string {
  const named = values[name];
  if (named === undefined) return requireDurable(config().databaseUrl, "DATABASE_URL");
  if (PASSWORD.test(named)) {
    throw new UsageError(
      `--${name} has a password, which every user of this machine can read. Set PGPASSWORD instead, ` +
        `or set DATABASE_URL and omit --${name}.`,
    );
  }
  const url = OPTIONS.databaseUrl.parse(named);
  if (url === null) throw new UsageError(`--${name} must be sqlite:PATH or postgres://USER@HOST/NAME.`);
  return requireDurable(url, `--${name}`);
}

function requireDurable(url: string, name: string): string {
  if (url !== "sqlite::memory:") return url;
  throw new UsageError(`${name} is a database in memory, which ends with its process. Give a file or a Postgres.`);
}
