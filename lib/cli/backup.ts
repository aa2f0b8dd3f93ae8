import { backUp } from "../../db/backup.ts";
import { openDatabase, sqliteFile } from "../../db/open.ts";
import { commitRestore, discardRestore, prepareRestore, type Restoration, requireBackup } from "../../db/restore.ts";
import { describeLostSeals, judgeSeals } from "../users/sealed-secrets.ts";
import type { Cli, Command, Input } from "./command.ts";
import { confirm, requireConfirmable, YES_OPTION } from "./confirm.ts";
import { CommandError, UsageError } from "./errors.ts";
import { describeForeignTrail, findKeys, KEY_REMINDER } from "./key-findings.ts";
import { formatCounts } from "./progress.ts";

export const BACKUP_COMMANDS: Command[] = [
  {
    name: "backup",
    operand: "FILE",
    options: {},
    about: "Write a copy of the SQLite database to a new file. Servers may run.",
    more: "The copy shows the database at one moment. It is checked, and only you can read it. No file is overwritten.",
    run: backup,
  },
  {
    name: "restore",
    operand: "FILE",
    options: {
      ...YES_OPTION,
      "end-sessions": { type: "boolean", about: "Restore no session: every user must log in again." },
    },
    about: "Replace the SQLite database with a backup. Stop the servers first.",
    more: [
      "The replaced database stays beside the new one, under another name. Every change since the backup is undone, logouts",
      "and password changes too: without --end-sessions, sessions that have ended since then are alive again. No link of the backup",
      "works, and no mail of it is sent: each may have been used or sent since. Second factors are those of the backup: a removed one",
      "is back, a later one is gone, and recovery codes that were used since then are valid again.",
    ].join("\n"),
    run: restore,
  },
];

/** Does not migrate the database: operators make a backup before an upgrade. */
async function backup(cli: Cli, input: Input): Promise<void> {
  const url = requireFile(cli, "Use pg_dump --format=custom.").url;
  const db = await openDatabase(url, { mayCreate: false, poolSize: 1 });
  const file = requireOperand(input);
  try {
    await backUp(db, file);
  } finally {
    await db.destroy();
  }
  cli.terminal.print(`Backup written to ${file} and checked. ${KEY_REMINDER}`);
}

async function restore(cli: Cli, input: Input): Promise<void> {
  const { path } = requireFile(cli, "Use pg_restore --clean.");
  const file = requireOperand(input);
  requireBackup(file);
  requireConfirmable(cli, input);
  const restoration = await prepareRestore(file, path, { endSessions: input.flags.has("end-sessions") });
  try {
    await confirm(cli, input, questionOf(restoration, file), (answer) => answer.trim() === "yes");
    const kept = await commitRestore(restoration, cli.now());
    cli.terminal.print(`Restored ${restoration.target} from ${file}: ${formatCounts(restoration.counts)}.`);
    if (kept !== null) cli.terminal.print(`The replaced database is ${kept}.`);
    const foreign = describeForeignTrail(cli.config(), restoration.lanes);
    if (foreign !== null) cli.terminal.remark(foreign);
    const lost = describeLostSeals(judgeSeals(findKeys(cli.config())?.factors ?? null, restoration.seals).lost);
    if (lost !== null) cli.terminal.remark(lost);
  } finally {
    discardRestore(restoration);
  }
}

function questionOf({ target, counts }: Restoration, file: string): string {
  return `Replace ${target} with ${file}, which has ${formatCounts(counts)}? Type yes to go on: `;
}

/** @param forPostgres the sentence that names the tool for Postgres */
function requireFile({ config }: Cli, forPostgres: string): { url: string; path: string } {
  const url = config().databaseUrl;
  const path = sqliteFile(url);
  if (path !== null) return { url, path };
  if (url === "sqlite::memory:") throw new CommandError("DATABASE_URL is a database in memory. There is no file.");
  throw new CommandError(`This command is for SQLite files. ${forPostgres}`);
}

function requireOperand({ operand }: Input): string {
  if (operand === null) throw new UsageError("The file is missing.");
  return operand;
}
