import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { API, PAGE } from "../lib/pipeline/surface.ts";
import { ROUTES } from "../lib/routes.ts";
import { loadRuntime } from "../lib/runtime/load.ts";
import envoy from "./fixtures/forward/envoy.json" with { type: "json" };
import traefik from "./fixtures/forward/traefik.json" with { type: "json" };
import { createClient } from "./support/client.ts";
import { createForwarding } from "./support/forwarding.ts";
import { ROOT } from "./support/process.ts";

interface Question {
  title: string;
  hasSession: boolean;
  method: string;
  target: string;
  headers: Record<string, string | undefined>;
  expected: { status: number; user?: string; location?: string; code?: string };
}

const FIXTURES: Record<string, Question[]> = { Traefik: traefik.questions, Envoy: envoy.questions };

const SETTINGS = {
  PUBLIC_URL: "https://login.test",
  POSTERN_TRUSTED_ORIGINS: "https://app.test",
  POSTERN_TRUSTED_PROXIES: "127.0.0.1",
};

for (const [proxy, questions] of Object.entries(FIXTURES)) {
  describe(`${proxy}, as its documentation says it asks,`, () => {
    for (const { title, hasSession, method, target, headers, expected } of questions) {
      test(`gets the right answer to ${title}`, async () => {
        const { app, browser } = await createForwarding(SETTINGS);
        const client = hasSession ? browser : createClient(app, "login.test", "127.0.0.1");
        const sent = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
        const response = await client.send(method, target, { headers: Object.fromEntries(sent) });
        assert.equal(response.status, expected.status);
        assert.equal(response.headers.get("Location"), expected.location ?? null);
        assert.equal(response.headers.get("Remote-User"), expected.user ?? null);
        if (expected.code !== undefined) assert.equal((await response.json()).code, expected.code);
      });
    }
  });
}

test("a question with a path of many segments is answered over a real connection too", async () => {
  const { app } = await createForwarding(SETTINGS);
  const listening = { hostname: "127.0.0.1", port: 0, idleTimeoutSeconds: 30 };
  const listener = (await loadRuntime()).listen(app, listening);
  const headers = { "X-Forwarded-Method": "GET", "X-Forwarded-Proto": "https" };
  const { status } = await fetch(`http://127.0.0.1:${listener.port}/auth/envoy${"/notes".repeat(24)}/`, { headers });
  listener.cut();
  assert.equal(status, 401);
});

test("every documented proxy leads Postern's own paths to it, and no other of the same beginning", () => {
  const documents = ["README.md", "traefik-envoy.md"].map((name) =>
    readFileSync(join(ROOT, "lib/forward", name), "utf8"),
  );
  const patterns = documents.flatMap((text) =>
    [...text.matchAll(/\^\/\(\(login\|.*?\)\)\$/g)].map(([one]) => new RegExp(one)),
  );
  assert.equal(patterns.length, 5);
  const own = ROUTES.filter(({ surface }) => surface === API || surface === PAGE).map(({ path }) => path);
  for (const pattern of patterns) {
    for (const path of own.filter((path) => path !== "/")) assert.match(path.replace(":id", "0a"), pattern);
    for (const path of ["/signups/", "/signup/other/", "/password/", "/email/", "/"])
      assert.doesNotMatch(path, pattern);
  }
});
