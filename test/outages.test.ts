import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import { transaction } from "../db/open.ts";
import { IS_LONG, LOAD_PAUSE_MS } from "./support/effort.ts";
import { until } from "./support/poll.ts";
import { usePostgres } from "./support/postgres.ts";
import { createSandbox, login, profile, type Sandbox, type Server } from "./support/process.ts";
import { startRelay } from "./support/relay.ts";

const PROCESSES = { timeout: 120_000 };

const PASSWORD = "right horse";

/**
 * The limits are 3 s for a connection and 6 s for a statement (db/postgres.ts): in `npm run test:faults`. A server that
 * is lost is noticed 1 s after the time-out of the statement. A longer wait is a hang.
 */
const TIMEOUTS = IS_LONG ? {} : { connectTimeoutMs: 1000, statementTimeoutMs: 1000 };
const LONGEST_ANSWER_MS = 20_000;

const within = () => AbortSignal.timeout(LONGEST_ANSWER_MS);

/** A server in this process, so that a short time-out reaches it. */
type Node = Pick<Server, "url" | "events">;

function askProfile({ url }: Node, cookie: string): Promise<Response> {
  return fetch(`${url}/profile/`, { headers: { Cookie: cookie }, signal: within() });
}

function askLogin({ url }: Pick<Server, "url">): Promise<Response> {
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify({ username: "alice", password: PASSWORD });
  return fetch(`${url}/login/`, { method: "POST", headers, body, signal: within() });
}

async function assertUnavailable(response: Response): Promise<void> {
  assert.equal(response.status, 503);
  assert.match(response.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
  assert.deepEqual(await response.json(), {
    detail: "The database cannot be reached. Expected available in 5 seconds.",
  });
}

async function startServer(sandbox: Sandbox, url: string): Promise<{ server: Node; cookie: string }> {
  const environment = { DATABASE_URL: url, POSTERN_DATABASE_POOL_SIZE: "3" };
  await sandbox.run(["createuser", "alice", "--password-stdin"], { input: PASSWORD, environment });
  const server = await sandbox.serveInProcess(environment, TIMEOUTS);
  const { status, cookie } = await login(server, "alice", PASSWORD);
  assert.equal(status, 202);
  return { server, cookie };
}

/** The ErrorResponse (`E`, length, fields) that Postgres sends to each connection when it stops. */
const SHUTTING_DOWN = errorResponse("SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0");

function errorResponse(fields: string): Uint8Array {
  const message = Buffer.alloc(5 + fields.length);
  message.write("E");
  message.writeInt32BE(4 + fields.length, 1);
  message.write(fields, 5);
  return message;
}

const neverFailed = (server: Node) => !server.events().some(({ event }) => event === "unexpected_error");

describe("while Postgres is unavailable", () => {
  const postgres = usePostgres(PROCESSES);

  test("every request is answered 503, and afterwards the sessions are valid again", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const { server, cookie } = await startServer(sandbox, await postgres.createDatabase("stopped"));
    const answers: number[] = [];
    const asking = new AbortController();
    const load = Promise.all(
      Array.from({ length: 3 }, async () => {
        while (!asking.signal.aborted) {
          answers.push((await askProfile(server, cookie)).status);
          await sleep(LOAD_PAUSE_MS);
        }
      }),
    );
    try {
      await postgres.whileStopped(async () => {
        for (let times = 0; times < 3; times++) {
          await assertUnavailable(await askProfile(server, cookie));
          await assertUnavailable(await askLogin(server));
        }
      });
      await until("the profile is shown again", async () => (await askProfile(server, cookie)).status === 200);
      assert.equal((await askLogin(server)).status, 202);
    } finally {
      asking.abort();
      await load;
    }
    // Requests in flight at the stop included: no 500, and no session counts as ended.
    assert.deepEqual([...new Set(answers)].sort(), [200, 503]);
    assert(neverFailed(server));
  });

  test("a dead connection is closed after its first error and not used again", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await using relay = await startRelay(postgres.port);
    const { server, cookie } = await startServer(sandbox, relay.through(await postgres.createDatabase("silent")));
    await Promise.all(Array.from({ length: 12 }, () => askProfile(server, cookie))); // The pool is full.
    relay.silence();
    const answers = await Promise.all([
      askLogin(server),
      ...Array.from({ length: 5 }, () => askProfile(server, cookie)),
    ]);
    for (const answer of answers) await assertUnavailable(answer);
    relay.mend();
    // By now every connection of the pool has failed once. No further request may fail.
    const later = await Promise.all(Array.from({ length: 6 }, () => askProfile(server, cookie)));
    assert.deepEqual(new Set(later.map(({ status }) => status)), new Set([200]));
    assert.equal((await askLogin(server)).status, 202);
    assert(neverFailed(server));
  });

  test("a connection that the server ends right after an answer fails no other request", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await using relay = await startRelay(postgres.port);
    const { server, cookie } = await startServer(sandbox, relay.through(await postgres.createDatabase("ended")));
    for (let times = 0; times < 3; times++) {
      relay.endWith(SHUTTING_DOWN);
      assert.equal((await askProfile(server, cookie)).status, 200);
      assert.equal((await askProfile(server, cookie)).status, 200);
    }
    assert(neverFailed(server));
  });
});

test("a node that starts while Postgres is unavailable fails with one sentence", PROCESSES, async () => {
  await using sandbox = await createSandbox();
  const environment = { DATABASE_URL: "postgres://postgres:secret@127.0.0.1:1/postern" };
  const { code, stdout, stderr } = await sandbox.run(["serve"], { environment });
  assert.deepEqual({ code, stdout }, { code: 1, stdout: "" });
  assert.match(stderr, /^No Postgres answers at 127\.0\.0\.1 port 1 [^\n]*\.\n$/);
  assert(!stderr.includes("secret"));
});

test("the start waits if another process writes to the new file", PROCESSES, async () => {
  await using sandbox = await createSandbox();
  await sandbox.withDatabase(async (db) => {
    await sql`pragma journal_mode = delete`.execute(db); // The mode of a new file before a process sets WAL.
    await sql`begin immediate`.execute(db);
    const server = sandbox.serve({}, ["serve"], { isHasty: true });
    await Promise.race([server, sleep(1000)]);
    await sql`commit`.execute(db); // In this mode it waits for readers. A transaction's commit does not wait.
    assert.equal((await (await server).stop()).code, 0);
  });
});

test("while another process writes for seconds, a login waits and is then answered", PROCESSES, async () => {
  await using sandbox = await createSandbox();
  await sandbox.run(["createuser", "alice", "--password-stdin"], { input: PASSWORD });
  const server = await sandbox.serve();
  const { cookie } = await login(server, "alice", PASSWORD);
  const order: string[] = [];
  const answer = await sandbox.withDatabase(async (db) => {
    let waiting: Promise<Response> | undefined;
    await transaction(db, async () => {
      waiting = askLogin(server).finally(() => order.push("answered"));
      await sleep(IS_LONG ? 3000 : 1000);
      order.push("released");
    });
    return waiting;
  });
  assert.equal(answer?.status, 202);
  assert.deepEqual(order, ["released", "answered"]);
  assert.equal((await profile(server, cookie)).status, 200);
});
