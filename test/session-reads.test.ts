import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { sql } from "kysely";
import { type DatabaseTimeouts, type Db, openDatabase, transaction } from "../db/open.ts";
import { until } from "./support/poll.ts";
import { startPostgres, usePostgres } from "./support/postgres.ts";
import { createSandbox, login, logout, profile, type Sandbox, type Server } from "./support/process.ts";
import { startRelay } from "./support/relay.ts";

// On Postgres, one connection besides the pool reads the sessions: db/postgres-reader.ts.

const PROCESSES = { timeout: 120_000 };

const PASSWORD = "right horse";

type Node = Pick<Server, "url" | "events">;

async function withDatabase<T>(url: string, work: (db: Db) => Promise<T>): Promise<T> {
  const db = await openDatabase(url, { mayCreate: false, poolSize: 1 });
  return work(db).finally(() => db.destroy());
}

const SETTINGS = { POSTERN_DATABASE_POOL_SIZE: "1", POSTERN_THROTTLE: "off" };

/** A node, usually with an open connection for reads, and with the cookie of a session of each user. */
async function startNode(
  sandbox: Sandbox,
  url: string,
  { names = ["alice"], timeouts = {}, settings = {} }: NodeOptions = {},
): Promise<{ node: Node; cookies: [string, ...string[]] }> {
  const environment = { ...SETTINGS, DATABASE_URL: url, ...settings };
  for (const name of names) {
    await sandbox.run(["createuser", name, "--password-stdin"], { input: PASSWORD, environment });
  }
  const node = await sandbox.serveInProcess(environment, timeouts);
  const cookies: string[] = [];
  for (const name of names) cookies.push((await login(node, name, PASSWORD)).cookie);
  const [first = assert.fail(), ...others] = cookies;
  // With a short life, there are two only for moments.
  if (settings.POSTERN_DATABASE_POOLER === undefined && timeouts.connectionLifetimeMs === undefined) {
    await withDatabase(url, (db) =>
      until("the connection for reads is open", async () => {
        await profile(node, first);
        return (await connectionsOf(db)).length === 2;
      }),
    );
  }
  return { node, cookies: [first, ...others] };
}

interface NodeOptions {
  names?: string[];
  timeouts?: DatabaseTimeouts;
  settings?: { POSTERN_DATABASE_POOLER?: string };
}

/** The process ids of the other connections to the database. */
async function connectionsOf(db: Db): Promise<number[]> {
  const { rows } = await sql<{ pid: number }>`select pid from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and application_name = 'postern'
    order by backend_start, pid`.execute(db);
  return rows.map(({ pid }) => pid);
}

const askMany = (node: Node, cookie: string, count: number) =>
  Promise.all(Array.from({ length: count }, async () => (await profile(node, cookie)).status));

const untilLocked = (url: string) =>
  withDatabase(url, (db) =>
    until("a statement waits for a lock", async () => {
      const { rows } = await sql`select 1 from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`.execute(db);
      return rows.length > 0;
    }),
  );

/** Runs `work` in a transaction that locks a table, as `alter table` would. */
function whileLocked(url: string, table: string, work: () => Promise<void>): Promise<void> {
  return withDatabase(url, (db) =>
    transaction(db, async (holder) => {
      await sql`lock table ${sql.table(table)} in access exclusive mode`.execute(holder);
      await work();
    }),
  );
}

/** Runs `work` while the only connection of the node's pool waits in a login. */
async function whilePoolWaits(node: Node, url: string, work: () => Promise<void>): Promise<void> {
  let waiting: ReturnType<typeof login> | undefined;
  await whileLocked(url, "events", async () => {
    waiting = login(node, "alice", PASSWORD);
    await untilLocked(url);
    await work();
  });
  assert.equal((await waiting)?.status, 202);
}

describe("on Postgres, the session of a request", () => {
  const postgres = usePostgres(PROCESSES);

  test("is read while every connection of the pool is busy", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const url = await postgres.createDatabase("busy");
    const { node, cookies } = await startNode(sandbox, url);
    await whilePoolWaits(node, url, async () => {
      assert.deepEqual(new Set(await askMany(node, cookies[0], 20)), new Set([200]));
    });
  });

  test("is read by the pool alone behind a pooler in transaction mode", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const url = await postgres.createDatabase("pooled");
    const settings = { POSTERN_DATABASE_POOLER: "transaction" };
    const { node, cookies } = await startNode(sandbox, url, { settings, timeouts: { connectTimeoutMs: 500 } });
    assert.deepEqual(new Set(await askMany(node, cookies[0], 20)), new Set([200]));
    assert.equal((await withDatabase(url, connectionsOf)).length, 1);
    await whilePoolWaits(node, url, async () => {
      assert.equal((await profile(node, cookies[0])).status, 503);
    });
  });

  test("is each request's own, however many ask at once", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const names = ["alice", "bob", "carol"];
    const { node, cookies } = await startNode(sandbox, await postgres.createDatabase("many"), { names });
    const visits = Array.from({ length: 300 }, async (_, index) => {
      const cookie = [...cookies, "sessionid=unknown"][index % 4] ?? assert.fail();
      const { username = null } = (await (await profile(node, cookie)).json()) as Record<string, unknown>;
      assert.equal(username, names[index % 4] ?? null);
    });
    await Promise.all(visits);
  });

  test("has ended at the next request, whichever node ended it and however busy this one is", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const url = await postgres.createDatabase("ended_there");
    const { node, cookies } = await startNode(sandbox, url);
    const other = await sandbox.serveInProcess({ ...SETTINGS, DATABASE_URL: url });
    const asking = new AbortController();
    const load = async () => {
      while (!asking.signal.aborted) await askMany(node, cookies[0], 50);
    };
    const busy = Promise.all([load(), load()]);
    for (let times = 0; times < 8; times++) {
      const { cookie } = await login(other, "alice", PASSWORD);
      const before = askMany(node, cookie, 20); // May be answered before or after the logout.
      assert.equal((await profile(node, cookie)).status, 200);
      assert.equal((await logout(other, cookie)).status, 204);
      assert.deepEqual(new Set(await askMany(node, cookie, 20)), new Set([403]));
      await before;
    }
    asking.abort();
    await busy;
  });

  test("is answered 503 while a lock lasts too long, and 200 after it", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const url = await postgres.createDatabase("locked");
    const timeouts = { statementTimeoutMs: 500, connectTimeoutMs: 500 };
    const { node, cookies } = await startNode(sandbox, url, { timeouts });
    await whileLocked(url, "sessions", async () => {
      assert.deepEqual(new Set(await askMany(node, cookies[0], 40)), new Set([503]));
    });
    assert.deepEqual(new Set(await askMany(node, cookies[0], 40)), new Set([200]));
    assert(!node.events().some(({ event }) => event === "unexpected_error"));
  });

  test("is read after a short lock", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const url = await postgres.createDatabase("locked_shortly");
    const { node, cookies } = await startNode(sandbox, url);
    let waiting: ReturnType<typeof askMany> | undefined;
    await whileLocked(url, "sessions", async () => {
      waiting = askMany(node, cookies[0], 40);
      await untilLocked(url);
    });
    assert.deepEqual(new Set(await waiting), new Set([200]));
  });
});

describe("the connection that reads the sessions", () => {
  const postgres = usePostgres(PROCESSES);

  test("hands its reads to the pool if it breaks", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const url = await postgres.createDatabase("broken");
    const { node, cookies } = await startNode(sandbox, url);
    let waiting: ReturnType<typeof askMany> | undefined;
    await whileLocked(url, "sessions", async () => {
      waiting = askMany(node, cookies[0], 40);
      await untilLocked(url);
      await withDatabase(url, (db) =>
        sql`select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`.execute(db),
      );
      await untilLocked(url);
    });
    assert.deepEqual(new Set(await waiting), new Set([200]));
  });

  test("is replaced at the end of its life, and no request waits or fails", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const url = await postgres.createDatabase("replaced");
    const { node, cookies } = await startNode(sandbox, url, { timeouts: { connectionLifetimeMs: 100 } });
    await withDatabase(url, async (db) => {
      const seen = new Set<number>();
      await until("the connections are replaced several times", async () => {
        assert.deepEqual(new Set(await askMany(node, cookies[0], 20)), new Set([200]));
        for (const pid of await connectionsOf(db)) seen.add(pid);
        return seen.size > 8;
      });
      await until("the old ones have ended", async () => (await connectionsOf(db)).length <= 2);
    });
  });

  test("leads to the new server after a failover, also if the node only reads", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const other = await startPostgres();
    try {
      const url = await postgres.createDatabase("moved");
      const name = new URL(url).pathname.slice(1);
      const target = await other.createDatabase(name);
      await using relay = await startRelay(postgres.port);
      const timeouts = { connectionLifetimeMs: 300 };
      const { node, cookies } = await startNode(sandbox, relay.through(url), { timeouts });
      await sandbox.run(["migrate"], { environment: { DATABASE_URL: target } }); // Without the session.
      relay.redirect(other.port); // The old server still answers on the old connections.
      await until("the session is unknown", async () => {
        const { status } = await profile(node, cookies[0]);
        assert([200, 403].includes(status), String(status));
        return status === 403;
      });
      await withDatabase(url, (db) =>
        until("no connection is left at the old server", async () => (await connectionsOf(db)).length === 0),
      );
      assert.deepEqual(new Set(await askMany(node, cookies[0], 20)), new Set([403]));
    } finally {
      await other.stop();
    }
  });

  test("is not kept to a server that accepts no writes, as a standby that may lag behind", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const url = await postgres.createDatabase("standby");
    await using relay = await startRelay(postgres.port);
    const { node, cookies } = await startNode(sandbox, relay.through(url));
    await withDatabase(url, async (db) => {
      await sql`alter database ${sql.ref(new URL(url).pathname.slice(1))} set default_transaction_read_only = on`.execute(
        db,
      );
      for (const pid of await connectionsOf(db)) await sql`select pg_terminate_backend(${pid})`.execute(db);
    });
    const before = relay.accepted();
    // One of the pool, and two of attempts. Of a connection for reads that was kept, there would be one.
    await until("it was opened twice", async () => {
      assert.equal((await profile(node, cookies[0])).status, 200);
      return relay.accepted() >= before + 3;
    });
  });
});
