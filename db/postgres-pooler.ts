import pg from "pg";
import { DatabaseError } from "./error.ts";

/** A pooler picks a server connection for each transaction. Busy ones may pick the same one a few times. */
const ROUNDS = 8;

const TRANSACTION_POOLER =
  "DATABASE_URL leads to a connection pooler in transaction mode. " +
  "Set POSTERN_DATABASE_POOLER=transaction, or have the pooler use session mode.";

/**
 * A session of Postgres keeps settings and prepared statements. A pooler in transaction mode (PgBouncer's
 * `pool_mode = transaction`) mixes those of all its clients up, without an error at the start.
 *
 * @throws DatabaseError if there is such a pooler
 */
export async function requireSessionPooling(settings: pg.ClientConfig): Promise<void> {
  const first = await connect(settings);
  try {
    // A pooler makes up the process number that a client gets when it connects.
    // https://www.pgbouncer.org/usage.html: cancel keys are the pooler's own.
    if (processIdOf(first) === (await findBackend(first))) return;
    const second = await connect(settings).catch(() => null); // If the pooler has room for one, that one keeps it.
    try {
      if (second !== null && (await shareBackends(first, second))) throw new DatabaseError(TRANSACTION_POOLER);
    } finally {
      await second?.end();
    }
  } finally {
    await first.end();
  }
}

/** Whether two connections meet at one server process, or one of them moves: in session mode neither can happen. */
async function shareBackends(first: pg.Client, second: pg.Client): Promise<boolean> {
  const seen = { first: new Set<number>(), second: new Set<number>() };
  for (let round = 0; round < ROUNDS; round++) {
    seen.first.add(await findBackend(first));
    seen.second.add(await findBackend(second));
    if (seen.first.size > 1 || seen.second.size > 1 || !seen.first.isDisjointFrom(seen.second)) return true;
  }
  return false;
}

async function connect(settings: pg.ClientConfig): Promise<pg.Client> {
  const client = new pg.Client(settings);
  client.on("error", () => {}); // The query that is under way reports it.
  await client.connect();
  return client;
}

async function findBackend(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  return rows[0]?.pid ?? 0;
}

/** What the server said at the connection's start; the types leave it out. */
function processIdOf(client: pg.Client): unknown {
  return "processID" in client ? client.processID : null;
}
