import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "./support/poll.ts";
import { createSandbox, login, logout, profile } from "./support/process.ts";
import { createSmallDisk } from "./support/small-disk.ts";

const PROCESSES = { timeout: 60_000 };

const PASSWORD = "right horse";

test(
  "on a full disk, logins are answered 503 and sessions stay valid; with room again, logins succeed",
  PROCESSES,
  async () => {
    await using home = await createSandbox();
    await using disk = await createSmallDisk(home.folder);
    process.stdout.write(`The full disk is ${disk.kind}.\n`);
    const environment = { DATABASE_URL: disk.databaseUrl };
    await home.run(["createuser", "alice", "--password-stdin"], { input: PASSWORD, environment });
    const server = await home.serve({ environment, program: disk.program });
    const { cookie } = await login(server, "alice", PASSWORD);
    const { cookie: other } = await login(server, "alice", PASSWORD);

    await disk.fill(server);
    // SQLite reuses checkpointed pages of its log, so a few logins may still succeed.
    const statuses = new Set<number>();
    await until("a login fails", async () => {
      const { status } = await login(server, "alice", PASSWORD);
      statuses.add(status);
      return status !== 202;
    });
    assert.deepEqual(
      [...statuses].filter((status) => status !== 202),
      [503],
    );
    for (let times = 0; times < 3; times++) {
      const headers = { "Content-Type": "application/json" };
      const body = JSON.stringify({ username: "alice", password: PASSWORD });
      const denied = await fetch(`${server.url}/login/`, { method: "POST", headers, body });
      assert.equal(denied.status, 503);
      assert.match(denied.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
      assert.equal((await logout(server, other)).status, 503);
      assert.equal((await profile(server, cookie)).status, 200);
      // A logout that was not written is not confirmed.
      assert.equal((await profile(server, other)).status, 200);
    }
    assert.deepEqual(
      server.events().filter(({ event }) => event === "unexpected_error"),
      [],
    );

    await disk.makeRoom(server);
    assert.equal((await login(server, "alice", PASSWORD)).status, 202);
    assert.equal((await logout(server, other)).status, 204);
    assert.deepEqual([(await profile(server, cookie)).status, (await profile(server, other)).status], [200, 403]);
    assert.equal((await server.stop()).code, 0);
  },
);
