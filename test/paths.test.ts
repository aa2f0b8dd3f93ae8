import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { FIXED_PATHS } from "../lib/cli/listen.ts";
import { loadRuntime } from "../lib/runtime/load.ts";
import type { Listener } from "../lib/runtime/runtime.ts";
import { exchange } from "./support/raw-http.ts";
import { IS_DENO } from "./support/runtime.ts";
import { createTestApp, type TestApp } from "./support/test-app.ts";

/** Spellings of `/` + name that a proxy may read differently: as a path below `/login/`, or as an unknown one. */
const DETOURS = [
  (name: string) => `/login/../${name}`,
  (name: string) => `/login/..\\${name}`,
  (name: string) => `/login/..\\..\\${name}`,
  (name: string) => `/login/%2e%2e\\${name}`,
  (name: string) => `/login/%2e%2e/${name}`,
  (name: string) => `/login/%2E%2E/${name}`,
  (name: string) => `/login/.%2e/${name}`,
  (name: string) => `/login/%2e./${name}`,
  (name: string) => `/login/..%2f${name}`,
  (name: string) => `/login/..%5c${name}`,
  (name: string) => `/login%5c..%5c${name}`,
  (name: string) => `/login%2f..%2f${name}`,
  (name: string) => `/login/..;/${name}`,
  (name: string) => `/login/%252e%252e/${name}`,
  (name: string) => `/login//../${name}`,
  (name: string) => `/login//..\\..\\${name}`,
  (name: string) => `/login/a/b/c/d/e/f/g/h/..\\..\\..\\..\\..\\..\\..\\..\\..\\..\\${name}`,
  (name: string) => `/login/a/b/c/d/e/f/g/h/i/../../../../../../../../../../../${name}`,
  (name: string) => `/./${name}`,
  (name: string) => `/.\\${name}`,
  (name: string) => `/%2e/${name}`,
  (name: string) => `/../${name}`,
  (name: string) => `/..\\${name}`,
  (name: string) => `/\\${name}`,
  (name: string) => `/%5c${name}`,
  (name: string) => `//${name}`,
  (name: string) => `/..//${name}`,
  (name: string) => `/${name}/.`,
  (name: string) => `/${name}/x/..`,
  (name: string) => `/${name}\\`,
  (name: string) => `/${name}\\..`,
  (name: string) => `/${name}/..\\${name}`,
  (name: string) => `/${name}.`,
  (name: string) => `/${name}%23/../login/..\\${name}#`,
  (name: string) => `/login/%23/..\\..\\${name}#`,
  (name: string) => `/login/..\\${name}#/`,
  (name: string) => `/${name};x`,
  (name: string) => `/${name}%00`,
  (name: string) => `/${name}%23`,
  (name: string) => `http://postern.test/login/../${name}`,
  (name: string) => `http://postern.test/login/..\\${name}`,
  (name: string) => `http://u:p@postern.test/login/%2e%2e\\${name}`,
];

/** The same name with an unnecessary escape. */
const escapeFirst = (name: string) => `%${name.charCodeAt(0).toString(16)}${name.slice(1)}`;

const LISTENING = { hostname: "127.0.0.1", port: 0, idleTimeoutSeconds: 30 };

for (const [how, options] of [
  ["", LISTENING],
  [" (paths known to the runtime)", { ...LISTENING, paths: FIXED_PATHS }],
] as const) {
  describe(`a path is the one that the client sent, not the one that the runtime normalised${how}:`, () => {
    let fixture: TestApp;
    let listener: Listener;

    before(async () => {
      fixture = await createTestApp();
      listener = (await loadRuntime()).listen(fixture.app, options);
    });
    after(async () => {
      await listener.stop();
      await fixture.close();
    });

    const status = async (target: string, { host = "postern.test", method = "GET", accept = "*/*" } = {}) => {
      const bytes = new TextEncoder().encode(
        `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nAccept: ${accept}\r\nConnection: close\r\n\r\n`,
      );
      return (await exchange(listener.port, bytes, method === "HEAD"))?.status;
    };

    for (const name of ["healthz", "readyz", "metrics", "profile/", "login", "client.js", "sessions/x/"]) {
      test(`dot segments and backslashes do not lead to /${name}`, async () => {
        for (const detour of DETOURS) {
          for (const target of [detour(name), detour(escapeFirst(name)), `${detour(name)}?a=/../b`]) {
            const host = name === "metrics" ? "localhost" : "postern.test";
            assert.equal(await status(target, { host }), 404, target);
          }
        }
      });
    }

    test("a dot segment is not a parameter", async () => {
      for (const target of ["/sessions/../", "/sessions/%2e%2e/", "/sessions/./", "/sessions/.%2E/", "/static/.."]) {
        assert.equal(await status(target), 404, target);
      }
      assert.equal(await status("/sessions/.../"), 403);
    });

    test("a path is found with escapes, a query, an absolute target, and every method", async () => {
      for (const [target, expected] of [
        ["/healthz", 200],
        ["/%68ealthz", 200],
        ["/healthz?", 200],
        ["/healthz#x", 200],
        ["/healthz?x=/../y\\z", 200],
        ["http://other.test/healthz", 200],
        ["/profile/", 403],
        ["/%70rofile/", 403],
        ["/profile%2F", 403],
        ["/profile", 301],
        ["/client.js", 200],
        ["/password/change/", 403],
        ["/sessions/a/", 403],
        ["/.well-known/change-password", 302],
      ] as const) {
        assert.equal(await status(target), expected, target);
      }
      assert.equal(await status("/", { accept: "text/html" }), 303);
      for (const method of ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]) {
        assert.equal(await status("/profile/", { method }), 403, method);
        assert.equal(await status("/nowhere/", { method }), 404, method);
      }
    });

    test("characters that a URL escapes are data in a path", async () => {
      const found = IS_DENO ? [400, 404] : [404];
      for (const target of ['/"', "/<>", "/^`{|}", "/é", "/profile/é", "/sessions/é/..\\x/"]) {
        assert(found.includes((await status(target)) ?? 0), target);
      }
    });

    test("a Host cannot change the path", async () => {
      for (const host of [
        "x/healthz?",
        "x/healthz#",
        "x\\healthz?",
        "/healthz?",
        "x?",
        "x#",
        "u@x/healthz?",
        "x://y/healthz?",
      ]) {
        assert.equal(await status("/login/", { host }), 400, host);
        assert.equal(await status("/nowhere", { host }), 400, host);
      }
    });

    test("a probe is answered for any Host, but only at its own path", async () => {
      for (const host of ["10.0.0.7:8000", "a b", "", "h_x:99999", "[::1]:80", "u@x"]) {
        assert.equal(await status("/healthz", { host }), 200, host);
        assert([400, 404].includes((await status("/login/..\\..\\healthz", { host })) ?? 0), host);
      }
    });
  });
}
