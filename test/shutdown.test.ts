import assert from "node:assert/strict";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { describe, test } from "node:test";
import { createSandbox, type Server } from "./support/process.ts";

const PROCESSES = { timeout: 60_000 };

/** Begins a login without sending its body. */
async function beginLogin({ port }: Server): Promise<Socket> {
  const client = connect(port, "127.0.0.1");
  client.on("error", () => {});
  client.write("POST /login/ HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n");
  assert.match(String((await once(client, "data"))[0]), /^HTTP\/1\.1 100 /);
  return client;
}

async function statusOf(url: string): Promise<number | null> {
  return fetch(url, { headers: { Connection: "close" } }).then(
    ({ status }) => status,
    () => null,
  );
}

describe("a server that is stopped", () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(
      `by ${signal} during a request that does not end exits with 0 after the configured time`,
      PROCESSES,
      async () => {
        await using sandbox = await createSandbox();
        await sandbox.run(["createuser", "alice", "--password-stdin"], { input: "right horse" });
        const server = await sandbox.serve({ environment: { POSTERN_SHUTDOWN_SECONDS: "1" } });
        const client = await beginLogin(server);
        const closed = once(client, "close");
        const { code, stderr } = await server.stop(signal);
        assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
        await closed;
        const events = server.events().map(({ event }) => event);
        assert.deepEqual(events.filter((event) => event !== "request").slice(-3), [
          "stopping",
          "requests_cut_off",
          "stopped",
        ]);
        assert.deepEqual(
          (await readdir(sandbox.folder)).sort(),
          ["postern.db", "postern.key"],
          "the database was closed",
        );
      },
    );
  }

  test("by a second signal exits with 1 at once, even with requests in flight", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const server = await sandbox.serve({ environment: { POSTERN_SHUTDOWN_SECONDS: "3600" } });
    const client = await beginLogin(server);
    const stopped = server.stop();
    await server.event("stopping");
    const { code } = await server.stop("SIGINT");
    assert.equal(code, 1);
    await stopped;
    client.destroy();
    assert(!server.events().some(({ event }) => event === "stopped"));
  });

  test("with a delay answers as before, except for /readyz, and then stops", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const server = await sandbox.serve({ environment: { POSTERN_SHUTDOWN_DELAY_SECONDS: "2" } });
    assert.equal(await statusOf(`${server.url}/readyz`), 200);
    const stopped = server.stop();
    await server.event("stopping");
    assert.equal(await statusOf(`${server.url}/readyz`), 503);
    assert.equal(await statusOf(`${server.url}/healthz`), 200);
    assert.equal(await statusOf(`${server.url}/profile/`), 403);
    assert.equal((await stopped).code, 0);
  });

  test("with a delay stops at once at a second signal", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const server = await sandbox.serve({ environment: { POSTERN_SHUTDOWN_DELAY_SECONDS: "3600" } });
    const stopped = server.stop();
    await server.event("stopping");
    assert.equal((await server.stop()).code, 1);
    await stopped;
  });

  test("answers on the operators' listener until the end", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const server = await sandbox.serve({ environment: { POSTERN_OPS_ADDRESS: "[::1]:0" } });
    const { url } = await server.event("ops_listening");
    assert.equal(await statusOf(`${url}healthz`), 200);
    assert.equal(await statusOf(`${url}metrics`), 200);
    assert.equal(await statusOf(`${url}profile/`), 404);
    assert.equal(await statusOf(`${server.url}/healthz`), 404);
    const client = await beginLogin(server);
    const stopped = server.stop();
    await server.event("stopping");
    assert.equal(await statusOf(`${url}readyz`), 503);
    client.destroy();
    assert.equal((await stopped).code, 0);
  });
});

describe("the start fails with one sentence if another server has", () => {
  test("the main address or the operators' address", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const first = await sandbox.serve({ environment: { POSTERN_OPS_ADDRESS: "127.0.0.1:0" } });
    const { host, port } = new URL(String((await first.event("ops_listening"))["url"]));
    for (const [taken, setting, environment] of [
      [port, "POSTERN_OPS_ADDRESS", { PORT: "0", POSTERN_OPS_ADDRESS: host }],
      [first.port, "PORT", { PORT: String(first.port) }],
    ] as const) {
      const stderr = `Port ${taken} is in use. Stop the other server, or set ${setting}.\n`;
      assert.deepEqual(await sandbox.run(["serve"], { environment }), { code: 1, stdout: "", stderr });
    }
  });
});
