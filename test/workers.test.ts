import assert from "node:assert/strict";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { get, type IncomingMessage } from "node:http";
import { createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { parseConfig } from "../lib/config/load.ts";
import { until } from "./support/poll.ts";
import { freePort, usePostgres } from "./support/postgres.ts";
import { createSandbox, login, logout, type RunOptions, type Sandbox, type Server } from "./support/process.ts";

const PROCESSES = { timeout: 60_000 };

const PASSWORD = "right horse";

async function startTwo(sandbox: Sandbox, environment: Record<string, string> = {}): Promise<Server> {
  const settings = { POSTERN_WORKERS: "2", PORT: String(await freePort()), ...environment };
  await sandbox.run(["createuser", "alice", "--password-stdin"], { input: PASSWORD, environment });
  const server = await sandbox.serve({ environment: settings }, ["serve"], { isHasty: true });
  await until("both listen", () => listening(server).length === 2);
  return server;
}

const eventsNamed = (server: Server, name: string) => server.events().filter(({ event }) => event === name);
const listening = (server: Server) => eventsNamed(server, "listening");

/** Uses a connection of its own. The system chooses the worker. */
async function freshProfile(server: Server, cookie: string): Promise<number | undefined> {
  // Deno's fetch would reuse one connection.
  const request = get(`${server.url}/profile/`, { headers: { Cookie: cookie }, agent: false });
  const [response]: IncomingMessage[] = await once(request, "response");
  response?.resume();
  return response?.statusCode;
}

/** Requests the profile until every worker has answered. @returns the statuses */
async function askAll(server: Server, cookie: string): Promise<Set<number | undefined>> {
  const before = eventsNamed(server, "request").length;
  const statuses = new Set<number | undefined>();
  await until("every worker has answered", async () => {
    statuses.add(await freshProfile(server, cookie));
    const answered = eventsNamed(server, "request").slice(before);
    return new Set(answered.map(({ worker }) => worker)).size === 2;
  });
  return statuses;
}

/** @returns the process id of each worker, by worker number */
async function findWorkers(server: Server): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const [stat, line] = await Promise.all(
      ["stat", "cmdline"].map((name) => readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "")),
    );
    const [, parent] = /^\d+ \(.*\) \S (\d+) /.exec(stat ?? "") ?? [];
    const [, number] = /\0worker\0--number\0(\d+)\0/.exec(line ?? "") ?? [];
    if (Number(parent) === server.pid && number !== undefined) found.set(Number(number), Number(pid));
  }
  return found;
}

async function workerOf(server: Server, number: number): Promise<number> {
  const pid = (await findWorkers(server)).get(number);
  assert(pid !== undefined);
  return pid;
}

const isRunning = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

async function assertOneService(server: Server): Promise<void> {
  const { status, cookie } = await login(server, "alice", PASSWORD);
  assert.equal(status, 202);
  assert.deepEqual(await askAll(server, cookie), new Set([200]));
  assert.equal((await logout(server, cookie)).status, 204);
  assert.deepEqual(await askAll(server, cookie), new Set([403]));
}

describe("two workers (POSTERN_WORKERS)", () => {
  const postgres = usePostgres(PROCESSES);
  let shared: Sandbox;
  let server: Server;
  before(async () => {
    shared = await createSandbox();
    server = await startTwo(shared);
  }, PROCESSES);
  after(() => shared[Symbol.asyncDispose](), PROCESSES);

  test("share one port and one SQLite file: a login and a logout count in both", PROCESSES, async () => {
    assert.deepEqual(
      listening(server)
        .map(({ worker }) => worker)
        .sort(),
      [1, 2],
    );
    await assertOneService(server);
  });

  test("do not share the port with another server", PROCESSES, async () => {
    const { port } = server;
    const environment = { PORT: String(port), POSTERN_WORKERS: "2" };
    const { code, stdout, stderr } = await shared.run(["serve"], { environment });
    assert.deepEqual({ code, stdout }, { code: 1, stdout: "" });
    assert.equal(stderr, `Port ${port} is in use. Stop the other server, or set PORT.\n`);
  });

  test("go on if one is killed, and a new one replaces it", PROCESSES, async () => {
    const { cookie } = await login(server, "alice", PASSWORD);
    for (let times = 1; times <= 2; times++) {
      process.kill(await workerOf(server, 1), "SIGKILL");
      await until("the end of the worker is noticed", () => eventsNamed(server, "worker_ended").length === times);
      assert.equal(await freshProfile(server, cookie), 200);
      await until("it is replaced", () => listening(server).length === 2 + times);
      assert.deepEqual(await askAll(server, cookie), new Set([200]));
    }
    // The wait grows each time, so that a worker that cannot run does not keep the machine busy.
    assert.deepEqual(
      eventsNamed(server, "worker_ended").map(({ worker, reason, replaced_in_ms }) => [worker, reason, replaced_in_ms]),
      [
        [1, "SIGKILL", 100],
        [1, "SIGKILL", 200],
      ],
    );
  });

  test("end if their parent is killed", PROCESSES, async () => {
    const workers = [...(await findWorkers(server)).values()];
    assert.equal(workers.length, 2);
    await server.stop("SIGKILL");
    await until("they are gone", () => !workers.some(isRunning));
  });

  for (const [signal, database] of [
    ["SIGTERM", "SQLite"],
    ["SIGINT", "Postgres"],
  ] as const) {
    test(
      `share one ${database} database; both end at ${signal}, and then their parent with exit code 0`,
      PROCESSES,
      async () => {
        await using sandbox = await createSandbox();
        const url = database === "Postgres" ? { DATABASE_URL: await postgres.createDatabase("postern") } : {};
        const server = await startTwo(sandbox, url);
        await assertOneService(server);
        const workers = [...(await findWorkers(server)).values()];
        assert.equal(workers.length, 2);
        const { code, stderr } = await server.stop(signal);
        assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
        assert.deepEqual(workers.filter(isRunning), []);
        const stops = eventsNamed(server, "stopped").map(({ worker }) => worker ?? null);
        assert.deepEqual([stops.slice(0, 2).sort(), stops.at(-1)], [[1, 2], null]);
      },
    );
  }
});

test("one worker, the default, starts no second process", PROCESSES, async () => {
  await using sandbox = await createSandbox();
  const server = await sandbox.serve();
  assert.equal((await findWorkers(server)).size, 0);
  assert(server.events().every((event) => !("worker" in event)));
});

describe("POSTERN_WORKERS", () => {
  const assertStops = async (environment: RunOptions["environment"], sentence: string) => {
    await using sandbox = await createSandbox();
    const expected = { code: 1, stdout: "", stderr: `${sentence}\n` };
    assert.deepEqual(await sandbox.run(["serve"], { environment: environment ?? {} }), expected);
  };

  test("needs a PORT other than 0", PROCESSES, () =>
    assertStops(
      { POSTERN_WORKERS: "2", PORT: "0" },
      "PORT is 0, and POSTERN_WORKERS is 2: workers need one port to share. Set PORT.",
    ),
  );

  test("needs a database that processes can share", PROCESSES, () =>
    assertStops(
      { POSTERN_WORKERS: "2", DATABASE_URL: "sqlite::memory:" },
      "DATABASE_URL is sqlite::memory:, and POSTERN_WORKERS is 2: workers need one database to share. Set DATABASE_URL to a file or to Postgres.",
    ),
  );

  test("needs a free port", PROCESSES, async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const address = other.address();
    assert(address !== null && typeof address === "object");
    const taken = String(address.port);
    const sentence = (setting: string) => `Port ${taken} is in use. Stop the other server, or set ${setting}.`;
    await assertStops({ POSTERN_WORKERS: "2", PORT: taken }, sentence("PORT"));
    const operators = { POSTERN_OPS_ADDRESS: `127.0.0.1:${taken}`, PORT: String(await freePort()) };
    await assertStops({ POSTERN_WORKERS: "2", ...operators }, sentence("POSTERN_OPS_ADDRESS"));
    other.close();
  });

  test("accepts auto, the number of cores", () => {
    assert(parseConfig({ POSTERN_WORKERS: "auto" }).workers >= 1);
    assert.throws(() => parseConfig({ POSTERN_WORKERS: "0" }), /POSTERN_WORKERS is "0"/);
  });

  test("is the only way to start a worker: the command worker is denied to a person", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const { code, stderr } = await sandbox.run(["worker"]);
    assert.deepEqual({ code, stderr }, { code: 2, stderr: "serve starts the workers. Set POSTERN_WORKERS.\n" });
  });
});
