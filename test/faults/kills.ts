import { sql } from "kysely";
import { until } from "../support/poll.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { createSandbox, type Sandbox } from "../support/process.ts";
import { countLost, createLedger, drive, type Ledger } from "./load.ts";
import { createRandom } from "./random.ts";

// `bun run test/faults/kills.ts [KILLS ON SQLITE] [KILLS ON POSTGRES] [SEED]`: sends SIGKILL at random moments to a node
// under load. After each kill, checks every acknowledged login and logout.

export interface Figures {
  database: string;
  kills: number;
  logins: number;
  logouts: number;
  lost: number;
  /** Requests that a kill left without an answer. */
  broken: number;
  unexpected: string[];
  /** The result of SQLite's integrity_check; null on Postgres. */
  integrity: string | null;
}

const LOAD = { username: "alice", password: "right horse", clients: 4, pauseMs: 0 };

/** The longest time between two kills. */
const MAX_LIFE_MS = 400;

export async function killOnSqlite(kills: number, seed: number): Promise<Figures> {
  await using sandbox = await createSandbox();
  const figures = await killRepeatedly(sandbox, {}, kills, seed);
  const integrity = await sandbox.withDatabase(async (db) => {
    const { rows } = await sql<{ integrity_check: string }>`pragma integrity_check`.execute(db);
    return rows.map((row) => row.integrity_check).join(", ");
  });
  return { ...figures, database: "SQLite", integrity };
}

export async function killOnPostgres(
  postgres: Pick<TestPostgres, "createDatabase">,
  kills: number,
  seed: number,
): Promise<Figures> {
  await using sandbox = await createSandbox();
  const environment = { DATABASE_URL: await postgres.createDatabase("killed") };
  return { ...(await killRepeatedly(sandbox, environment, kills, seed)), database: "Postgres", integrity: null };
}

async function killRepeatedly(sandbox: Sandbox, database: Record<string, string>, kills: number, seed: number) {
  // The rate limit of an address is lower than the logins of this load.
  const environment = { ...database, POSTERN_THROTTLE: "off", POSTERN_SESSIONS_PER_USER: "10000" };
  const random = createRandom(seed);
  const input = LOAD.password;
  await sandbox.run(["createuser", LOAD.username, "--password-stdin"], { input, environment });
  const ledger = createLedger();
  let lost = 0;
  let server = await sandbox.serve({ environment });
  for (let times = 0; times < kills; times++) {
    const round = createLedger();
    const stopping = new AbortController();
    const load = drive(server, { ...LOAD, random }, round, stopping.signal);
    await new Promise((resolve) => setTimeout(resolve, random() * MAX_LIFE_MS));
    // On a slow machine, there may not have been a logout yet.
    if (times === kills - 1) await until("there was a load", () => ledger.logouts + round.logouts > 0);
    await server.stop("SIGKILL");
    stopping.abort();
    await load;
    server = await sandbox.serve({ environment });
    lost += await countLost(server, round);
    add(ledger, round);
  }
  lost += await countLost(server, ledger);
  await server.stop();
  const { logins, logouts, broken, unexpected } = ledger;
  return { kills, logins, logouts, lost, broken, unexpected: [...unexpected.keys()] };
}

function add(sum: Ledger, round: Ledger): void {
  for (const cookie of round.live) sum.live.add(cookie);
  for (const cookie of round.ended) sum.ended.add(cookie);
  for (const [what, count] of round.unexpected) sum.unexpected.set(what, count);
  sum.logins += round.logins;
  sum.logouts += round.logouts;
  sum.broken += round.broken;
}

/** A row of the table. */
export function formatFigures({ database, kills, logins, logouts, lost, broken, integrity }: Figures): string {
  const check = integrity === null ? "" : `, integrity_check: ${integrity}`;
  return (
    `${database}: ${kills} kills, ${logins} logins and ${logouts} logouts acknowledged, ${lost} lost ` +
    `(${broken} requests without an answer${check})`
  );
}

if (import.meta.main) {
  const [onSqlite = 100, onPostgres = 20, seed = Date.now() % 2 ** 32] = process.argv.slice(2).map(Number);
  process.stdout.write(`Seed ${seed}\n`);
  const postgres = await startPostgres();
  const onBoth = [await killOnSqlite(onSqlite, seed), await killOnPostgres(postgres, onPostgres, seed)];
  await postgres.stop();
  for (const figures of onBoth) {
    process.stdout.write(`${formatFigures(figures)}\n`);
    const isWell = figures.lost === 0 && figures.unexpected.length === 0 && ["ok", null].includes(figures.integrity);
    if (!isWell) process.exitCode = 1;
  }
}
