import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { loadRuntime } from "../lib/runtime/load.ts";
import envoy from "./fixtures/forward/envoy.json" with { type: "json" };
import traefik from "./fixtures/forward/traefik.json" with { type: "json" };
import { createClient } from "./support/client.ts";
import { createForwarding } from "./support/forwarding.ts";

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
