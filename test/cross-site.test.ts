import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { loadRuntime } from "../lib/runtime/load.ts";
import { type Client, createClient } from "./support/client.ts";
import { exchange } from "./support/raw-http.ts";
import { createTestApp } from "./support/test-app.ts";

const RIGHT = { username: "alice", password: "right horse" };

async function setUp(environment: Record<string, string> = {}, host = "postern.test") {
  const test = await createTestApp(environment);
  await test.addUser(RIGHT);
  const client = createClient(test.app, host);
  return { ...test, client };
}

async function signedIn(environment: Record<string, string> = {}, host = "postern.test") {
  const test = await setUp(environment, host);
  assert.equal((await test.client.login("alice", "right horse")).status, 202);
  return test;
}

const sessionName = (client: Client) => [...client.cookies.keys()].find((name) => name.endsWith("sessionid")) ?? "";

async function detail(response: Response): Promise<string> {
  const body: { detail: string } = await response.json();
  assert.equal(response.status, 403);
  return body.detail;
}

describe("an unsafe request", () => {
  test("from an own page is accepted without a token (deviation 2)", async () => {
    const { client } = await signedIn();
    assert.equal((await client.post("/login/", RIGHT, { "Sec-Fetch-Site": "same-origin" })).status, 202);
    assert.equal((await client.post("/login/", RIGHT, { "Sec-Fetch-Site": "none" })).status, 202);
    assert.equal((await client.post("/login/", RIGHT, { Origin: "http://postern.test" })).status, 202);
  });

  test("from another site is denied, even with a valid token, and even a login (deviations 1, 2)", async () => {
    const { client, app } = await signedIn();
    const stranger = createClient(app);
    for (const site of ["cross-site", "same-site", "something-new"]) {
      const headers = { "Sec-Fetch-Site": site, "X-CSRFToken": client.cookies.get("csrftoken") ?? "" };
      for (const sender of [client, stranger]) {
        assert.match(await detail(await sender.post("/login/", RIGHT, headers)), /^CSRF Failed: Sec-Fetch-Site is /);
      }
    }
    assert.equal(stranger.cookies.size, 0);
  });

  test("that is denied has its Origin and Host in the log, and no other text of the client", async () => {
    const { app, logged } = await setUp({ POSTERN_TRUSTED_PROXIES: "10.0.0.1" });
    const told = async (sent: Record<string, string>, address = "192.0.2.1") => {
      const headers = { Host: "postern.test:8000", Cookie: "sessionid=secret", "User-Agent": "secret", ...sent };
      const request = new Request("http://x/login/?secret", { method: "POST", headers, body: "secret" });
      assert.equal((await app(request, { address })).status, 403);
      assert.match(logged.at(-1) ?? "", /^\{[ -~]*\}\n$/);
      assert.doesNotMatch(logged.at(-1) ?? "", /secret/);
      const { origin, host, problem } = JSON.parse(logged.at(-1) ?? "");
      return [problem, origin, host];
    };
    const host = "postern.test:8000";
    assert.deepEqual(await told({ Origin: "https://evil.test" }), ["csrf_origin", "https://evil.test", host]);
    assert.deepEqual(await told({ Origin: "null" }), ["csrf_origin", "null", host]);
    assert.deepEqual(await told({ "Sec-Fetch-Site": "secret" }), ["csrf_site", null, host]);
    const both = { "Sec-Fetch-Site": "cross-site", Origin: "http://postern.test" };
    assert.deepEqual(await told(both), ["csrf_site", "http://postern.test", host]);
    const forwarded = { Origin: "https://a.test", "X-Forwarded-Host": "b.test" };
    assert.deepEqual(await told(forwarded, "10.0.0.1"), ["csrf_origin", "https://a.test", "b.test"]);
    assert.deepEqual(await told(forwarded), ["csrf_origin", "https://a.test", host]);
    const steering = "\u009b31m\u0085\u00ffx\ty";
    assert.deepEqual(await told({ Origin: steering }), ["csrf_origin", "?31m??x?y", host]);
    const [, cut] = await told({ Origin: `https://${"a".repeat(8000)}` });
    assert.equal(cut, `https://${"a".repeat(262)}`);
  });

  test("for another host than the public one has that Host in the log, if it is well formed", async () => {
    const { client, logged } = await setUp({ PUBLIC_URL: "https://login.example.com" });
    for (const [host, told] of [
      ["10.0.0.7:8000", "10.0.0.7:8000"],
      [`${"a".repeat(8000)}`, "a".repeat(270)],
      ["a b", undefined],
      ["secret/", undefined],
    ] as const) {
      assert.equal((await client.get("/profile/", { Host: host, Origin: "https://x" })).status, 400);
      const { problem, host: shown, origin } = JSON.parse(logged.at(-1) ?? "");
      assert.deepEqual([problem, shown, origin], ["bad_host", told, undefined], host);
    }
  });

  test("that is accepted, or denied for another reason, has neither in the log", async () => {
    const { client, logged } = await signedIn();
    await client.post("/login/", RIGHT, { Origin: "http://postern.test" });
    await client.post("/logout/", {}, { "X-CSRFToken": "wrong" });
    await client.post("/nowhere/", {}, { Origin: "https://evil.test" });
    await client.get("/profile/", { Origin: "https://evil.test" });
    assert.doesNotMatch(logged.join(""), /origin"|evil|postern\.test/);
  });

  test("from every Origin but exactly the own one is denied", async () => {
    const { client } = await signedIn();
    const token = client.cookies.get("csrftoken") ?? "";
    const foreign = [
      "http://evil.test",
      "null",
      "",
      "http://postern.test.evil.test",
      "http://sub.postern.test",
      "http://postern.test:8080",
      "http://POSTERN.TEST",
      "http://postern.test/",
      "ftp://postern.test",
      "http://[",
    ];
    for (const origin of foreign) {
      const text = await detail(await client.post("/login/", RIGHT, { Origin: origin, "X-CSRFToken": token }));
      assert.equal(text, `CSRF Failed: Origin checking failed - ${origin} does not match any trusted origins.`);
    }
  });

  test("from the own Origin is accepted without the default port, over http or behind a TLS proxy", async () => {
    const { client } = await setUp({}, "postern.test:443");
    assert.equal((await client.post("/login/", RIGHT, { Origin: "https://postern.test" })).status, 202);
    const { client: plain } = await setUp({}, "postern.test:80");
    assert.equal((await plain.post("/login/", RIGHT, { Origin: "http://postern.test" })).status, 202);
    assert.equal((await plain.post("/login/", RIGHT, { Origin: "https://postern.test" })).status, 403);
  });

  test("must come exactly from PUBLIC_URL, if it is set", async () => {
    const { client } = await setUp({ PUBLIC_URL: "https://postern.test" });
    assert.equal((await client.post("/login/", RIGHT, { Origin: "http://postern.test" })).status, 403);
    assert.equal((await client.post("/login/", RIGHT, { Origin: "https://postern.test" })).status, 202);
  });

  test("of a program without a session is accepted, like the tutorial's `http POST :8000/login/`", async () => {
    const { client } = await setUp();
    assert.equal((await client.post("/login/", RIGHT)).status, 202);
  });

  test("of a program with a session must repeat its csrftoken, in the header or in a form field", async () => {
    const { client } = await signedIn();
    const token = () => client.cookies.get("csrftoken") ?? "";
    assert.equal(await detail(await client.post("/login/", RIGHT)), "CSRF Failed: CSRF token missing or incorrect.");
    assert.equal((await client.post("/login/", RIGHT, { "X-CSRFToken": token() })).status, 202);
    const form = new URLSearchParams({ ...RIGHT, csrfmiddlewaretoken: token() }).toString();
    const headers = { "Content-Type": "application/x-www-form-urlencoded" };
    assert.equal((await client.send("POST", "/login/", { body: form, headers })).status, 202);
    client.cookies.delete("csrftoken");
    assert.equal(await detail(await client.post("/login/", RIGHT)), "CSRF Failed: CSRF cookie not set.");
  });

  test("needs the token of its session: a forged or planted pair is denied (deviation 3)", async () => {
    const { client, app } = await signedIn();
    const other = createClient(app);
    await other.login("alice", "right horse");
    const planted = [other.cookies.get("csrftoken") ?? "", "b".repeat(32), "", "é".repeat(16)];
    for (const token of planted) {
      client.cookies.set("csrftoken", token);
      const header = token.replaceAll("é", "\u00e9");
      assert.equal(
        await detail(await client.post("/logout/", {}, { "X-CSRFToken": header })),
        "CSRF Failed: CSRF token missing or incorrect.",
      );
    }
    assert.equal((await client.get("/profile/")).status, 200);
  });

  test("of a front end for Django, such as axios with its xsrf settings, is accepted", async () => {
    const { client } = await signedIn();
    const headers = { "X-CSRFTOKEN": client.cookies.get("csrftoken") ?? "", Origin: "http://postern.test" };
    assert.equal((await client.post("/logout/", {}, headers)).status, 204);
  });
});

test("a front end on a sibling host needs no cookie domain: the browser sends the __Host- cookie", async () => {
  const environment = { PUBLIC_URL: "https://api.example.com", POSTERN_TRUSTED_ORIGINS: "https://app.example.com" };
  const { client } = await setUp(environment, "api.example.com");
  const page = { Origin: "https://app.example.com", "Sec-Fetch-Site": "same-site" };
  assert.equal((await client.post("/login/", RIGHT, page)).status, 202);
  assert.equal(sessionName(client), "__Host-sessionid");
  const profile = await client.get("/profile/", page);
  assert.deepEqual([profile.status, profile.headers.get("access-control-allow-origin")], [200, page.Origin]);
  assert.equal((await client.post("/logout/", {}, page)).status, 204);
});

describe("a trusted origin", () => {
  const environment = {
    PUBLIC_URL: "https://api.example.com",
    POSTERN_TRUSTED_ORIGINS: "https://app.example.com, https://other.example.com/",
    POSTERN_COOKIE_DOMAIN: "example.com",
  };
  const page = { Origin: "https://app.example.com", "Sec-Fetch-Site": "same-site" };

  test("adds Origin to every Vary header, in one line, because some caches read only the first", async () => {
    const { app } = await setUp({ POSTERN_TRUSTED_ORIGINS: "https://app.example.com" });
    const listener = (await loadRuntime()).listen(app, { hostname: "127.0.0.1", port: 0, idleTimeoutSeconds: 10 });
    const varyOf = async (path: string, header: string) => {
      const request = `GET ${path} HTTP/1.1\r\nHost: a\r\n${header}\r\n\r\n`;
      const response = await exchange(listener.port, new TextEncoder().encode(request), false);
      return response?.headers.filter(([name]) => name.toLowerCase() === "vary").map(([, value]) => value);
    };
    assert.deepEqual(await varyOf("/profile/", "Accept: */*"), ["Accept, Cookie, Origin"]);
    assert.deepEqual(await varyOf("/login/", "Sec-Fetch-Mode: navigate"), [
      "Accept-Language, Sec-Fetch-Mode, Accept, Cookie, Origin",
    ]);
    assert.deepEqual(await varyOf("/client.js", "Accept: */*"), ["Accept-Encoding, Origin"]);
    await listener.stop();
  });

  test("logs in across hosts, with CORS and credentials, and cookies for the domain", async () => {
    const { client } = await setUp(environment, "api.example.com");
    const response = await client.post("/login/", RIGHT, page);
    assert.equal(response.status, 202);
    assert.equal(response.headers.get("access-control-allow-origin"), "https://app.example.com");
    assert.equal(response.headers.get("access-control-allow-credentials"), "true");
    assert.match(response.headers.get("vary") ?? "", /\bOrigin\b/);
    const [csrf = "", session = "", device = ""] = response.headers.getSetCookie();
    for (const line of [csrf, session]) assert.match(line, /; Domain=example\.com; .*; Secure$/);
    assert.match(device, /^__Host-devicecookie=(?!.*Domain).*; Secure$/, "no other host needs it");
    assert.equal(sessionName(client), "sessionid");
    const denied = await client.post("/login/", { username: "alice" }, page);
    assert.equal(denied.headers.get("access-control-allow-origin"), "https://app.example.com", "also on errors");
    assert.equal(denied.headers.get("access-control-expose-headers"), "Link, Retry-After, X-Request-Id");
  });

  test("gets a preflight answered before the guard, because a preflight has no cookie", async () => {
    const { client } = await setUp(environment, "api.example.com");
    const headers = {
      ...page,
      "Access-Control-Request-Method": "GET",
      "Access-Control-Request-Headers": "x-csrftoken",
    };
    const response = await client.send("OPTIONS", "/profile/", { headers });
    assert.equal(response.status, 204);
    assert.equal(response.headers.get("access-control-allow-methods"), "GET, PATCH, HEAD, OPTIONS");
    assert.equal(response.headers.get("access-control-allow-headers"), "content-type, x-csrftoken");
    assert.equal(response.headers.get("access-control-allow-origin"), "https://app.example.com");
  });

  test("must match exactly: no sibling, no prefix, no other scheme", async () => {
    const { client } = await setUp(environment, "api.example.com");
    for (const origin of [
      "https://evil.example.com",
      "https://app.example.com.evil.test",
      "http://app.example.com",
      "null",
    ]) {
      const response = await client.post("/login/", RIGHT, { Origin: origin, "Sec-Fetch-Site": "same-site" });
      assert.equal(response.status, 403, origin);
      assert.equal(response.headers.get("access-control-allow-origin"), null);
      const headers = { Origin: origin, "Access-Control-Request-Method": "POST" };
      const preflight = await client.send("OPTIONS", "/login/", { headers });
      assert.equal(preflight.headers.get("access-control-allow-origin"), null);
      assert.match(preflight.headers.get("vary") ?? "", /\bOrigin\b/, "a cache must keep them apart");
    }
  });
});

describe("cookies over https (deviation 7)", () => {
  test("are Secure, and the session cookie has the prefix __Host-", async () => {
    const { client } = await signedIn({ PUBLIC_URL: "https://postern.test" });
    const login = await client.login("alice", "right horse");
    for (const line of login.headers.getSetCookie()) assert.match(line, /; Path=\/; SameSite=Lax; Secure$/);
    assert.deepEqual([...client.cookies.keys()], ["csrftoken", "__Host-sessionid", "__Host-devicecookie"]);
    assert.equal((await client.get("/profile/")).status, 200);
    const response = await client.post("/logout/", {}, { "Sec-Fetch-Site": "same-origin" });
    for (const line of response.headers.getSetCookie()) assert.match(line, /Max-Age=0; Path=\/; SameSite=Lax; Secure$/);
  });

  test("have the configured name", async () => {
    const environment = { PUBLIC_URL: "https://postern.test", POSTERN_SESSION_COOKIE_NAME: "sessionid" };
    const { client } = await signedIn(environment);
    assert.deepEqual([...client.cookies.keys()], ["csrftoken", "sessionid", "__Host-devicecookie"]);
  });

  test("are not confused with a similar name", async () => {
    const { client, app } = await signedIn({ PUBLIC_URL: "https://postern.test" });
    const token = client.cookies.get("__Host-sessionid") ?? "";
    for (const name of ["sessionid", "__host-sessionid", "\u00a0__Host-sessionid", " x__Host-sessionid"]) {
      const planted = createClient(app);
      planted.cookies.set(name, token);
      assert.equal((await planted.get("/profile/")).status, 403, name);
    }
  });
});
