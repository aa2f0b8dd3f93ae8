import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { readApplicationFiles } from "./support/applications.ts";
import { createAssertions } from "./support/assertions.ts";
import { until } from "./support/poll.ts";
import { freePort } from "./support/postgres.ts";
import { createSandbox, ROOT, type Sandbox, start } from "./support/process.ts";
import { IS_DENO } from "./support/runtime.ts";
import { TEST_SECRET_KEY } from "./support/secret-key.ts";

const PROCESSES = { timeout: 180_000 };

const ISSUER = "https://login.test";
const AUDIENCE = "https://app.test";

const isPackage = (name: string) => existsSync(join(ROOT, "node_modules", name));

const runs = (command: string, ...args: string[]) => spawnSync(command, args).status === 0;

const PYTHON = ["python3", "/usr/bin/python3"].find((python) => runs(python, "-c", "import fastapi, jwt, uvicorn"));

/** The examples that are servers, with the command that starts each in the folder of the example. */
const SERVERS: { name: string; isInstalled: boolean; build?: string[]; command: (port: number) => string[] }[] = [
  {
    name: "Express",
    isInstalled: !IS_DENO && isPackage("express"),
    command: () => [process.execPath, "express.js"],
  },
  {
    name: "Go",
    isInstalled: runs("go", "version"),
    build: ["go", "build", "-o", "application", "main.go"],
    command: () => ["./application"],
  },
  {
    name: "FastAPI",
    isInstalled: PYTHON !== undefined,
    command: (port) => [PYTHON ?? "", "-m", "uvicorn", "main:app", `--port=${port}`],
  },
];

/** The examples in a folder of their own, with the packages of this project, and a Postern that has the keys. */
async function setUp(sandbox: Sandbox) {
  const postern = await sandbox.serveInProcess({ PUBLIC_URL: ISSUER, POSTERN_SECRET_KEY: TEST_SECRET_KEY });
  const port = await freePort();
  const keys = `${postern.url}/.well-known/jwks.json`;
  for (const [name, code] of readApplicationFiles({ keys, issuer: ISSUER, audience: AUDIENCE, port })) {
    await writeFile(join(sandbox.folder, name), code);
  }
  await writeFile(join(sandbox.folder, "package.json"), '{ "type": "module" }');
  await symlink(join(ROOT, "node_modules"), join(sandbox.folder, "node_modules"));
  const load = (file: string) => import(pathToFileURL(join(sandbox.folder, file)).href);
  const timesAsked = () => postern.events().filter(({ route }) => route === "/.well-known/jwks.json").length;
  return { postern, port, load, timesAsked, assertions: await createAssertions(ISSUER, AUDIENCE) };
}

/** Whether an application answers 200 with the user to a valid assertion, and 401 to all others. */
async function check(
  { valid, invalid }: { valid: string; invalid: Record<string, string> },
  ask: (headers: Record<string, string>) => Response | Promise<Response>,
): Promise<void> {
  const forged = { "Remote-User": "admin", Remote_User: "admin" };
  const welcome = await ask({ ...forged, "Postern-Assertion": valid });
  assert.equal(welcome.status, 200);
  assert.match(await welcome.text(), /\balice\b/);
  assert.equal((await ask(forged)).status, 401);
  for (const [what, assertion] of Object.entries(invalid)) {
    assert.equal((await ask({ ...forged, "Postern-Assertion": assertion })).status, 401, what);
  }
  assert.equal((await ask({ "Postern-Assertion": valid })).status, 200);
}

describe("an application that verifies assertions", () => {
  test("with jose gets the claims, fetches the keys once, and says if it cannot", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const { load, postern, timesAsked, assertions } = await setUp(sandbox);
    const { verify } = await load("postern.js");
    const { sub, preferred_username, groups } = await verify(assertions.valid);
    assert.deepEqual([sub, preferred_username, groups], ["7", "alice", ["writers"]]);
    for (const [what, assertion] of Object.entries(assertions.invalid)) {
      assert.equal(await verify(assertion), null, what);
    }
    assert.equal(await verify(undefined), null);
    assert.equal(timesAsked(), 1);
    await postern.stop();
    assert.notEqual(await verify(assertions.valid), null);
    await copyFile(join(sandbox.folder, "postern.js"), join(sandbox.folder, "restarted.js"));
    await assert.rejects((await load("restarted.js")).verify(assertions.valid));
  });

  const hono = isPackage("hono") ? "" : ", which did not run: hono is not installed";
  test(`with Hono denies every other assertion${hono}`, { ...PROCESSES, skip: hono !== "" }, async () => {
    await using sandbox = await createSandbox();
    const { load, assertions } = await setUp(sandbox);
    const { default: app } = await load("hono.js");
    await check(assertions, (headers) => app.fetch(new Request(`${AUDIENCE}/`, { headers })));
  });

  for (const { name, isInstalled, build, command } of SERVERS) {
    const missing = isInstalled ? "" : `, which did not run: ${name} is not installed`;
    test(`with ${name} denies every other assertion${missing}`, { ...PROCESSES, skip: !isInstalled }, async () => {
      await using sandbox = await createSandbox();
      const { port, assertions, timesAsked } = await setUp(sandbox);
      const environment = { GOCACHE: join(sandbox.folder, "cache") };
      if (build !== undefined) {
        const { code, stderr } = await start(build, sandbox.folder, { environment }).ended;
        assert.equal(code, 0, stderr);
      }
      const server = start(command(port), sandbox.folder);
      try {
        const ask = (headers: Record<string, string>) => fetch(`http://127.0.0.1:${port}/`, { headers });
        const answers = () =>
          ask({}).then(
            ({ status }) => status === 401,
            () => false,
          );
        await until(`${name} answers`, answers);
        await check(assertions, ask);
        assert(timesAsked() <= 10, `The keys were fetched ${timesAsked()} times.`);
      } finally {
        server.child.kill("SIGKILL");
        await server.ended;
      }
    });
  }
});
