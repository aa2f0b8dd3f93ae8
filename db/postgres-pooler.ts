import pg from "pg";
import { DatabaseError } from "./error.ts";

/** A pooler in transaction mode may choose the same server connection several times by chance. */
const ATTEMPTS = 8;

const TRANSACTION_POOLER =
  "DATABASE_URL leads to a connection pooler in transaction mode. " +
  "Set POSTERN_DATABASE_POOLER=transaction, or set the pooler to session mode.";

/**
 * A Postgres session keeps settings and prepared statements. A pooler in transaction mode (PgBouncer's
 * `pool_mode = transaction`) mixes the sessions of its clients, without an error at the start.
 *
 * @throws DatabaseError if the pooler is in transaction mode
 */
export async function requireSessionPooling(settings: pg.ClientConfig): Promise<void> {
  const first = await connect(settings);
  try {
    // A pooler sends a process id of its own at connect: https://www.pgbouncer.org/usage.html, cancel keys.
    if (processIdOf(first) === (await findBackend(first))) return;
    const second = await connect(settings).catch(() => null); // The pooler may have room for one client only.
    try {
      if (second !== null && (await shareBackends(first, second))) throw new DatabaseError(TRANSACTION_POOLER);
    } finally {
      await second?.end();
    }
  } finally {
    await first.end();
  }
}

/** Whether two connections use one server process, or one connection uses two. Session mode excludes both. */
async function shareBackends(first: pg.Client, second: pg.Client): Promise<boolean> {
  const seen = { first: new Set<number>(), second: new Set<number>() };
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    seen.first.add(await findBackend(first));
    seen.second.add(await findBackend(second));
    if (seen.first.size > 1 || seen.second.size > 1 || !seen.first.isDisjointFrom(seen.second)) return true;
  }
  return false;
}

async function connect(settings: pg.ClientConfig): Promise<pg.Client> {
  const client = new pg.Client(settings);
  client.on("error", () => {}); // The current query reports the error.
  await client.connect();
  return client;
}

async function findBackend(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  return rows[0]?.pid ?? 0;
}

/** The process id that the server sent at connect. The types of pg omit it. */
function processIdOf(client: pg.Client): unknown {
  return "processID" in client ? client.processID : null;
}
