import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, stat, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import { createSandbox, type Sandbox, type Server } from "./support/process.ts";

const PROCESSES = { timeout: 60_000 };

interface Answer {
  status: number | undefined;
  body: string;
}

/** Asks like a proxy does over its upstream socket. */
function ask(path: string, target: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: path, path: target, headers: { Host: "app.test", ...headers } }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      response.on("end", () => resolve({ status: response.statusCode, body }));
    });
    sent.on("error", reject);
    sent.end();
  });
}

/** Starts `serve` on a socket in the sandbox's folder, and waits until it listens. */
async function serve(
  sandbox: Sandbox,
  environment: Record<string, string> = {},
): Promise<{ path: string; server: Server }> {
  const path = join(sandbox.folder, "postern.sock");
  const server = await sandbox.serve({ environment: { HOST: `unix:${path}`, ...environment } }, ["serve"], {
    isHasty: true,
  });
  return { path, server };
}

const TRUSTED = { POSTERN_TRUSTED_PROXIES: "unix, 10.0.0.0/8" };

const NGINX = { "X-Original-Method": "GET", "X-Original-URL": "https://app.test/" };

async function clientOf(server: Server): Promise<unknown> {
  return (await server.event("request"))["client"];
}

describe("HOST=unix:PATH", () => {
  test("answers over the socket, and removes it at the stop", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const { path, server } = await serve(sandbox);
    assert.equal((await server.event("listening"))["url"], `unix:${path}`);
    assert((await stat(path)).isSocket());
    assert.equal((await ask(path, "/profile/")).status, 403);
    assert.equal((await ask(path, "/login/..\\..\\healthz")).status, 404);
    assert.equal((await ask(path, "/metrics", { Host: "localhost" })).status, 404);
    assert.equal((await server.stop()).code, 0);
    assert(!existsSync(path));
  });

  test("believes the proxy's headers with POSTERN_TRUSTED_PROXIES=unix alone", PROCESSES, async () => {
    const forwarded = { "X-Forwarded-For": "203.0.113.9" };
    await using trusting = await createSandbox();
    const trusted = await serve(trusting, TRUSTED);
    await ask(trusted.path, "/profile/", forwarded);
    assert.equal(await clientOf(trusted.server), "203.0.113.9");
    assert.equal((await ask(trusted.path, "/auth/nginx/", NGINX)).status, 401);
    await using doubting = await createSandbox();
    const doubted = await serve(doubting);
    await ask(doubted.path, "/profile/", forwarded);
    assert.equal(await clientOf(doubted.server), "");
    assert.equal((await doubted.server.event("proxy_not_trusted"))["peer"], "unix");
    assert.equal((await ask(doubted.path, "/auth/nginx/", NGINX)).status, 403);
    const { stdout } = await doubting.run(["check"], { environment: { HOST: `unix:${doubted.path}` } });
    assert.match(stdout, /HOST is a Unix socket, and POSTERN_TRUSTED_PROXIES does not have unix/);
  });

  test("replaces the socket of a killed server, and not that of a live one", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const first = await serve(sandbox);
    await first.server.stop("SIGKILL");
    assert(existsSync(first.path));
    const { path } = await serve(sandbox);
    const other = await sandbox.run(["serve"], { environment: { HOST: `unix:${path}` } });
    assert.deepEqual(
      { code: other.code, stderr: other.stderr },
      { code: 1, stderr: `Another server answers at ${path}. Stop it, or set HOST.\n` },
    );
    assert.equal((await ask(path, "/profile/")).status, 403);
  });

  test("does not replace another program's live socket", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const path = join(sandbox.folder, "other.sock");
    const other = createServer((socket) => socket.end());
    await new Promise<void>((resolve) => other.listen(path, resolve));
    const result = await sandbox.run(["serve"], { environment: { HOST: `unix:${path}` } });
    assert.deepEqual([result.code, existsSync(path)], [1, true]);
    await new Promise((resolve) => other.close(resolve));
  });

  test("never removes a file or a folder", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await writeFile(join(sandbox.folder, "diary"), "Dear diary,\n");
    await mkdir(join(sandbox.folder, "folder"));
    for (const name of ["diary", "folder"]) {
      const path = join(sandbox.folder, name);
      const { code, stderr } = await sandbox.run(["serve"], { environment: { HOST: `unix:${path}` } });
      assert.deepEqual([code, stderr], [1, `${path} is not a socket. Move it away, or set HOST.\n`]);
      assert(existsSync(path));
    }
  });

  test("says in a sentence what is wrong with the path", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const missing = join(sandbox.folder, "no/postern.sock");
    const folder = await sandbox.run(["serve"], { environment: { HOST: `unix:${missing}` } });
    assert.deepEqual(
      [folder.code, folder.stderr],
      [1, `The folder of ${missing} does not exist. Create it, or set HOST.\n`],
    );
    for (const path of ["postern.sock", "", "/run/", `/run/${"x".repeat(99)}`]) {
      const { code, stderr } = await sandbox.run(["serve"], { environment: { HOST: `unix:${path}` } });
      assert.equal(code, 1, path);
      assert.match(stderr, /HOST is "unix:.*": expected an address, a host name, or unix: and an absolute path/);
    }
    const workers = { HOST: `unix:${join(sandbox.folder, "postern.sock")}`, POSTERN_WORKERS: "2" };
    assert.match(
      (await sandbox.run(["serve"], { environment: workers })).stderr,
      /processes cannot share a Unix socket/,
    );
  });

  test("takes the mode from the umask", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const before = process.umask(0o117);
    try {
      const { path } = await serve(sandbox);
      assert.equal((await stat(path)).mode & 0o777, 0o660);
    } finally {
      process.umask(before);
    }
  });
});
