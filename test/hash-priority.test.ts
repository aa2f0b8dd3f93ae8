import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { getPriority } from "node:os";
import { test } from "node:test";
import { createSandbox, login } from "./support/process.ts";
import { onlyOnBun } from "./support/runtime.ts";

const PROCESSES = { timeout: 60_000, ...onlyOnBun("its threads for hashes come and go") };

const PASSWORD = "right horse";

/** The priorities that Linux has for the threads of a process's pool. */
function poolPriorities(pid: number): Set<number> {
  const threads = readdirSync(`/proc/${pid}/task`).filter((thread) => {
    try {
      return readFileSync(`/proc/${pid}/task/${thread}/comm`, "utf8").startsWith("Bun Pool");
    } catch {
      return false; // It has ended. Those of the pool stay.
    }
  });
  return new Set(threads.map((thread) => getPriority(Number(thread))));
}

test("after a login, hashes have a lower priority than requests", PROCESSES, async () => {
  await using sandbox = await createSandbox();
  await sandbox.run(["createuser", "alice", "--password-stdin"], { input: PASSWORD });
  const server = await sandbox.serve();
  const own = getPriority();
  assert.equal((await login(server, "alice", PASSWORD)).status, 202);
  assert.deepEqual(poolPriorities(server.pid), new Set([Math.min(own + 5, 19)]));
  assert.equal(getPriority(server.pid), own); // Of the thread that answers requests.
});
