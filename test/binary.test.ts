import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { findUser, setPassword } from "../db/users.ts";
import type { App } from "../lib/app.ts";
import manifest from "../package.json" with { type: "json" };
import hashes from "./fixtures/django-hashes.json" with { type: "json" };
import { createAuthenticator } from "./support/authenticator.ts";
import { createClient } from "./support/client.ts";
import { LOGIN, prove, register } from "./support/passkeys.ts";
import { freePort } from "./support/postgres.ts";
import { createSandbox, login, profile, ROOT, type Sandbox } from "./support/process.ts";
import { onlyOnBun } from "./support/runtime.ts";
import { ORIGIN } from "./support/test-app.ts";

const BUILD = { timeout: 120_000 };

describe("the binary", onlyOnBun("the binary is compiled by Bun and contains Bun"), () => {
  let folder = "";
  let sandbox: Sandbox;
  // A folder without bun and node_modules.
  const environment = { PATH: "" };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "postern-build-"));
    const built = join(folder, "built");
    const [program, ...args] = manifest.scripts.build.replace("dist/postern", built).split(" ");
    assert.equal(program, "bun");
    assert(args.includes(built));
    await promisify(execFile)(process.execPath, args, { cwd: ROOT });
    const copy = join(folder, "postern");
    await rename(built, copy);
    sandbox = await createSandbox([copy]);
  }, BUILD);

  after(async () => {
    await sandbox[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  test("names the temporary folder if its native modules cannot be unpacked there", BUILD, async () => {
    const options = { environment: { ...environment, TMPDIR: "/nonexistent" } };
    const stderr =
      "The native modules cannot be loaded from the temporary folder /nonexistent. " +
      "Set BUN_TMPDIR to a folder that this user can write and that is not mounted with noexec.\n";
    const cured = { environment: { ...options.environment, BUN_TMPDIR: folder } };
    const [help, users, version] = await Promise.all([
      sandbox.run(["help"], options),
      sandbox.run(["users"], options),
      sandbox.run(["--version"], cured),
    ]);
    for (const failed of [help, users]) assert.deepEqual(failed, { code: 1, stdout: "", stderr });
    assert.equal(version.code, 0);
  });

  test("prints its version, and its name is postern", BUILD, async () => {
    const { code, stdout } = await sandbox.run(["--version"], { environment });
    assert.deepEqual({ code, stdout }, { code: 0, stdout: `postern ${manifest.version}\n` });
    assert.match((await sandbox.run(["help"], { environment })).stdout, /^Usage: postern \[COMMAND\] \[OPTIONS\]\n/);
  });

  test("runs no file of the current folder", BUILD, async () => {
    await writeFile(join(sandbox.folder, "bunfig.toml"), 'preload = ["./planted.ts"]');
    await writeFile(join(sandbox.folder, "planted.ts"), 'process.stdout.write("planted")');
    const { stdout } = await sandbox.run(["--version"], { environment });
    assert.equal(stdout, `postern ${manifest.version}\n`);
    for (const name of ["bunfig.toml", "planted.ts"]) await rm(join(sandbox.folder, name));
  });

  test("creates a superuser, serves, and logs in with argon2 and an imported bcrypt hash", BUILD, async () => {
    const input = "right horse";
    const made = await sandbox.run(["createsuperuser", "alice", "--password-stdin"], { environment, input });
    assert.deepEqual(made, { code: 0, stdout: "Superuser alice created.\n", stderr: "" });
    const weak = await sandbox.run(["createuser", "bob", "--password-stdin"], { environment, input: "password1" });
    assert.match(weak.stderr, /^This password is too common\.\n/);
    await sandbox.run(["createuser", "bob", "--password-stdin"], { environment, input });
    const imported = hashes.find(({ encoded }) => encoded.startsWith("bcrypt"));
    assert(imported);
    await sandbox.withDatabase(async (db) => {
      const bob = await findUser(db, "bob");
      assert(bob);
      await setPassword(db, bob.id, imported.encoded);
    });
    const server = await sandbox.serve({ environment });
    for (const [username, password] of [
      ["alice", input],
      ["bob", imported.password],
    ] as const) {
      const { status, cookie } = await login(server, username, password);
      assert.equal(status, 202);
      const user: Record<string, unknown> = await (await profile(server, cookie)).json();
      assert.equal(user["username"], username);
    }
    assert.equal((await login(server, "bob", "wrong")).status, 400);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    assert.match(metrics, /^postern_logins_total\{outcome="ok"\} 2$/m);
    assert.equal((await server.stop()).code, 0);
    const shared = { ...environment, POSTERN_WORKERS: "2", PORT: String(await freePort()) };
    const two = await sandbox.serve({ environment: shared });
    assert.equal((await login(two, "alice", input)).status, 202);
    assert.equal((await two.stop()).code, 0);
    // No file is unpacked beside it.
    assert((await readdir(sandbox.folder)).every((name) => /^postern\.(db|key)/.test(name)));
  });

  test("adds a passkey, and logs in with it", BUILD, async () => {
    await sandbox.run(["createuser", "carol", "--password-stdin"], { environment, input: "right horse" });
    const server = await sandbox.serve({ environment: { ...environment, PUBLIC_URL: ORIGIN } });
    const browser = createClient(forwardTo(server));
    assert.equal((await browser.login("carol", "right horse")).status, 202);
    const key = createAuthenticator();
    await register(browser, key);
    assert.equal((await prove(createClient(forwardTo(server)), LOGIN, key)).status, 202);
    assert.equal((await server.stop()).code, 0);
  });
});

/** The server as an application in this process. */
function forwardTo({ url }: { url: string }): App {
  return async (request) => {
    const { method, headers } = request;
    return fetch(url + new URL(request.url).pathname, { method, headers, body: await request.text() });
  };
}
