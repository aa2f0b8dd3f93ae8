import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ROUTES } from "../lib/routes.ts";
import { createClient } from "./support/client.ts";
import { createTestApp } from "./support/test-app.ts";

const FIXED = {
  "x-frame-options": "DENY",
  "x-content-type-options": "nosniff",
  "referrer-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

const KINDS = { program: {}, browser: { "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin" } };

const OTHERS = [
  ["GET", "/nowhere/"],
  ["GET", "/profile"],
  ["GET", "/profile/?format=none"],
  ["PUT", "/profile/"],
  ["OPTIONS", "/login/"],
] as const;

const PUBLIC = { PUBLIC_URL: "https://postern.test" };

async function setUp(environment: Record<string, string> = PUBLIC) {
  const test = await createTestApp(environment);
  await test.addUser({ username: "alice", password: "right horse" });
  return { ...test, client: createClient(test.app) };
}

describe("the headers of safety (ASVS 5.0 V3.4)", () => {
  for (const [kind, headers] of Object.entries(KINDS)) {
    test(`are on every answer to a ${kind}, whatever the row, the method and the status`, async () => {
      const seen = new Set<number>();
      for (const isMember of [false, true]) {
        for (const [method, path] of [...ROUTES.map(({ method, path }) => [method, path] as const), ...OTHERS]) {
          const { client, close } = await setUp();
          if (isMember) await client.login("alice", "right horse");
          const answer = await client.send(method, path, { headers });
          seen.add(answer.status);
          const what = `${method} ${path} ${answer.status}`;
          for (const [name, value] of Object.entries(FIXED)) assert.equal(answer.headers.get(name), value, what);
          assert.equal(answer.headers.get("strict-transport-security"), "max-age=31536000", what);
          assert.match(answer.headers.get("permissions-policy") ?? "", /camera=\(\)/, what);
          const policy = answer.headers.get("content-security-policy") ?? "";
          assert.match(policy, /^default-src 'none'; .*frame-ancestors 'none'.*base-uri 'none'/, what);
          assert.doesNotMatch(policy, /unsafe|\*|data:|http:/, what);
          const isAsset = /^\/(static|client|favicon)/.test(path);
          if (!isAsset || answer.status !== 200) assert.equal(answer.headers.get("cache-control"), "no-store", what);
          await close();
        }
      }
      assert(seen.size >= 6, `only ${[...seen].join(", ")}`);
    });
  }

  test("are on a 304 too", async () => {
    const { client } = await setUp();
    const etag = (await client.get("/client.js")).headers.get("etag") ?? "";
    const answer = await client.get("/client.js", { "If-None-Match": etag });
    assert.equal(answer.status, 304);
    for (const [name, value] of Object.entries(FIXED)) assert.equal(answer.headers.get(name), value);
  });

  test("do not bind a site to https that is not on it", async () => {
    const { client } = await setUp({});
    assert.equal((await client.get("/profile/")).headers.get("strict-transport-security"), null);
  });
});

describe("Clear-Site-Data", () => {
  test("empties cache and storage at logout on https, and never the cookies of the whole domain", async () => {
    const { client } = await setUp();
    await client.login("alice", "right horse");
    const out = await client.post("/logout/", {}, { "Sec-Fetch-Site": "same-origin" });
    assert.equal(out.headers.get("clear-site-data"), '"cache", "storage"');
  });

  test("is sent by who ends their own session from the list, and not by who ends another", async () => {
    const { app, client } = await setUp();
    const other = createClient(app);
    for (const one of [other, client]) await one.login("alice", "right horse");
    const list: { id: string; is_current: boolean }[] = await (await client.get("/sessions/")).json();
    const clears: (string | null)[] = [];
    for (const { id } of list.sort((one, two) => Number(one.is_current) - Number(two.is_current))) {
      const ended = await client.send("DELETE", `/sessions/${id}/`, { headers: { "Sec-Fetch-Site": "same-origin" } });
      assert.equal(ended.status, 204);
      clears.push(ended.headers.get("clear-site-data"));
    }
    assert.deepEqual(clears, [null, '"cache", "storage"']);
  });

  test("is not sent over http, where browsers ignore it", async () => {
    const { client } = await setUp({});
    const out = await client.post("/logout/", {}, { "Sec-Fetch-Site": "same-origin" });
    assert.equal(out.headers.get("clear-site-data"), null);
  });
});
