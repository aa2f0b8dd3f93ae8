import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import { type Db, openDatabase } from "../db/open.ts";
import { LOAD_PAUSE_MS } from "./support/effort.ts";
import { until } from "./support/poll.ts";
import { startPostgres, usePostgres } from "./support/postgres.ts";
import { createSandbox, login, logout, profile, type Sandbox, type Server } from "./support/process.ts";
import { startRelay } from "./support/relay.ts";

const PROCESSES = { timeout: 120_000 };

const PASSWORD = "right horse";

/** A server in this process. */
type Node = Pick<Server, "url">;

async function withDatabase<T>(url: string, work: (db: Db) => Promise<T>): Promise<T> {
  const db = await openDatabase(url, { mayCreate: false, poolSize: 1 });
  return work(db).finally(() => db.destroy());
}

async function createAlice(sandbox: Sandbox, url: string): Promise<void> {
  const environment = { DATABASE_URL: url };
  await sandbox.run(["createuser", "alice", "--password-stdin"], { input: PASSWORD, environment });
}

async function startServer(sandbox: Sandbox, url: string): Promise<{ server: Node; cookie: string }> {
  const environment = {
    DATABASE_URL: url,
    POSTERN_DATABASE_POOL_SIZE: "3",
    POSTERN_THROTTLE: "off",
  };
  await createAlice(sandbox, url);
  const server = await sandbox.serveInProcess(environment);
  const { cookie } = await login(server, "alice", PASSWORD);
  await Promise.all(Array.from({ length: 12 }, () => profile(server, cookie))); // The pool is full.
  return { server, cookie };
}

const readiness = async ({ url }: Node) => (await fetch(`${url}/readyz`)).status;

/** Requests profiles and logs in until `stop` is called. */
function startLoad(server: Node, cookie: string): { statuses: number[]; stop: () => Promise<void> } {
  const statuses: number[] = [];
  const stopping = new AbortController();
  const repeat = async (ask: () => Promise<number>) => {
    while (!stopping.signal.aborted) {
      statuses.push(await ask());
      await sleep(LOAD_PAUSE_MS);
    }
  };
  const asking = Promise.all([
    repeat(async () => (await profile(server, cookie)).status),
    repeat(async () => {
      const { status, cookie } = await login(server, "alice", PASSWORD);
      if (cookie !== "") await logout(server, cookie); // A user may have 100 sessions.
      return status;
    }),
    repeat(() => readiness(server)),
  ]);
  return {
    statuses,
    stop: async () => {
      stopping.abort();
      await asking;
    },
  };
}

describe("a Postgres connection that is of no use any more", () => {
  const postgres = usePostgres(PROCESSES);

  test("is closed after the type of a column changed, and no request fails", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const url = await postgres.createDatabase("altered");
    const { server, cookie } = await startServer(sandbox, url);
    const load = startLoad(server, cookie);
    await withDatabase(url, async (db) => {
      for (const type of ["text", "varchar(300)", "text"]) {
        await sql`alter table users alter column email type ${sql.raw(type)}`.execute(db);
        await sql`alter table sessions alter column user_agent type ${sql.raw(type)}`.execute(db);
        await sql`alter table devices alter column id type ${sql.raw(type)}`.execute(db);
        const answered = load.statuses.length;
        await until("ten more requests are answered", async () => load.statuses.length > answered + 10);
      }
    });
    await load.stop();
    assert.deepEqual([...new Set(load.statuses)].sort(), [200, 202]);
  });

  test("is closed after the server ended it, and no later request fails", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const url = await postgres.createDatabase("terminated");
    const { server, cookie } = await startServer(sandbox, url);
    await withDatabase(url, async (db) => {
      const others = sql`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()`;
      for (let times = 0; times < 5; times++) {
        await others.execute(db);
        assert.equal((await profile(server, cookie)).status, 200);
        await others.execute(db);
        assert.equal((await login(server, "alice", PASSWORD)).status, 202);
      }
    });
  });

  test(
    "is closed after the server became read-only; /readyz reports it, and the node recovers by itself",
    PROCESSES,
    async () => {
      await using sandbox = await createSandbox();
      const primary = await startPostgres(); // Its settings change.
      const url = await primary.createDatabase("failover");
      await createAlice(sandbox, url);
      const standby = await primary.startStandby();
      try {
        await using relay = await startRelay(primary.port);
        const { server, cookie } = await startServer(sandbox, relay.through(url));
        const load = startLoad(server, cookie);
        await withDatabase(url, async (db) => {
          await sql`alter system set default_transaction_read_only = on`.execute(db);
          await sql`select pg_reload_conf()`.execute(db);
        });
        await until("the node says that it cannot write", async () => (await readiness(server)) === 503);
        assert.equal((await login(server, "alice", PASSWORD)).status, 503);
        assert.equal((await profile(server, cookie)).status, 200);
        await promote(standby.urlOf("failover"), await withDatabase(url, findLastWrite));
        relay.redirect(standby.port);
        const redirectedAt = performance.now();
        const { status } = await login(server, "alice", PASSWORD);
        const healedMs = Math.round(performance.now() - redirectedAt);
        assert.equal(status, 202);
        assert.equal(await readiness(server), 200);
        await load.stop();
        assert.deepEqual([...new Set(load.statuses)].sort(), [200, 202, 503]);
        process.stdout.write(
          `Failover: ${load.statuses.length} requests, 0 answered 500, the first login after ${healedMs} ms.\n`,
        );
      } finally {
        await Promise.all([standby.stop(), primary.stop()]);
      }
    },
  );
});

/** @returns the end of the server's log */
async function findLastWrite(db: Db): Promise<string> {
  const { rows } = await sql<{ place: string }>`select pg_current_wal_lsn() as place`.execute(db);
  return rows[0]?.place ?? assert.fail();
}

/** Waits until the standby has the whole log, then promotes it. */
async function promote(url: string, lastWrite: string): Promise<void> {
  await withDatabase(url, async (db) => {
    const isSo = async (question: ReturnType<typeof sql<{ isSo: boolean }>>) =>
      (await question.execute(db)).rows[0]?.isSo === true;
    const hasAll = sql<{ isSo: boolean }>`select pg_last_wal_replay_lsn() >= cast(${lastWrite} as pg_lsn) as "isSo"`;
    await until("the standby has caught up", () => isSo(hasAll));
    await sql`select pg_promote()`.execute(db);
    await until("the standby takes writes", () => isSo(sql`select not pg_is_in_recovery() as "isSo"`));
  });
}
