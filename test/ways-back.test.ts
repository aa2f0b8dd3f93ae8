import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { authenticated } from "../lib/pipeline/guards.ts";
import { ROUTES } from "../lib/routes.ts";
import { createClient } from "./support/client.ts";
import { createTestApp } from "./support/test-app.ts";

const BROWSER = { "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin", Accept: "text/html,*/*;q=0.8" };
const FORM = { ...BROWSER, "Content-Type": "application/x-www-form-urlencoded" };
const ALICE = { username: "alice", password: "right horse" };

async function setUp(environment: Record<string, string> = {}) {
  const test = await createTestApp(environment);
  await test.addUser(ALICE);
  const client = createClient(test.app);
  const send = (path: string, fields: Record<string, string>, method = "POST") =>
    client.send(method, path, { headers: FORM, body: new URLSearchParams(fields).toString() });
  /** @returns the target of a login with this `next`: by the form, and for a browser that is already logged in */
  const follow = async (next: string) => {
    client.cookies.clear();
    const shown = await (await client.get(`/login/?next=${encodeURIComponent(next)}`, BROWSER)).text();
    const [, field = null] = /name="next" value="([^"]*)"/.exec(shown) ?? [];
    const byForm = (await send("/login/", { ...ALICE, next })).headers.get("location");
    const already = (await client.get(`/login/?next=${encodeURIComponent(next)}`, BROWSER)).headers.get("location");
    assert.equal(already, byForm, next);
    assert.equal(field ?? "/profile/", byForm?.replaceAll("&", "&amp;"), next);
    return byForm;
  };
  /** Follows redirects like a browser, to an answer of 200 with a page. */
  const assertLeadsToPage = async (path: string) => {
    let at = path;
    for (let steps = 0; steps < 3; steps++) {
      const response = await client.get(at, BROWSER);
      at = response.headers.get("location") ?? at;
      if (response.status === 200) return assert.match(response.headers.get("content-type") ?? "", /^text\/html/);
      assert.equal(response.status, 303, at);
    }
    assert.fail(`${path} leads to no page`);
  };
  return { ...test, client, send, follow, assertLeadsToPage };
}

describe("after a login, next", () => {
  test("is followed to a page of Postern, with its query", async () => {
    const { client, follow } = await setUp();
    for (const next of [
      "/profile/",
      "/sessions/?a=1&b=%2F",
      "/activity/?cursor=5#top",
      "/password/change/",
      "/%70rofile/",
      "/profile",
    ]) {
      assert.equal(await follow(next), next);
      assert([200, 301].includes((await client.get(next, BROWSER)).status), next);
    }
  });

  test("is followed to a path of the application", async () => {
    const { follow } = await setUp();
    for (const next of ["/notes/", "/notes/5?x=1#y", "/index.html", "/login2/", "/a%zz/", "/sessions/a/b/"]) {
      assert.equal(await follow(next), next);
    }
    const split = await setUp({ POSTERN_OPS_ADDRESS: "127.0.0.1:0" });
    assert.equal(await split.follow("/healthz"), "/healthz", "operators have it elsewhere");
  });

  test("is not followed to an address of Postern without a page", async () => {
    const { client, follow } = await setUp();
    for (const next of [
      "/logout/",
      "/logout",
      "/logout/?done=logout#x",
      "/%6cogout/",
      "/logout%2F",
      "/profile/../logout/",
      "/profile/..\\logout/",
      "/logout/%2e",
      "/sessions/abc/",
      "/sessions/abc",
      "/static/page.css",
      "/static/x",
      "/client.js",
      "/client.d.ts",
      "/favicon.ico",
      "/robots.txt",
      "/.well-known/security.txt",
      "/.well-known/change-password",
      "/healthz",
      "/readyz",
      "/metrics",
      "/setup/",
      "/setup?token=x",
      "/setup/?token=x",
    ]) {
      assert.equal(await follow(next), "/profile/", next);
    }
    assert.equal((await client.get("/profile/", BROWSER)).status, 200);
  });

  for (const { method, path } of ROUTES) {
    test(`leads to an answer of 200 or to another page: ${method} ${path}`, async () => {
      const { follow, assertLeadsToPage } = await setUp();
      await assertLeadsToPage((await follow(path.replace(/:\w+/, "x"))) ?? "");
    });
  }
});

describe("a browser whose session has ended", () => {
  test("returns through the login to the page of the form that it sent", async () => {
    const { send } = await setUp();
    for (const [path, page] of [
      ["/sessions/abc/", "/sessions/"],
      ["/sessions/abc/?x=1", "/sessions/"],
      ["/%73essions/abc/", "/%73essions/"],
      ["/sessions/", "/sessions/"],
      ["/profile/", "/profile/"],
      ["/profile/?done=saved", "/profile/"],
      ["/password/change/", "/password/change/"],
    ] as const) {
      const response = await send(path, { x: "y" });
      assert.deepEqual(
        [response.status, response.headers.get("location")],
        [303, `/login/?next=${encodeURIComponent(page)}`],
        path,
      );
    }
    for (const [method, path, page] of [
      ["DELETE", "/sessions/abc/", "/sessions/"],
      ["GET", "/sessions/abc/", "/sessions/"],
      ["GET", "/sessions/?x=1", "/sessions/?x=1"],
    ] as const) {
      const { client } = await setUp();
      const location = (await client.send(method, path, { headers: BROWSER })).headers.get("location");
      assert.equal(location, `/login/?next=${encodeURIComponent(page)}`, `${method} ${path}`);
    }
  });

  for (const { method, path } of ROUTES.filter(({ guard }) => guard === authenticated)) {
    test(`is redirected to a page: ${method} ${path}`, async () => {
      const { client, follow, assertLeadsToPage } = await setUp();
      const response = await client.send(method, path.replace(/:\w+/, "x"), { headers: BROWSER });
      const next = new URL(response.headers.get("location") ?? "", "http://x").searchParams.get("next") ?? "";
      assert.equal(await follow(next), next);
      await assertLeadsToPage(next);
    });
  }
});
