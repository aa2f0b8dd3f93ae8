import assert from "node:assert/strict";
import { createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { ROUTES } from "../lib/routes.ts";
import { receivedIn, type Site, startSite } from "./support/behind-proxy.ts";
import { IDENTITY_HEADERS } from "./support/forwarding.ts";
import { checkConfiguration, onlyWith } from "./support/proxies.ts";

const PROCESSES = { timeout: 60_000 };

const NAVIGATION = { "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none", Accept: "text/html" };
const SCRIPT = { "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin", Accept: "application/json" };

const WEBSOCKET = {
  Connection: "Upgrade",
  Upgrade: "websocket",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Version": "13",
};

/** Every spelling that some server reads as the same name. */
const SPELLINGS = IDENTITY_HEADERS.flatMap((name) =>
  [name, name.replace("-", "_")].flatMap((name) => [name, name.toLowerCase(), name.toUpperCase()]),
);

/** Targets that a proxy and Postern, or a proxy and an application, could read as different paths. */
const ODD_TARGETS = [
  "/login/..\\..\\healthz",
  "/login/..%5c..%5chealthz",
  "/login/%2e%2e/healthz",
  "/login/../healthz",
  "/login/..;/healthz",
  "/login%2f..%2fhealthz",
  "/static/../healthz",
  "/static/%2e%2e/metrics",
  "/static/..%2fmetrics",
  "/static/a%2f..%2f..%2fauth%2f",
  "/sessions/../auth/caddy/",
  "//healthz",
  "/login//../healthz",
  "/x/../auth/nginx/",
  "/notes/%2e%2e/%2e%2e/metrics",
  "/notes/%00",
  "/notes%2f..%2f",
  "//evil.test/notes/",
  "/notes/\u00e9",
  "/%",
  "/login/%00",
  "/LOGIN/../healthz",
];

for (const name of ["nginx", "caddy", "haproxy"] as const) {
  const withConditions = (query: string) => (code: string) =>
    code.replace(RegExp(`/auth/${name}/[?]?`), `/auth/${name}/?${query}`);

  describe(`against an attacker, ${name}`, onlyWith(name), () => {
    let site: Site;
    before(async () => {
      site = await startSite(name);
    }, PROCESSES);
    after(() => site[Symbol.asyncDispose]());

    test("passes no identity header of a client on, in any spelling", PROCESSES, async () => {
      const cookies = await site.logIn();
      for (const spelling of SPELLINGS) {
        const answer = await site.ask("/notes/", { headers: { ...cookies, [spelling]: "admin" } });
        const { headers } = receivedIn(answer);
        for (const [header, value] of Object.entries(headers)) assert.notEqual(value, "admin", `${spelling} ${header}`);
        assert.equal(headers["remote-user"], "alice", spelling);
        assert.equal(headers["remote-email"], "alice@example.com", spelling);
      }
    });

    test("passes none on with anonymous=allow either", PROCESSES, async () => {
      await using open = await startSite(name, withConditions("anonymous=allow"));
      const forged = Object.fromEntries(SPELLINGS.map((spelling) => [spelling, "admin"]));
      const { headers } = receivedIn(await open.ask("/notes/", { headers: forged }));
      for (const [header, value] of Object.entries(headers)) {
        if (/^(remote|postern)[-_]/.test(header)) assert.equal(value, "", header);
      }
    });

    test("believes no forwarding header of a client, and passes none on to the application", PROCESSES, async () => {
      const cookies = await site.logIn();
      const forged = {
        "X-Forwarded-For": "203.0.113.7",
        "X-Forwarded-Host": "evil.test",
        "X-Forwarded-Proto": "https",
        "X-Original-Method": "GET",
        "X-Original-URL": "https://evil.test/",
      };
      const { headers } = receivedIn(await site.ask("/notes/", { headers: { ...cookies, ...forged } }));
      assert.equal(headers["x-forwarded-for"], "127.0.0.1");
      assert.equal(headers["x-forwarded-proto"], "http");
      assert.equal(headers["x-original-url"], undefined);
      for (const value of Object.values(headers)) assert.doesNotMatch(String(value), /evil\.test|203\.0\.113/);
      const [own] = JSON.parse((await site.ask("/sessions/", { headers: { ...SCRIPT, ...cookies, ...forged } })).body);
      assert.equal(own.address, "127.0.0.1");
    });

    test(
      "denies another site's requests with Postern's own words, and keeps a long body intact",
      PROCESSES,
      async () => {
        const cookies = await site.logIn();
        const body = JSON.stringify({ text: "caf\u00e9 \u{1f434}\r\n".repeat(2000) });
        const send = (method: string, headers: Record<string, string>) =>
          site.ask("/notes/", { method, body, headers: { ...cookies, ...headers } });
        site.application.received.length = 0;
        for (const headers of [
          { "Sec-Fetch-Site": "cross-site" },
          { "Sec-Fetch-Site": "same-site", Origin: "http://other.example.com" },
          { Origin: "https://evil.test" },
          { Origin: "null" },
        ]) {
          for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
            const denied = await send(method, headers);
            assert.equal(denied.status, 403, `${method} ${JSON.stringify(headers)}`);
            assert.match(JSON.parse(denied.body).detail, /^CSRF Failed: /);
          }
        }
        assert.deepEqual(site.application.received, []);
        const received = receivedIn(await send("POST", { "Sec-Fetch-Site": "same-origin" }));
        assert.deepEqual([received.method, received.body], ["POST", body]);
      },
    );

    test("does not count a page's own query as a condition", PROCESSES, async () => {
      await using editors = await startSite(name, withConditions("group=editors"));
      const cookies = await editors.logIn();
      const ask = (target: string) => editors.ask(target, { headers: { ...SCRIPT, ...cookies } });
      for (const target of ["/notes/", "/notes/?group=editors", "/notes/?csrf=off&anonymous=allow"]) {
        assert.equal((await ask(target)).status, 403, target);
      }
      await editors.addToGroup("editors");
      for (const target of ["/notes/", "/notes/?group=editors", "/notes/?group=writers"]) {
        assert.equal((await ask(target)).status, 200, target);
      }
    });

    test("leads no odd path past the login, or to an endpoint of operators", PROCESSES, async () => {
      const cookies = await site.logIn();
      for (const target of [...ODD_TARGETS, `http://127.0.0.1:${site.port}/healthz`]) {
        site.application.received.length = 0;
        const anonymous = await site.ask(target, { headers: SCRIPT });
        // 401: the path is the application's. 400: the proxy passes it on to neither. Postern's answer would be 404.
        assert([400, 401].includes(anonymous.status), `${target}: ${anonymous.status}`);
        assert.deepEqual(site.application.received, [], target);
        const answer = await site.ask(target, { headers: { ...SCRIPT, ...cookies } });
        if (answer.status === 200) assert.equal(receivedIn(answer).headers["remote-user"], "alice", target);
        else assert.equal(answer.status, 400, target);
      }
    });

    test("keeps the addresses of forward-auth from clients", PROCESSES, async () => {
      const cookies = await site.logIn();
      const asked = { "X-Original-Method": "GET", "X-Original-URL": "http://a/", "X-Forwarded-Method": "GET" };
      for (const target of ["/auth/", "/auth", "/auth/nginx/", "/auth/caddy/?", "/auth/haproxy/", "/auth/envoy/x"]) {
        const answer = await site.ask(target, { headers: { ...SCRIPT, ...cookies, ...asked } });
        for (const header of IDENTITY_HEADERS) assert.equal(answer.headers.has(header), false, target);
        assert.equal(receivedIn(answer).url, target);
      }
    });

    test("has every public page of Postern at its address, with and without the final slash", PROCESSES, async () => {
      site.application.received.length = 0;
      const paths = ROUTES.filter(({ surface }) => !["programs", "operators"].includes(surface.audience))
        .map(({ path }) => path.replace(":id", "0123456789abcdef0123").replace(":name", "page-1.css"))
        // These belong to the application.
        .filter((path) => !["/", "/favicon.ico", "/robots.txt"].includes(path));
      for (const path of new Set(paths)) {
        for (const target of new Set([path, path.replace(/\/$/, "")])) {
          const answer = await site.ask(target, { method: "OPTIONS" });
          assert.equal(answer.headers.get("X-Frame-Options"), "DENY", `${target}: ${answer.status}`);
        }
      }
      assert.deepEqual(site.application.received, []);
    });

    test("has room for a user of 100 groups with the longest names", PROCESSES, async () => {
      await using big = await startSite(name);
      const names = Array.from({ length: 100 }, (_, index) => "g".repeat(147) + String(index).padStart(3, "0"));
      for (const group of names) await big.addToGroup(group);
      const answer = await big.ask("/notes/", { headers: await big.logIn() });
      const { headers } = receivedIn(answer);
      assert.equal(headers["remote-groups"], names.join());
      assert(String(headers["postern-assertion"]).length > 20_000);
    });

    test("lets no request and no WebSocket through if Postern hangs up or answers nonsense", PROCESSES, async () => {
      for (const text of ["", "nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\nRemote-User: al", "HTTP/1.1 500 No\r\n\r\n"]) {
        const broken = createServer((socket) => {
          socket.on("error", () => {}).once("data", () => socket.end(text));
        });
        await using dark = await startSite(name, withConditions("anonymous=allow"), broken);
        const answers = await Promise.all([
          dark.ask("/notes/", { headers: SCRIPT }),
          dark.ask("/notes/", { headers: NAVIGATION }),
          dark.ask("/notes/", { method: "POST", body: "a=1", headers: SCRIPT }),
          dark.ask("/live/", { headers: WEBSOCKET }),
        ]);
        for (const { status } of answers) assert(status >= 500, `${JSON.stringify(text)}: ${status}`);
        assert.deepEqual(dark.application.received, []);
      }
    });

    test("has a valid configuration with TLS", { ...PROCESSES, ...onlyWith("openssl") }, async () => {
      assert.equal(await checkConfiguration(name), "");
    });
  });
}

describe("the documented script for HAProxy", onlyWith("haproxy"), () => {
  test("lets nothing through if it fails: HAProxy itself would go on", PROCESSES, async () => {
    const failing = (code: string) => code.replace("local question = {}", 'local question = {} error("failed")');
    await using site = await startSite("haproxy", failing);
    const headers = { ...SCRIPT, "Remote-User": "admin" };
    assert.equal((await site.ask("/notes/", { headers })).status, 503);
    assert.deepEqual(site.application.received, []);
  });
});
