import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openDatabase, transaction } from "../db/open.ts";
import { findUser, setActive } from "../db/users.ts";
import { IS_LONG } from "./support/effort.ts";
import { createSandbox, login, profile, type Sandbox, type Server } from "./support/process.ts";

const PROCESSES = { timeout: 60_000 };

const PASSWORD = "right horse";

/** `npm test` makes the longest wait short. `npm run test:faults` waits as long as the server does by default. */
const LOCK_TIMEOUT_MS = IS_LONG ? 5000 : 500;

/** A server, and a connection of the test process to its file. */
async function serveBeside(sandbox: Sandbox): Promise<Server> {
  await sandbox.run(["createuser", "alice", "--password-stdin"], { input: PASSWORD });
  return sandbox.serve();
}

/** Holds SQLite's write lock while `work` runs. */
function whileLocked(sandbox: Sandbox, work: () => Promise<void>): Promise<void> {
  return sandbox.withDatabase((db) => transaction(db, work));
}

/** @returns the duration */
async function timed<T>(work: Promise<T>): Promise<{ result: T; ms: number }> {
  const begin = performance.now();
  const result = await work;
  return { result, ms: performance.now() - begin };
}

describe("while another process writes to the SQLite file", () => {
  test("a login waits until the end of the write; other requests are answered at once", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const server = await serveBeside(sandbox);
    const before = await login(server, "alice", PASSWORD);
    let waiting: Promise<{ status: number; cookie: string }> | undefined;
    await whileLocked(sandbox, async () => {
      let isAnswered = false;
      waiting = login(server, "alice", PASSWORD).finally(() => {
        isAnswered = true;
      });
      await sleep(500);
      for (let times = 0; times < 10; times++) {
        assert.equal((await fetch(`${server.url}/nowhere/`)).status, 404);
        // This request reads the database and does not wait for the login.
        assert.equal((await profile(server, before.cookie)).status, 200);
      }
      assert(!isAnswered, "the login did not wait");
    });
    const result = (await waiting) ?? assert.fail();
    assert.equal(result.status, 202);
    assert.equal((await profile(server, result.cookie)).status, 200);
    assert.equal((await server.stop()).code, 0);
  });

  test(
    "a login is answered 503 if the write takes longer than its longest wait, and the server goes on",
    PROCESSES,
    async () => {
      await using sandbox = await createSandbox();
      await sandbox.run(["createuser", "alice", "--password-stdin"], { input: PASSWORD });
      const server = await sandbox.serveInProcess({}, IS_LONG ? {} : { lockTimeoutMs: LOCK_TIMEOUT_MS });
      await whileLocked(sandbox, async () => {
        const body = new URLSearchParams({ username: "alice", password: PASSWORD });
        const logins = Array.from({ length: IS_LONG ? 3 : 1 }, () =>
          timed(fetch(`${server.url}/login/`, { method: "POST", body })),
        );
        for (const { result, ms } of await Promise.all(logins)) {
          assert.equal(result.status, 503);
          assert.equal(result.headers.get("Retry-After"), "5");
          assert(ms >= LOCK_TIMEOUT_MS, `it gave up after ${ms} ms`);
        }
      });
      const { status, cookie } = await login(server, "alice", PASSWORD);
      assert.equal(status, 202);
      assert.equal((await profile(server, cookie)).status, 200);
    },
  );

  test("a command waits too", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await sandbox.run(["createuser", "alice", "--password-stdin"], { input: PASSWORD });
    let result: Promise<{ code: number | null; stderr: string }> | undefined;
    await whileLocked(sandbox, async () => {
      result = sandbox.spawn(["deactivate", "alice"]); // The wait at the opening blocks its process.
      await sleep(IS_LONG ? 2000 : 1000);
    });
    assert.equal((await result)?.code, 0);
    assert.equal((await sandbox.withDatabase((db) => findUser(db, "alice")))?.isActive, false);
  });
});

test("two connections that write all the time both make progress", PROCESSES, async () => {
  await using sandbox = await createSandbox();
  await sandbox.run(["createuser", "alice", "--password-stdin"], { input: PASSWORD });
  const url = `sqlite:${join(sandbox.folder, "postern.db")}`;
  const open = () => openDatabase(url, { mayCreate: false, poolSize: 1 });
  const [first, second] = [await open(), await open()];
  const user = await findUser(first, "alice");
  assert(user);
  const write = (db: typeof first) => transaction(db, (trx) => setActive(trx, user.id, true).then(() => sleep(1)));
  const writes = Array.from({ length: 100 }, (_, index) => write(index % 2 === 0 ? first : second));
  await Promise.all(writes);
  for (const db of [first, second]) await db.destroy();
});

test("a statement outside of a transaction does not join the open transaction", PROCESSES, async () => {
  await using sandbox = await createSandbox();
  await sandbox.run(["createuser", "alice", "--password-stdin"], { input: PASSWORD });
  await sandbox.withDatabase(async (db) => {
    const user = await findUser(db, "alice");
    assert(user);
    let outside: Promise<unknown> | undefined;
    const failing = transaction(db, async (trx) => {
      await setActive(trx, user.id, true);
      outside = setActive(db, user.id, false);
      await sleep(50);
      throw new Error("rolled back");
    });
    await assert.rejects(failing, /rolled back/);
    await outside;
    assert.equal((await findUser(db, "alice"))?.isActive, false);
  });
});
