import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createApp } from "../lib/app.ts";
import { ROUTES } from "../lib/routes.ts";
import { STYLE } from "../lib/site/assets.ts";
import { createClient } from "./support/client.ts";
import { createTestApp } from "./support/test-app.ts";

const JSON_TYPE = { "Content-Type": "application/json" };
const RIGHT = { username: "alice", password: "right horse" };

async function setUp(environment: Record<string, string> = {}, host?: string) {
  const test = await createTestApp(environment);
  await test.addUser(RIGHT);
  return { ...test, client: createClient(test.app, host) };
}

describe("a path", () => {
  test("without its final slash redirects: 301 for GET and HEAD, 308 for methods with a body (deviation 9)", async () => {
    const { client } = await setUp();
    const get = await client.get("/profile?x=1&y=%20+%C3%A9");
    assert.deepEqual([get.status, get.headers.get("location")], [301, "/profile/?x=1&y=%20+%C3%A9"]);
    const post = await client.post("/login", RIGHT);
    assert.deepEqual([post.status, post.headers.get("location"), post.headers.get("allow")], [308, "/login/", null]);
    assert.equal((await client.get("/profile?")).headers.get("location"), "/profile/");
    assert.equal((await client.get("/sessions/a%3Fb%23c")).headers.get("location"), "/sessions/a%3Fb%23c/");
  });

  test("is matched decoded, exactly and case-sensitively", async () => {
    const { client } = await setUp();
    for (const path of ["/%70rofile/", "/profile%2F"]) assert.equal((await client.get(path)).status, 403, path);
    for (const path of [
      "/Profile/",
      "/profile//",
      "//profile/",
      "/profile/;x",
      "/profile/%0A",
      "/profile/%00",
      "/",
      "/%ff/",
    ]) {
      const response = await client.get(path);
      assert.equal(response.status, 404, path);
      assert.deepEqual(await response.json(), { detail: "Not found." }, "JSON for programs (deviation 8)");
    }
  });

  test("of 8 KB, or with malformed escapes, is a 404", async () => {
    const { client } = await setUp();
    for (const path of [`/${"a".repeat(8192)}`, "/%", "/%zz/", "/%e0%a4%a/", `/${"%41".repeat(2700)}`]) {
      assert.equal((await client.get(path)).status, 404, path.slice(0, 20));
    }
  });
});

describe("a target that is not a valid URL", () => {
  const odd = async (url: string, host: string) => {
    const { app } = await setUp();
    const request = new Request("http://x/", { headers: { Host: host } });
    Object.defineProperty(request, "url", { value: url });
    return app(request, { address: "" });
  };

  test("redirects to its final slash", async () => {
    const response = await odd("/profile?\u20ac\ud800=\u00ff x", "a:99999");
    assert.deepEqual(
      [response.status, response.headers.get("location")],
      [301, "/profile/?%E2%82%AC%EF%BF%BD=%C3%BF%20x"],
    );
  });

  test("is not routed by a URL in its query", async () => {
    assert.equal((await odd("/x?a=http://h/profile/", "a:99999")).status, 404);
  });
});

describe("a method", () => {
  test("that the endpoint does not have is a 405, after the guard", async () => {
    const { client } = await setUp();
    const get = await client.get("/login/");
    assert.deepEqual(
      [get.status, get.headers.get("allow"), await get.json()],
      [405, "POST, OPTIONS", { detail: 'Method "GET" not allowed.' }],
    );
    assert.equal((await client.send("DELETE", "/profile/")).status, 403);
    await client.login("alice", "right horse");
    const headers = { "Sec-Fetch-Site": "same-origin" };
    assert.equal((await client.send("DELETE", "/profile/", { headers })).status, 405);
    assert.equal((await client.send("PROPFIND", "/profile/", { headers })).status, 405);
  });

  test("OPTIONS is answered like Django REST Framework", async () => {
    const { client } = await setUp();
    const body =
      '{"name":"Login","description":"","renders":["application/json","text/html"],"parses":["application/json","application/x-www-form-urlencoded","multipart/form-data"]}';
    assert.equal(await (await client.send("OPTIONS", "/login/")).text(), body);
    assert.equal((await client.send("OPTIONS", "/profile/")).status, 403);
    await client.login("alice", "right horse");
    assert.equal(await (await client.send("OPTIONS", "/profile/")).text(), body.replace("Login", "Profile"));
  });
});

describe("a header", () => {
  test("Accept without an acceptable type is a 406 before the password is checked", async () => {
    const { client } = await setUp();
    const response = await client.send("POST", "/login/", {
      json: RIGHT,
      headers: { ...JSON_TYPE, Accept: "image/png" },
    });
    assert.deepEqual([response.status, response.headers.getSetCookie()], [406, []]);
    assert.deepEqual(await response.json(), { detail: "Could not satisfy the request Accept header." });
  });

  test("Accept that prefers a page gets a page in place of Django's browsable API (deviation 8)", async () => {
    const { client } = await setUp();
    const response = await client.get("/nowhere/", { Accept: "text/html,application/xhtml+xml,*/*;q=0.8" });
    assert.deepEqual([response.status, response.headers.get("content-type")], [404, "text/html; charset=utf-8"]);
    assert.match(await response.text(), /There is no page at this address/);
  });

  test("Host that is malformed is a 400; any other is accepted unless PUBLIC_URL is set (deviation 18)", async () => {
    for (const host of ["a b", "a@b", "", "x:port", "h\u00f6st"]) {
      const { client } = await setUp();
      assert.equal((await client.get("/profile/", { Host: host })).status, 400, host);
    }
    for (const host of ["postern.test", "a_b.test:8000", "_", "my_stack-web_1", "10.0.0.7:8000", "[::1]:80"]) {
      const { client: any } = await setUp();
      assert.equal((await any.get("/profile/", { Host: host })).status, 403, host);
      const headers = { Host: host, Origin: `http://${host.replace(/:80$/, "")}` };
      assert.equal((await any.post("/login/", RIGHT, headers)).status, 202, host);
    }
    const { client } = await setUp({ PUBLIC_URL: "http://postern.test:8000" });
    for (const [host, status] of [
      ["postern.test:8000", 403],
      ["POSTERN.test:8000", 403],
      ["postern.test", 400],
      ["evil.test", 400],
    ] as const) {
      assert.equal((await client.get("/profile/", { Host: host })).status, status, host);
    }
  });

  test("Cookie with 8 KB of malformed text does not affect a valid cookie in it", async () => {
    const { client, app } = await setUp();
    await client.login("alice", "right horse");
    const session = `sessionid=${client.cookies.get("sessionid")}`;
    for (const junk of [
      "=x",
      "=",
      ";;; ",
      'a="',
      "a=\\",
      "%zz=%",
      `big=${"x".repeat(8192)}`,
      "$Version=1",
      "a=\u00ff\u00fe",
    ]) {
      const stranger = createClient(app);
      assert.equal((await stranger.get("/profile/", { Cookie: `${junk}; ${session}` })).status, 200, junk.slice(0, 20));
      assert.equal((await stranger.get("/profile/", { Cookie: `${session}; ${junk}` })).status, 200, junk.slice(0, 20));
    }
  });
});

test("an unexpected error is a 500 without details, which are in the log", async () => {
  const { app, services, logged } = await setUp();
  services.hasher = { ...services.hasher, check: () => Promise.reject(new Error("the hasher caught fire")) };
  const response = await createClient(createApp(services)).post("/login/", RIGHT);
  assert.deepEqual([response.status, await response.json()], [500, { detail: "A server error occurred." }]);
  assert(logged.some((line) => line.includes("the hasher caught fire") && line.includes("requests.test.ts")));
  assert.equal((await createClient(app).get("/profile/")).status, 403);
});

test("no log line holds a password, a token, a cookie or a hash", async () => {
  const { client, logged, services } = await setUp();
  await client.login("alice", "wrong secret");
  await client.login("alice", "right horse");
  const secrets = ["wrong secret", "right horse", "argon2", ...client.cookies.values()];
  await client.get(`/profile/?token=${secrets[3]}`);
  await client.get(`/${secrets[3]}/`);
  await client.post("/logout/", {}, { "Sec-Fetch-Site": "same-origin" });
  assert(logged.length >= 5);
  for (const secret of secrets) assert(!logged.join("").includes(secret), secret);
  assert.equal(services.now() > 0, true);
});

test("no asset and no probe sets or deletes a cookie, or varies by one", async () => {
  const { app } = await setUp({ POSTERN_SECURITY_CONTACT: "mailto:security@example.com" });
  const files = ROUTES.filter(({ surface }) => !surface.readsSession);
  for (const target of [...files.map(({ path }) => path), STYLE.path, "/static/none.css"]) {
    for (const method of ["GET", "HEAD", "OPTIONS", "DELETE"]) {
      for (const token of ["short", "x".repeat(32)]) {
        const client = createClient(app, "localhost", "127.0.0.1");
        client.cookies.set("sessionid", token);
        client.cookies.set("csrftoken", token);
        const { headers } = await client.send(method, target);
        assert.deepEqual(headers.getSetCookie(), [], `${method} ${target}`);
        assert.doesNotMatch(headers.get("vary") ?? "", /cookie/i, `${method} ${target}`);
      }
    }
  }
});
