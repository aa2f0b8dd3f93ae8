import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openDatabase } from "../db/open.ts";
import { countLost, createLedger, drive, type Ledger } from "./faults/load.ts";
import { createRandom } from "./faults/random.ts";
import { type Balancer, startBalancer } from "./support/balancer.ts";
import { IS_LONG, LOAD_PAUSE_MS } from "./support/effort.ts";
import { until } from "./support/poll.ts";
import { freePort, usePostgres } from "./support/postgres.ts";
import { createSandbox, login, logout, profile, type Sandbox, type Server } from "./support/process.ts";

const PROCESSES = { timeout: 120_000 };

/** How many nodes start at the same time. */
const AT_ONCE = IS_LONG ? 10 : 3;

const LOAD = {
  username: "alice",
  password: "right horse",
  clients: 4,
  pauseMs: LOAD_PAUSE_MS,
  random: createRandom(1),
};

/** A node that uses the same port after a restart. */
interface Node {
  port: number;
  server: Server;
  restart: () => Promise<void>;
}

async function startNode(sandbox: Sandbox, url: string): Promise<Node> {
  const port = await freePort();
  // After SIGTERM, a node answers 503 at /readyz and goes on for a second, so that the balancer notices.
  const settings = { POSTERN_SHUTDOWN_DELAY_SECONDS: "1", POSTERN_THROTTLE: "off", POSTERN_SESSIONS_PER_USER: "10000" };
  const environment = { DATABASE_URL: url, PORT: String(port), ...settings };
  const start = () => sandbox.serve({ environment });
  const node: Node = {
    port,
    server: await start(),
    restart: async () => {
      node.server = await start();
    },
  };
  return node;
}

/** Starts them at the same time on an empty database. */
async function startNodes(sandbox: Sandbox, url: string): Promise<[Node, Node, Node]> {
  const more = Array.from({ length: AT_ONCE - 3 }, () => startNode(sandbox, url));
  const three = [startNode(sandbox, url), startNode(sandbox, url), startNode(sandbox, url)] as const;
  for (const node of await Promise.all(more)) await node.server.stop("SIGKILL");
  return Promise.all(three);
}

/** Sends requests through the balancer while `work` runs. */
async function underLoad(balancer: Balancer, work: (more: () => Promise<void>) => Promise<void>): Promise<Ledger> {
  const ledger = createLedger();
  const stopping = new AbortController();
  const load = drive(balancer, LOAD, ledger, stopping.signal);
  const more = async () => {
    const { logins, logouts } = ledger;
    await until("ten more logins and five more logouts", () => {
      return ledger.logins >= logins + 10 && ledger.logouts >= logouts + 5;
    });
  };
  try {
    await more();
    await work(more);
    await more();
  } finally {
    stopping.abort();
    await load;
  }
  return ledger;
}

describe("several nodes on one Postgres", () => {
  const postgres = usePostgres(PROCESSES);

  let sandbox: Sandbox;
  let url = "";
  let nodes: [Node, Node, Node];
  before(async () => {
    sandbox = await createSandbox();
    url = await postgres.createDatabase("nodes");
    nodes = await startNodes(sandbox, url);
    const environment = { DATABASE_URL: url };
    await sandbox.run(["createuser", LOAD.username, "--password-stdin"], { input: LOAD.password, environment });
  }, PROCESSES);
  after(() => sandbox[Symbol.asyncDispose](), PROCESSES);

  test("start at the same time on an empty database, which is migrated once", PROCESSES, async () => {
    for (const { server } of nodes) assert.equal((await profile(server, "")).status, 403);
    const db = await openDatabase(url, { mayCreate: false, poolSize: 1 });
    const rows = await db
      .withTables<{ postern_migration: { name: string } }>()
      .selectFrom("postern_migration")
      .selectAll()
      .execute();
    await db.destroy();
    assert.deepEqual(
      rows.map(({ name }) => name),
      [
        "0001_users_and_sessions",
        "0002_setup_tokens",
        "0003_throttles",
        "0004_events",
        "0005_event_macs",
        "0006_device_details",
        "0007_sessions_by_use",
        "0008_password_costs",
        "0009_one_time_tokens",
        "0010_groups",
        "0011_mail",
        "0012_usernames_like_addresses",
        "0013_second_factors",
      ],
    );
  });

  test("act as one: a login at one and a logout at another count at all nodes at once", PROCESSES, async () => {
    const [{ server: a }, { server: b }, { server: c }] = nodes;
    const { status, cookie } = await login(a, LOAD.username, LOAD.password);
    assert.equal(status, 202);
    assert.equal((await profile(b, cookie)).status, 200);
    assert.equal((await logout(c, cookie)).status, 204);
    for (const server of [a, b]) assert.equal((await profile(server, cookie)).status, 403);
  });

  test("lose no acknowledged write when one of them is killed", PROCESSES, async () => {
    await using balancer = await startBalancer(nodes.map(({ port }) => port));
    const [killed, ...others] = nodes;
    const ledger = await underLoad(balancer, async (more) => {
      await killed.server.stop("SIGKILL");
      await more();
    });
    for (const { server } of others) assert.equal(await countLost(server, ledger), 0);
    // The killed node fails at most one request per client.
    const lost = balancer.failures();
    assert(lost.length <= LOAD.clients, lost.join("\n"));
    await killed.restart();
  });

  test("restart one after another without a failed request", PROCESSES, async () => {
    await using balancer = await startBalancer(nodes.map(({ port }) => port));
    const exits: number[] = [];
    const ledger = await underLoad(balancer, async (more) => {
      for (const node of nodes) {
        const askedAt = Date.now();
        assert.equal((await node.server.stop()).code, 0);
        exits.push(Date.now() - askedAt);
        await more();
        await node.restart();
        await more();
      }
    });
    const { logins, logouts, profiles, broken, unexpected } = ledger;
    const failed = broken + [...unexpected.values()].reduce((sum, count) => sum + count, 0);
    process.stdout.write(
      `Rolling restart: ${logins + logouts + profiles + failed} requests, ${failed} failed; ` +
        `from SIGTERM to exit ${exits.join(", ")} ms\n`,
    );
    assert.deepEqual(balancer.failures(), []);
    assert.deepEqual({ broken, unexpected: [...unexpected] }, { broken: 0, unexpected: [] });
    assert.equal(await countLost(nodes[0].server, ledger), 0);
  });
});
