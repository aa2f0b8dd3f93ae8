import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { receivedIn, type Site, startSite } from "./support/behind-proxy.ts";
import { IDENTITY_HEADERS } from "./support/forwarding.ts";
import { onlyWith } from "./support/proxies.ts";

const PROCESSES = { timeout: 60_000 };

const NAVIGATION = { "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none", Accept: "text/html" };
const SCRIPT = { "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin", Accept: "application/json" };
const WEBSOCKET = {
  Connection: "Upgrade",
  Upgrade: "websocket",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Version": "13",
};

const IDENTITY = IDENTITY_HEADERS.map((name) => name.toLowerCase());

for (const name of ["nginx", "caddy", "haproxy"] as const) {
  describe(`behind ${name}, configured as documented,`, onlyWith(name), () => {
    let site: Site;
    before(async () => {
      site = await startSite(name);
    }, PROCESSES);
    after(() => site[Symbol.asyncDispose]());

    test("a browser without a session is led to the login, and back to its page", PROCESSES, async () => {
      const asked = await site.ask("/notes/?page=2&x=%2F", { headers: NAVIGATION });
      const location = "/login/?next=%2Fnotes%2F%3Fpage%3D2%26x%3D%252F";
      assert.deepEqual([asked.status, asked.headers.get("Location")], [303, location]);
      const login = await site.ask(location, { headers: NAVIGATION });
      assert.match(login.body, /Log in to continue/);
      const form = { username: "alice", password: "right horse", next: "/notes/?page=2&x=%2F" };
      const headers = {
        ...NAVIGATION,
        "Sec-Fetch-Site": "same-origin",
        "Content-Type": "application/x-www-form-urlencoded",
      };
      const sent = await site.ask("/login/", { method: "POST", headers, body: new URLSearchParams(form).toString() });
      assert.deepEqual([sent.status, sent.headers.get("Location")], [303, "/notes/?page=2&x=%2F"]);
    });

    test("a script, a program, an unsafe request and a WebSocket without a session get 401", PROCESSES, async () => {
      for (const request of [
        { headers: SCRIPT },
        { headers: {} },
        { method: "POST", headers: NAVIGATION, body: "a=1" },
        { headers: { "Sec-Fetch-Mode": "cors", Accept: "text/event-stream" } },
        { headers: { ...WEBSOCKET, Origin: site.origin } },
      ]) {
        const { status, headers, body } = await site.ask("/notes/", request);
        assert.equal(status, 401, JSON.stringify(request));
        assert.equal(headers.get("Location"), null);
        const { code, login_url } = JSON.parse(body);
        assert.deepEqual({ code, login_url }, { code: "not_authenticated", login_url: "/login/" });
      }
      assert.deepEqual(site.application.received.splice(0), []);
    });

    test("a user reaches the application, which learns the identity, until the logout", PROCESSES, async () => {
      const cookies = await site.logIn();
      const asked = await site.ask("/notes/?page=2", { headers: { ...NAVIGATION, ...cookies } });
      assert.equal(asked.status, 200);
      assert.equal(asked.headers.get("Set-Cookie"), "own=1");
      const { url, headers } = receivedIn(asked);
      assert.equal(url, "/notes/?page=2");
      assert.deepEqual(
        [headers["remote-user"], headers["remote-id"], headers["remote-name"], headers["remote-email"]],
        ["alice", "1", "Alice Liddell", "alice@example.com"],
      );
      const [, payload = ""] = String(headers["postern-assertion"]).split(".");
      const { aud, preferred_username } = JSON.parse(Buffer.from(payload, "base64url").toString());
      assert.deepEqual([aud, preferred_username], [site.origin, "alice"]);
      assert.equal(headers["x-original-url"], undefined);
      const logout = { method: "POST", headers: { ...cookies, "Sec-Fetch-Site": "same-origin" } };
      assert.equal((await site.ask("/logout/", logout)).status, 204);
      assert.equal((await site.ask("/notes/", { headers: { ...SCRIPT, ...cookies } })).status, 401);
    });

    test("a client's own identity headers do not reach the application", PROCESSES, async () => {
      const cookies = await site.logIn();
      for (const spell of [
        (text: string) => text,
        (text: string) => text.toLowerCase(),
        (text: string) => text.toUpperCase(),
      ]) {
        const forged = Object.fromEntries(IDENTITY.map((header) => [spell(header), "admin"]));
        const { headers } = receivedIn(await site.ask("/notes/", { headers: { ...cookies, ...forged } }));
        for (const header of IDENTITY) assert.doesNotMatch(String(headers[header] ?? ""), /admin/, header);
        assert.equal(headers["remote-user"], "alice");
      }
      // Application servers read an underscore as a hyphen. nginx drops such names, and Postern denies the request.
      const answer = await site.ask("/notes/", { headers: { ...cookies, Remote_User: "admin" } });
      if (answer.status === 200) assert.equal(receivedIn(answer).headers["remote_user"], undefined);
      else assert.equal(answer.status, 400);
    });

    test("a client's own forwarding headers do not count", PROCESSES, async () => {
      const cookies = await site.logIn();
      const forged = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Host": "evil.test",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Uri": "/public/",
        "X-Forwarded-Method": "GET",
        "X-Original-URL": "https://evil.test/",
        "X-Original-Method": "GET",
        "Postern-Conditions": "anonymous=allow",
      };
      const asked = await site.ask("/notes/", { headers: { ...NAVIGATION, ...forged } });
      assert.deepEqual([asked.status, asked.headers.get("Location")], [303, "/login/?next=%2Fnotes%2F"]);
      const foreign = { ...cookies, ...forged, Origin: "https://evil.test", "Sec-Fetch-Site": "cross-site" };
      assert.equal((await site.ask("/notes/", { method: "POST", headers: foreign })).status, 403);
      const { headers } = receivedIn(await site.ask("/notes/", { headers: { ...cookies, ...forged } }));
      const [, payload = ""] = String(headers["postern-assertion"]).split(".");
      assert.equal(JSON.parse(Buffer.from(payload, "base64url").toString()).aud, site.origin);
      assert.doesNotMatch(String(headers["x-forwarded-host"] ?? ""), /evil/);
      assert.equal(headers["x-forwarded-for"], "127.0.0.1");
    });

    test(
      "a request from another site is denied, and the application's own arrives with its body",
      PROCESSES,
      async () => {
        const cookies = await site.logIn();
        const post = (headers: Record<string, string>) =>
          site.ask("/notes/", { method: "POST", headers: { ...cookies, ...headers }, body: "text=hello" });
        for (const headers of [
          { "Sec-Fetch-Site": "cross-site", Origin: "https://evil.test" },
          { Origin: "https://evil.test" },
          {},
        ]) {
          assert.equal((await post(headers)).status, 403, JSON.stringify(headers));
        }
        const seen = receivedIn(await post({ "Sec-Fetch-Site": "same-origin", Origin: site.origin }));
        assert.deepEqual([seen.method, seen.body], ["POST", "text=hello"]);
        assert.equal((await post({ Origin: site.origin })).status, 200);
      },
    );

    test("a WebSocket opens from the own origin, and from no other", PROCESSES, async () => {
      const cookies = await site.logIn();
      const open = (headers: Record<string, string>) =>
        site.ask("/live/", { headers: { ...WEBSOCKET, ...cookies, ...headers } });
      const opened = await open({ Origin: site.origin });
      assert.deepEqual([opened.status, opened.body], [101, "hello"]);
      assert.equal(site.application.received.at(-1)?.headers["remote-user"], "alice");
      for (const headers of [
        { Origin: "https://evil.test" },
        { Origin: site.origin, "Sec-Fetch-Site": "cross-site" },
        {},
      ]) {
        assert.equal((await open(headers)).status, 403, JSON.stringify(headers));
      }
    });

    test("a long address and odd characters reach the application after the login alone", PROCESSES, async () => {
      const cookies = await site.logIn();
      for (const target of [
        `/${"x".repeat(8000)}`,
        `/notes/?q=${"x".repeat(7000)}`,
        "/a%2Fb/%00/%ff",
        "//notes//",
        "/notes;a=1/..;/b",
        "/é?ü",
      ]) {
        site.application.received.length = 0;
        const denied = await site.ask(target, { headers: SCRIPT });
        assert([401, 400].includes(denied.status), `${target.slice(0, 40)}: ${denied.status}`);
        assert.deepEqual(site.application.received, []);
        const { status } = await site.ask(target, { headers: { ...SCRIPT, ...cookies } });
        // nginx and HAProxy deny a zero byte and bytes above 127 themselves.
        assert([200, 400].includes(status), `${target.slice(0, 40)}: ${status}`);
      }
    });

    test("no path confusion leads to the operators' endpoints or past the question", PROCESSES, async () => {
      for (const target of [
        "/healthz",
        "/metrics",
        "/login/..\\..\\healthz",
        "/login/../healthz",
        "/login/%2e%2e/metrics",
        "/login/..%2fmetrics",
        "/login/..;/metrics",
        "/static/../auth/nginx/",
        "/auth/nginx/",
        "/auth/caddy/",
        "/auth/",
        "/_postern",
        "//login/../notes/",
        "/login%2f..%2fnotes/",
        "/LOGIN/../notes/",
      ]) {
        site.application.received.length = 0;
        const { status, body } = await site.ask(target, { headers: { ...SCRIPT, "X-Original-URL": "http://a/" } });
        assert([400, 401, 404].includes(status), `${target}: ${status} ${body}`);
        assert.doesNotMatch(body, /"status"|postern_http/, target);
        assert.deepEqual(site.application.received, [], target);
      }
    });

    test("a client cannot add a condition", PROCESSES, async () => {
      for (const target of ["/notes/?anonymous=allow", "/notes/?x=1&anonymous=allow", "/notes/?&anonymous=allow#x"]) {
        site.application.received.length = 0;
        const { status } = await site.ask(target, { headers: SCRIPT });
        assert([400, 401].includes(status), `${target}: ${status}`);
        assert.deepEqual(site.application.received, []);
      }
    });

    test("an address without its final slash works", PROCESSES, async () => {
      const { status, headers } = await site.ask("/login?next=/a", { headers: NAVIGATION });
      assert.deepEqual([status, headers.get("Location")], [301, "/login/?next=/a"]);
    });

    test("a user with many groups reaches the application: ten kilobytes of identity headers", PROCESSES, async () => {
      for (let number = 0; number < 40; number++) await site.addToGroup(`${"g".repeat(98)}${number}`);
      const cookies = await site.logIn();
      const asked = await site.ask("/notes/", { headers: cookies });
      assert.equal(asked.status, 200);
      assert.equal(String(receivedIn(asked).headers["remote-groups"]).split(",").length, 40);
    });
  });

  describe(`behind ${name}, with conditions,`, onlyWith(name), () => {
    const condition = (query: string) => (code: string) =>
      code.replace(RegExp(`/auth/${name}/[?]?`), `/auth/${name}/?${query}`);

    test("a user outside the group is denied", PROCESSES, async () => {
      await using site = await startSite(name, condition("group=editors"));
      const cookies = await site.logIn();
      const denied = await site.ask("/notes/", { headers: { ...SCRIPT, ...cookies } });
      assert.deepEqual([denied.status, JSON.parse(denied.body).code], [403, "permission_denied"]);
      await site.addToGroup("editors");
      assert.equal((await site.ask("/notes/", { headers: cookies })).status, 200);
    });

    test("an old login is led to a proof", PROCESSES, async () => {
      await using site = await startSite(name, condition("max_age=600"));
      const cookies = await site.logIn();
      site.testApp.clock.advance(601);
      const script = await site.ask("/notes/", { headers: { ...SCRIPT, ...cookies } });
      assert.deepEqual([script.status, JSON.parse(script.body).code], [403, "recent_login_required"]);
      const page = await site.ask("/notes/", { headers: { ...NAVIGATION, ...cookies } });
      const location = "/reauth/?next=%2Fnotes%2F";
      assert.deepEqual([page.status, page.headers.get("Location")], [303, location]);
      assert.equal((await site.ask(location, { headers: { ...NAVIGATION, ...cookies } })).status, 200);
    });

    test("no request reaches the application while Postern is down", PROCESSES, async () => {
      await using site = await startSite(name, condition("anonymous=allow"));
      const cookies = await site.logIn();
      assert.equal((await site.ask("/notes/", { headers: cookies })).status, 200);
      site.stopPostern();
      site.application.received.length = 0;
      assert((await site.ask("/notes/", { headers: { ...NAVIGATION, ...cookies } })).status >= 500);
      assert.deepEqual(site.application.received, []);
    });
  });
}
