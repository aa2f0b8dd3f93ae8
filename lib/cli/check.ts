import { DatabaseError } from "../../db/error.ts";
import { findUnwritableFolder, inspectDatabase } from "../../db/inspect.ts";
import { isOutage } from "../../db/outage.ts";
import { type Config, ConfigError } from "../config/config.ts";
import { createTally, tallyPassword } from "../passwords/password-tally.ts";
import { addressFindings } from "./address-findings.ts";
import type { Cli, Command, Input } from "./command.ts";
import { CommandError } from "./errors.ts";
import { factorFindings } from "./factor-findings.ts";
import {
  configFindings,
  databaseFindings,
  type Finding,
  folderFinding,
  MEMORY_FINDING,
  settingFindings,
} from "./findings.ts";
import { keyFindings } from "./key-findings.ts";
import { mailFindings } from "./mail-findings.ts";
import { passwordFindings } from "./password-findings.ts";
import { plural } from "./progress.ts";
import { formatJson } from "./terminal.ts";

/** A running server deletes expired sessions every hour. If one expired two hours ago, no server runs. */
const UNCLEARED_AFTER_MS = 2 * 60 * 60 * 1000;

export const CHECK_COMMAND: Command = {
  name: "check",
  operand: "",
  options: { json: { type: "boolean", about: "Print JSON." } },
  about: "Find errors and unsafe choices in the settings and the database. Changes nothing.",
  more: "The exit code is 1 if there is an error or an unsafe choice, else 0.",
  run: check,
};

async function check(cli: Cli, input: Input): Promise<void> {
  const findings = await findAll(cli);
  if (input.flags.has("json")) cli.terminal.print(formatJson(findings));
  else for (const finding of findings) cli.terminal.print(line(finding));
  const count = findings.filter(({ level }) => level !== "info").length;
  if (count > 0) throw new CommandError(`${plural(count, "finding")} to fix.`);
  if (!input.flags.has("json")) cli.terminal.print("Nothing to fix.");
}

function line({ level, message, mend }: Finding): string {
  return `${level.padEnd(6)}  ${message}${mend === null ? "" : ` [${mend}]`}`.replace(/\p{C}/gu, "\ufffd");
}

async function findAll(cli: Cli): Promise<Finding[]> {
  let config: Config;
  try {
    config = cli.config();
  } catch (error) {
    if (error instanceof ConfigError) return settingFindings(error.errors);
    throw error;
  }
  return [...(await configFindings(config)), ...(await inspect(cli, config)), ...mailFindings(config)];
}

async function inspect({ now }: Cli, config: Config): Promise<Finding[]> {
  const { databaseUrl, databasePooler, sessionIdleSeconds } = config;
  if (databaseUrl === "sqlite::memory:") return [MEMORY_FINDING];
  const folder = findUnwritableFolder(databaseUrl);
  if (folder !== null) return [folderFinding(folder)];
  try {
    const lifetime = { now: now() - UNCLEARED_AFTER_MS, idleMs: sessionIdleSeconds * 1000 };
    const tally = createTally();
    const onPassword = (encoded: string) => tallyPassword(tally, encoded);
    const hasTransactionPooler = databasePooler === "transaction";
    const inspection = await inspectDatabase(databaseUrl, { lifetime, onPassword, hasTransactionPooler });
    const { content } = inspection;
    return [
      ...databaseFindings(inspection),
      ...(content === null ? [] : addressFindings(content, config.mailUrl !== null)),
      ...passwordFindings(tally),
      ...keyFindings(config, content?.lanes ?? []),
      ...(content === null ? [] : factorFindings(config, content)),
    ];
  } catch (error) {
    if (!(error instanceof Error) || !(error instanceof DatabaseError || isOutage(error) || "code" in error))
      throw error;
    const message = error instanceof DatabaseError ? error.message : `The database cannot be read: ${error.message}.`;
    return [{ level: "error", code: "database", message, mend: "DATABASE_URL" }, ...keyFindings(config, [])];
  }
}
