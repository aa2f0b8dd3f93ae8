import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { type Client, createClient } from "./support/client.ts";
import { ROOT } from "./support/process.ts";
import { createTestApp } from "./support/test-app.ts";

const README = readFileSync(join(ROOT, "README.md"), "utf8");

const HOST = "example.com";

/** A code block of the README as a function, after the text that comes before it. */
async function load(before: string, parameters: string, result: string): Promise<(...values: unknown[]) => unknown> {
  const from = README.indexOf(before);
  assert(from >= 0, before);
  const [, code] = /^```js\n([\s\S]*?)^```/m.exec(README.slice(from)) ?? [];
  assert(code, before);
  const module = `export default async (${parameters}) => {\n${code}\nreturn ${result};\n};`;
  const folder = await mkdtemp(join(tmpdir(), "postern-readme-"));
  try {
    const file = join(folder, "example.js");
    await writeFile(file, module);
    return (await import(pathToFileURL(file).href)).default;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function setUp() {
  const test = await createTestApp({ PUBLIC_URL: `https://${HOST}` });
  await test.addUser({ username: "guguweb", password: "speak-friend" });
  const client = createClient(test.app, HOST);
  /** A `fetch` that reaches the app. */
  const fetchAs =
    (sender: Client, own: Record<string, string>) =>
    (target: string, { method = "GET", headers, body }: RequestInit = {}) => {
      const sent = { headers: { ...Object.fromEntries(new Headers(headers)), ...own } };
      const { pathname } = new URL(target, `https://${HOST}`);
      return sender.send(method, pathname, typeof body === "string" ? { ...sent, body } : sent);
    };
  /** Of a page of the same origin, with the browser's cookies. */
  const browserFetch = fetchAs(client, { "Sec-Fetch-Site": "same-origin" });
  /** Of a program without cookies. */
  const programFetch = fetchAs(createClient(test.app, HOST), {});
  return { ...test, client, browserFetch, programFetch };
}

describe("the README's example", () => {
  test("for a front end logs in, and gets the user", async () => {
    const { browserFetch, close } = await setUp();
    const run = await load("Without the module", "fetch, username, password, show", "profile");
    const errors: unknown[] = [];
    const show = (body: unknown) => errors.push(body);
    const denied = await run(browserFetch, "guguweb", "wrong", show);
    assert(denied instanceof Response && denied.status === 403);
    assert.deepEqual(errors, [{ non_field_errors: ["Access denied: wrong username or password."] }]);
    const profile = await run(browserFetch, "guguweb", "speak-friend", show);
    assert(profile instanceof Response && profile.status === 200);
    await close();
  });

  test("for a back end gets the name of the user, or answers 401", async () => {
    const { client, programFetch, close } = await setUp();
    const run = await load("### From a back end", "fetch, request", "username");
    await client.login("guguweb", "speak-friend");
    const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const ask = (headers: Record<string, string>) =>
      run(programFetch, new Request("https://example.com/notes/", { headers }));
    assert.equal(await ask({ Cookie: cookie }), "guguweb");
    const denied = await ask({});
    assert(denied instanceof Response && denied.status === 401);
    await close();
  });
});
