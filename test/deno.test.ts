import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { freePort } from "./support/postgres.ts";
import { createSandbox, login, logout, profile, ROOT } from "./support/process.ts";
import { onlyOnDeno } from "./support/runtime.ts";

const PROCESSES = { timeout: 60_000 };

const PASSWORD = "right horse";

/** The minimal permissions of `serve`, for a database `postern.db` in the current folder. */
const permissions = (port: number) => [
  "--no-prompt",
  "--allow-env",
  `--allow-net=127.0.0.1:${port}`,
  `--allow-ffi=${join(ROOT, "node_modules")}`,
  "--allow-read=postern.db,postern.db-wal,postern.key,.env,/usr/bin/ldd",
  "--allow-write=postern.db,postern.db-wal,postern.key",
];

describe("Deno's permissions", onlyOnDeno("Bun has no permissions"), () => {
  const setUp = async () => {
    const port = await freePort();
    const program = [process.execPath, "run", ...permissions(port), join(ROOT, "server.ts")];
    return { sandbox: await createSandbox(program), environment: { PORT: String(port) } };
  };

  test("can be few to create users, to log in and to log out", PROCESSES, async () => {
    const { sandbox: made, environment } = await setUp();
    await using sandbox = made;
    const { stdout } = await sandbox.run(["createuser", "alice", "--password-stdin"], { input: PASSWORD });
    assert.equal(stdout, "User alice created.\n");
    const server = await sandbox.serve({ environment });
    const { status, cookie } = await login(server, "alice", PASSWORD);
    assert.equal(status, 202);
    assert.equal((await profile(server, cookie)).status, 200);
    assert.equal((await logout(server, cookie)).status, 204);
    const { code, stderr } = await server.stop();
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  });

  test("are not widened for workers: without -A, none is started", PROCESSES, async () => {
    const { sandbox: made, environment } = await setUp();
    await using sandbox = made;
    const { code, stderr } = await sandbox.run(["serve"], { environment: { ...environment, POSTERN_WORKERS: "2" } });
    assert.deepEqual(
      { code, stderr },
      { code: 1, stderr: "POSTERN_WORKERS is more than 1. This needs Linux, and on Deno the flag -A.\n" },
    );
  });
});
