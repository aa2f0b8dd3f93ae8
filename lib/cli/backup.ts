import { backUp } from "../../db/backup.ts";
import { openDatabase, sqliteFile } from "../../db/open.ts";
import { commitRestore, discardRestore, prepareRestore, type Restoration, requireBackup } from "../../db/restore.ts";
import type { Cli, Command, Input } from "./command.ts";
import { CommandError, UsageError } from "./errors.ts";
import { describeForeignTrail, KEY_REMINDER } from "./key-findings.ts";
import { formatCounts } from "./progress.ts";

export const BACKUP_COMMANDS: Command[] = [
  {
    name: "backup",
    operand: "FILE",
    options: {},
    about: "Write a copy of the SQLite database to a new file, while servers run.",
    more: "The copy is of one moment, whole and checked, and readable by you only. Nothing is overwritten.",
    run: backup,
  },
  {
    name: "restore",
    operand: "FILE",
    options: {
      yes: { type: "boolean", about: "Do not ask for confirmation." },
      "end-sessions": { type: "boolean", about: "Restore the users alone: everybody must log in again." },
    },
    about: "Put a backup in the SQLite database's place, which is kept beside it; stop the servers first.",
    more: [
      "What happened since the backup is undone, logouts and password changes too: sessions that have been ended since",
      "are alive again, unless --end-sessions is given.",
    ].join("\n"),
    run: restore,
  },
];

/** The database is not migrated: before an upgrade is when a backup is wanted. */
async function backup(cli: Cli, input: Input): Promise<void> {
  const url = requireFile(cli, "pg_dump --format=custom makes a backup of a Postgres").url;
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
  const { path } = requireFile(cli, "pg_restore --clean brings a backup of a Postgres back");
  const file = requireOperand(input);
  requireBackup(file);
  const isConfirmed = input.flags.has("yes");
  if (!isConfirmed && !cli.terminal.isInteractive) throw new UsageError("Nobody is there to confirm: add --yes.");
  const restoration = await prepareRestore(file, path, { endSessions: input.flags.has("end-sessions") });
  try {
    if (!isConfirmed) await confirm(cli, restoration, file);
    const kept = await commitRestore(restoration, cli.now());
    cli.terminal.print(`Restored ${restoration.target} from ${file}: ${formatCounts(restoration.counts)}.`);
    if (kept !== null) cli.terminal.print(`The database that it replaced is kept as ${kept}.`);
    const foreign = describeForeignTrail(cli.config(), restoration.lanes);
    if (foreign !== null) cli.terminal.remark(foreign);
  } finally {
    discardRestore(restoration);
  }
}

async function confirm({ terminal }: Cli, { target, counts }: Restoration, file: string): Promise<void> {
  const question = `Replace ${target} with ${file}, which has ${formatCounts(counts)}? Type yes to go on: `;
  if ((await terminal.ask(question)).trim() !== "yes") throw new CommandError("Not confirmed: nothing was changed.");
}

/** @param otherwise the beginning of the sentence about a Postgres */
function requireFile({ config }: Cli, otherwise: string): { url: string; path: string } {
  const url = config().databaseUrl;
  const path = sqliteFile(url);
  if (path !== null) return { url, path };
  if (url === "sqlite::memory:") throw new CommandError("DATABASE_URL is a database in memory: there is no file.");
  throw new CommandError(`${otherwise}: this command is for SQLite files.`);
}

function requireOperand({ operand }: Input): string {
  if (operand === null) throw new UsageError("A file must be named.");
  return operand;
}
