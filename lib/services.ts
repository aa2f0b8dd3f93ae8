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
 * @param options whether an SQLite file that is missing is made
 * @throws DatabaseError
 */
export async function openServices(
  config: Config,
  write: (line: string) => void,
  { mayCreate } = { mayCreate: false },
): Promise<Services> {
  const db = await openDatabase(config.databaseUrl, { mayCreate, poolSize: config.databasePoolSize });
  try {
    await migrate(db);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  const passwords = createPasswords({ atOnce: availableParallelism(), waiting: config.passwordQueue });
  return { config, db, passwords, log: createLog(write, now), now };
}

/** The one clock. */
export function now(): number {
  return Date.now();
}
