import { availableParallelism } from "node:os";
import { migrate } from "../db/migrate.ts";
import { type DatabaseTimeouts, type Db, isPostgresUrl, openDatabase } from "../db/open.ts";
import { listPasswordCosts } from "../db/password-costs.ts";
import manifest from "../package.json" with { type: "json" };
import type { Config } from "./config/config.ts";
import { openKeys, requireSecretKey } from "./config/secret-keys.ts";
import type { Keys } from "./crypto/keys.ts";
import { type Assertions, createAssertions } from "./forward/assertion.ts";
import { createMailService, type MailService } from "./mail/mail-service.ts";
import { createLog, formatJson, formatReadable, type Log } from "./observability/log.ts";
import { createMetrics, type Metrics } from "./observability/metrics.ts";
import type { Output } from "./observability/output.ts";
import { type Argon2Parameters, createHasher, type Hasher } from "./passwords/hasher.ts";

/** What the application stands on. Handed in, so that a test can turn the clock. */
export interface Services {
  config: Config;
  db: Db;
  hasher: Hasher;
  keys: Keys;
  assertions: Assertions;
  /** Null if POSTERN_MAIL_URL is unset: nothing that needs mail exists then. */
  mail: MailService | null;
  log: Log;
  metrics: Metrics;
  /** The number of log lines that could not be written. */
  droppedLines: () => number;
  /** Whether this process is about to stop. `/readyz` answers 503 then. */
  lifecycle: { isStopping: boolean };
  /** Epoch milliseconds. */
  now: () => number;
}

export interface ServicesOptions {
  /** Whether an SQLite file that is missing is made. */
  mayCreate?: boolean;
  /** The number of this worker, if `serve` started it after migrating the database. */
  worker?: number | null;
  /** The cost of a hash. Tests pass a low one; no setting reaches it. */
  argon2?: Argon2Parameters | undefined;
  /** See `Runtime`. Null by default: the threads of an application keep their priority. */
  lowerHashPriority?: (() => void) | null;
  /** Tests pass short ones; no setting reaches them. */
  timeouts?: DatabaseTimeouts;
  /** Where `console:` prints a mail. The link in it is a secret: it goes to standard error, not into the log. */
  printMail?: (text: string) => void;
}

/**
 * Opens the services: the database, migrated, and the clock of this machine.
 *
 * @throws DatabaseError
 */
export async function openServices(config: Config, output: Output, options: ServicesOptions = {}): Promise<Services> {
  const { mayCreate = false, worker = null, argon2, lowerHashPriority = null, timeouts = {} } = options;
  const { printMail = printOnStandardError } = options;
  const db = await openConfiguredDatabase(config, mayCreate, timeouts);
  let keys: Keys;
  let mail: MailService | null;
  try {
    if (worker === null) await migrate(db);
    keys = await openKeys(config, db, now);
    mail = await createMailService(config, printMail);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  const database = isPostgresUrl(config.databaseUrl) ? "postgres" : "sqlite";
  const metrics = createMetrics(now, { version: manifest.version, database });
  const log = createLog(output.write, now, {
    format: output.isTerminal ? formatReadable : formatJson,
    common: worker === null ? {} : { worker },
  });
  return {
    config,
    db,
    hasher: createHasher({
      concurrency: hashesAtOnce(config.workers, lowerHashPriority !== null),
      maxWaiting: config.passwordQueue,
      watch: metrics.watchHashes,
      lowerHashPriority,
      costs: () => listPasswordCosts(db),
      argon2,
    }),
    keys,
    assertions: createAssertions(keys.assertion, now),
    mail,
    log,
    metrics,
    droppedLines: output.dropped,
    lifecycle: { isStopping: false },
    now,
  };
}

/**
 * One for each core. If hashes have a lower priority than requests, one more waits in the runtime, and a thread that has
 * ended a hash begins it at once. Several workers have more threads together than there are cores.
 */
function hashesAtOnce(workers: number, haveLowPriority: boolean): number {
  return Math.ceil(availableParallelism() / workers) + (haveLowPriority && workers === 1 ? 1 : 0);
}

/**
 * Opens the database of the settings, without a migration.
 *
 * @param mayCreate whether an SQLite file that is missing is made
 * @throws ConfigError if its secret key is missing; DatabaseError
 */
export async function openConfiguredDatabase(
  config: Config,
  mayCreate: boolean,
  timeouts: DatabaseTimeouts = {},
): Promise<Db> {
  requireSecretKey(config);
  const { databaseUrl, databasePoolSize: poolSize } = config;
  const hasTransactionPooler = config.databasePooler === "transaction";
  return openDatabase(databaseUrl, { mayCreate, poolSize, hasTransactionPooler, ...timeouts });
}

function printOnStandardError(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** The one clock. */
export function now(): number {
  return Date.now();
}
