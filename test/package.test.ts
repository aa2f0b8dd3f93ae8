import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import manifest from "../package.json" with { type: "json" };
import { onlyInFaults } from "./support/effort.ts";
import { BUN, DENO, installPackage, type Project, readPackageFile, readSnippet } from "./support/package.ts";
import { until } from "./support/poll.ts";
import { freePort } from "./support/postgres.ts";
import { cleanEnvironment, login, logout, ROOT, start } from "./support/process.ts";

const INSTALL = { timeout: 300_000 };
const PROCESSES = { timeout: 60_000 };

const DOCUMENT = "lib/embed/README.md";
const PASSWORD = "a horse that is right";

/** Uses what the package exports, and has an error for each use that the types must forbid. */
const APPLICATION = `
import { createPostern, type Identity, type Postern, PosternError } from "postern";
import { login, profile } from "postern/client";

const postern: Postern = await createPostern({
  publicUrl: "https://example.com",
  trustedOrigins: ["https://app.example.com"],
  trustedProxies: "127.0.0.1",
  auditDays: 30,
  throttle: true,
  passwordRules: "nist",
  siteName: undefined,
  log: (line: string, level: "info" | "warning" | "error") => document.body.append(level, line),
});
const request = new Request("https://example.com/");
const answer: Response | null = await postern.fetch(request, { address: "192.0.2.1" });
const user: Identity | null = await postern.user(request, null);
const groups: readonly string[] = user?.groups ?? [];
document.body.append(String(answer?.status), ...groups, String(new PosternError() instanceof Error));
await login("alice", (await profile())?.first_name ?? "");
await postern.close();

// @ts-expect-error The user may be null.
user.username;
// @ts-expect-error The option does not exist.
await createPostern({ port: 8000 });
// @ts-expect-error There are three sets of rules.
await createPostern({ passwordRules: "strict" });
`;

/** A process that ends by itself. */
const RENDERING = `
import { configure, events, profile } from "postern/client";

configure({ server: "https://example.com" });
events.addEventListener("logout", () => {});
await profile().catch(({ message }) => console.log(message));
`;

const COMPILER = {
  target: "esnext",
  lib: ["esnext", "dom", "dom.iterable"],
  types: [],
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
};

describe("the package", onlyInFaults("npm packs and installs it"), () => {
  let project: Project;

  before(async () => {
    project = await installPackage(`hono@${manifest.devDependencies.hono}`);
  }, INSTALL);

  after(() => project[Symbol.asyncDispose]());

  test("holds built files, and no source and no test", () => {
    const strange = project.files.filter(
      (path) => !/^(dist\/package\/|LICENSE$|README\.md$|package\.json$)/.test(path),
    );
    assert.deepEqual(strange, []);
    assert(project.bytes < 1_000_000, `${project.bytes} bytes`);
  });

  test("has the module for front ends that Postern serves at /client.js, with its types", async () => {
    const served = (name: string) => readFileSync(join(ROOT, "public", name), "utf8");
    assert.equal(await readPackageFile(project, "dist/package/client.js"), served("client.js"));
    assert.equal(await readPackageFile(project, "dist/package/client.d.ts"), served("client.d.ts.txt"));
  });

  test(
    "can be imported by a server that renders pages: its module for front ends waits for a browser",
    PROCESSES,
    async () => {
      await writeFile(join(project.folder, "rendering.js"), RENDERING);
      const sentence = "This module runs in a browser. On a server, pass the cookie on to Postern's /auth/.";
      for (const program of ["node", BUN]) {
        const { child, ended } = start([program, "rendering.js"], project.folder);
        child.stdin.end();
        assert.deepEqual(await ended, { code: 0, stdout: `${sentence}\n`, stderr: "" }, program);
      }
    },
  );

  for (const module of ["nodenext", "preserve"]) {
    test(`has types for an application that is compiled with the module setting ${module}`, PROCESSES, async () => {
      const compilerOptions = { ...COMPILER, module };
      await writeFile(join(project.folder, "application.ts"), APPLICATION);
      await writeFile(
        join(project.folder, "tsconfig.json"),
        JSON.stringify({ compilerOptions, files: ["application.ts"] }),
      );
      const args = [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", project.folder];
      const compiled = promisify(execFile)(BUN, args, { env: cleanEnvironment() });
      assert.equal((await compiled.catch((error) => error)).stdout, "");
    });
  }

  const servers = [
    { name: "Bun.serve", heading: "## Bun", command: [BUN] },
    { name: "Hono on Bun", heading: "## Hono", command: [BUN] },
    { name: "Deno.serve", heading: "## Deno", command: DENO && [DENO, "run", "-A"] },
    { name: "Hono on Deno", heading: "## Hono", command: DENO && [DENO, "serve", "-A", "--host=127.0.0.1"] },
  ];
  for (const { name, heading, command } of servers) {
    if (!command) process.stdout.write(`Not run: the package with ${name}. Deno is not on the PATH.\n`);
    test(`lets a user log in and out, documented with ${name}`, { ...PROCESSES, skip: !command }, async () => {
      await createAlice(project);
      // The document says which line differs on Deno.
      const code = readSnippet(DOCUMENT, heading).replace(
        "hono/bun",
        name === "Hono on Deno" ? "hono/deno" : "hono/bun",
      );
      await writeFile(join(project.folder, "server.js"), code);
      await serve(project, command || []);
    });
  }
});

/** In a new database, by the command of the package. */
async function createAlice({ folder }: Project): Promise<void> {
  for (const file of ["notes.db", "notes.db-wal", "notes.db-shm"]) await rm(join(folder, file), { force: true });
  const environment = { DATABASE_URL: "sqlite:notes.db" };
  const args = ["createsuperuser", "alice", "--password-stdin"];
  const { child, ended } = start([BUN, "node_modules/.bin/postern", ...args], folder, { environment });
  child.stdin.end(PASSWORD);
  assert.deepEqual(await ended, { code: 0, stdout: "Superuser alice created.\n", stderr: "" });
}

/** Starts the server.js of the project, and visits it. The documented servers name no port. */
async function serve({ folder }: Project, command: string[]): Promise<void> {
  const port = await freePort();
  const isServed = command.includes("serve");
  const environment = isServed ? {} : { PORT: String(port), DENO_SERVE_ADDRESS: `tcp:127.0.0.1:${port}` };
  const args = isServed ? [`--port=${port}`, "server.js"] : ["server.js"];
  const { child, ended, output } = start([...command, ...args], folder, { environment });
  const url = `http://127.0.0.1:${port}`;
  try {
    await until("the server answers", async () => {
      assert.equal(child.exitCode, null, output.stderr);
      return (await ask(url, "")) !== null;
    });
    await visit(url);
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
}

async function visit(url: string): Promise<void> {
  assert.deepEqual(await ask(url, ""), { status: 303, location: "/login/?next=/", text: "" });
  assert.equal((await login({ url }, "alice", "wrong")).status, 400);
  const { status, cookie } = await login({ url }, "alice", PASSWORD);
  assert.equal(status, 202);
  assert.deepEqual(await ask(url, cookie), { status: 200, location: null, text: "Hello, alice" });
  assert.equal((await logout({ url }, cookie)).status, 204);
  assert.equal((await ask(url, cookie))?.status, 303);
}

/** Null if no server answers. */
async function ask(
  url: string,
  cookie: string,
): Promise<{ status: number; location: string | null; text: string } | null> {
  const answer = await fetch(`${url}/`, { headers: { Cookie: cookie }, redirect: "manual" }).catch(() => null);
  if (answer === null) return null;
  return { status: answer.status, location: answer.headers.get("location"), text: await answer.text() };
}
