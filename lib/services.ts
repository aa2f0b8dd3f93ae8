import { availableParallelism } from "node:os";
import { migrate } from "../db/migrate.ts";
import { openDatabase } from "../db/open.ts";
import type { Config } from "./config.ts";
import type { Services } from "./context.ts";
import { createPasswords } from "./crypto/password.ts";
import { createLog } from "./log.ts";

/**
 * Everything the application stands on, for real: the database opened and migrated, the clock of this machine.
 *
 * @throws DatabaseError
 */
export async function openServices(config: Config, write: (line: string) => void): Promise<Services> {
  const db = await openDatabase(config.databaseUrl);
  await migrate(db);
  const passwords = createPasswords({ atOnce: availableParallelism(), waiting: config.passwordQueue });
  return { config, db, passwords, log: createLog(write, now), now };
}

/** The one clock. */
function now(): number {
  return Date.now();
}
