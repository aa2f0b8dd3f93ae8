import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseConfig } from "../lib/config/load.ts";
import { isByLink } from "../lib/pipeline/link-guards.ts";
import { ROUTES } from "../lib/routes.ts";
import { type Client, createClient } from "./support/client.ts";
import { createTestApp } from "./support/test-app.ts";

const FIXED = {
  "x-frame-options": "DENY",
  "x-content-type-options": "nosniff",
  "referrer-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

/** The address of such a page has a secret. */
const LINK_PATHS = new Set(ROUTES.filter(({ guard }) => isByLink(guard)).map(({ path }) => path));

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

describe("the security headers (ASVS 5.0 V3.4)", () => {
  for (const [kind, headers] of Object.entries(KINDS)) {
    test(`are on every answer to a ${kind}, for every endpoint, method and status`, async () => {
      const seen = new Set<number>();
      for (const isMember of [false, true]) {
        for (const [method, path] of [...ROUTES.map(({ method, path }) => [method, path] as const), ...OTHERS]) {
          const { client, close } = await setUp();
          if (isMember) await client.login("alice", "right horse");
          const answer = await client.send(method, path, { headers });
          seen.add(answer.status);
          const what = `${method} ${path} ${answer.status}`;
          const fixed =
            kind === "browser" && LINK_PATHS.has(path) ? { ...FIXED, "referrer-policy": "no-referrer" } : FIXED;
          for (const [name, value] of Object.entries(fixed)) assert.equal(answer.headers.get(name), value, what);
          assert.equal(answer.headers.get("strict-transport-security"), "max-age=31536000", what);
          assert.match(answer.headers.get("permissions-policy") ?? "", /camera=\(\)/, what);
          const policy = answer.headers.get("content-security-policy") ?? "";
          assert.match(policy, /^default-src 'none'; .*frame-ancestors 'none'.*base-uri 'none'/, what);
          assert.match(policy, /^([a-z-]+ '(none|self)'(; |$))+$/, what);
          const isPublic = /^\/(static|client|favicon|\.well-known\/jwks\.json$)/.test(path);
          if (!isPublic || answer.status !== 200) assert.equal(answer.headers.get("cache-control"), "no-store", what);
          await close();
        }
      }
      assert(seen.size >= 6, `only ${[...seen].join(", ")}`);
    });
  }

  test("are on a 304", async () => {
    const { client } = await setUp();
    const etag = (await client.get("/client.js")).headers.get("etag") ?? "";
    const answer = await client.get("/client.js", { "If-None-Match": etag });
    assert.equal(answer.status, 304);
    for (const [name, value] of Object.entries(FIXED)) assert.equal(answer.headers.get(name), value);
  });

  test("have no Strict-Transport-Security if the site does not use https", async () => {
    const { client } = await setUp({});
    assert.equal((await client.get("/profile/")).headers.get("strict-transport-security"), null);
  });
});

describe("Clear-Site-Data", () => {
  const CLEARING = { ...PUBLIC, POSTERN_CLEAR_SITE_DATA: "cache,storage" };
  const OWN = { "Sec-Fetch-Site": "same-origin" };
  const logOut = async (client: Client) => (await client.post("/logout/", {}, OWN)).headers.get("clear-site-data");

  test("is sent only if it is configured, so that by default a logout keeps the front end's storage", async () => {
    const { client } = await setUp();
    await client.login("alice", "right horse");
    assert.equal(await logOut(client), null);
  });

  test("has the configured values at a logout over https", async () => {
    for (const [setting, header] of [
      ["cache,storage", '"cache", "storage"'],
      [" storage , cache ", '"cache", "storage"'],
      ["storage,storage", '"storage"'],
      ["cache", '"cache"'],
    ]) {
      const { client } = await setUp({ ...PUBLIC, POSTERN_CLEAR_SITE_DATA: setting ?? "" });
      await client.login("alice", "right horse");
      assert.equal(await logOut(client), header);
    }
  });

  test("cannot be configured to clear cookies or to reload other tabs", () => {
    for (const setting of [
      "cookies",
      "cache,cookies",
      "*",
      '"cache"',
      "executionContexts",
      "cache storage",
      "Cache",
      ",",
    ]) {
      assert.throws(() => parseConfig({ POSTERN_CLEAR_SITE_DATA: setting }), /POSTERN_CLEAR_SITE_DATA is/, setting);
    }
    assert.equal(parseConfig({ POSTERN_CLEAR_SITE_DATA: "" }).clearSiteData, null);
  });

  test("is sent only if this request ended a session", async () => {
    const { app, client, services, clock } = await setUp(CLEARING);
    assert.equal(await logOut(client), null, "no cookie");
    client.cookies.set("__Host-sessionid", "x".repeat(32));
    assert.equal(await logOut(client), null, "a cookie of no session");
    await client.login("alice", "right horse");
    const copy = createClient(app);
    for (const [name, value] of client.cookies) copy.cookies.set(name, value);
    const answers = await Promise.all([logOut(client), logOut(copy)]);
    assert.deepEqual(answers.toSorted(), ['"cache", "storage"', null], "one of the two ended it");
    await client.login("alice", "right horse");
    clock.advance(services.config.sessionMaxAgeSeconds);
    assert.equal(await logOut(client), null, "the session had expired");
    await client.login("alice", "right horse");
    const { headers, status } = await client.post("/logout/", {}, { "Sec-Fetch-Site": "cross-site" });
    assert.deepEqual([status, headers.get("clear-site-data")], [403, null]);
  });

  test("is sent if the current session is ended from the list, but not for another session", async () => {
    const { app, client } = await setUp(CLEARING);
    const other = createClient(app);
    for (const one of [other, client]) await one.login("alice", "right horse");
    assert.equal((await client.login("alice", "right horse")).headers.get("clear-site-data"), null, "not by a login");
    const list: { id: string; is_current: boolean }[] = await (await client.get("/sessions/")).json();
    const clears: (string | null)[] = [];
    for (const { id } of list.sort((one, two) => Number(one.is_current) - Number(two.is_current))) {
      const ended = await client.send("DELETE", `/sessions/${id}/`, { headers: OWN });
      assert.equal(ended.status, 204);
      clears.push(ended.headers.get("clear-site-data"));
    }
    assert.deepEqual(clears, [null, '"cache", "storage"']);
  });

  test("is not sent over http: browsers ignore it there", async () => {
    const { client } = await setUp({ POSTERN_CLEAR_SITE_DATA: "cache,storage" });
    await client.login("alice", "right horse");
    assert.equal(await logOut(client), null);
  });
});
