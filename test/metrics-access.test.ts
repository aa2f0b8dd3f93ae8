import assert from "node:assert/strict";
import { test } from "node:test";
import { createApp } from "../lib/app.ts";
import { createTestApp } from "./support/test-app.ts";

async function setUp(environment: Record<string, string> = {}) {
  const { app, services } = await createTestApp(environment);
  const ask = (target: string, { address = "127.0.0.1", headers = {}, from = app } = {}) =>
    from(new Request(`http://localhost${target}`, { headers: { Host: "localhost", ...headers } }), { address });
  return { ask, operators: createApp(services, "operators") };
}

const denied = async (response: Response | Promise<Response>, unknown: Response | Promise<Response>, of: string) => {
  const [one, other] = [await response, await unknown];
  assert.equal(one.status, other.status, of);
  assert([404, 400].includes(one.status), of);
  for (const { headers } of [one, other]) headers.delete("x-request-id");
  assert.deepEqual([...one.headers], [...other.headers], `${of}: as if there were nothing`);
  assert.deepEqual(await one.json(), await other.json(), of);
};

test("/metrics on the public listener is answered only for this machine", async () => {
  const { ask } = await setUp({ POSTERN_TRUSTED_PROXIES: "127.0.0.1, 10.0.0.1" });
  for (const address of ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]) {
    assert.equal((await ask("/metrics", { address })).status, 200, address);
  }
  for (const [address, headers] of [
    ["192.0.2.1", {}],
    ["", {}],
    ["192.0.2.1", { "X-Forwarded-For": "127.0.0.1" }],
    ["10.0.0.1", { "X-Forwarded-For": "127.0.0.1" }],
  ] as const) {
    await denied(ask("/metrics", { address, headers }), ask("/nothing", { address, headers }), address);
  }
});

test("/metrics on the public listener is denied if a proxy forwarded the request", async () => {
  const { ask } = await setUp();
  for (const [name, value] of [
    ["X-Forwarded-For", "127.0.0.1"],
    ["X-Forwarded-For", ""],
    ["X-Forwarded-Proto", "https"],
    ["X-Forwarded-Host", "localhost"],
    ["X-Forwarded-Port", "443"],
    ["X-Forwarded-Server", "proxy"],
    ["X-Forwarded-Prefix", "/"],
    ["X-Forwarded", "for=127.0.0.1"],
    ["Forwarded", "for=203.0.113.9"],
    ["Via", "1.1 proxy"],
    ["Via", "2.0 Caddy"],
    ["X-Real-IP", "127.0.0.1"],
    ["X-Original-URL", "/metrics"],
    ["X-Client-IP", "127.0.0.1"],
    ["X-Cluster-Client-IP", "127.0.0.1"],
    ["X-Envoy-External-Address", "127.0.0.1"],
    ["X-ProxyUser-IP", "127.0.0.1"],
    ["True-Client-IP", "127.0.0.1"],
    ["CF-Connecting-IP", "127.0.0.1"],
    ["CDN-Loop", "cloudflare"],
    ["Fastly-Client-IP", "127.0.0.1"],
    ["X-Azure-ClientIP", "127.0.0.1"],
    ["X-Akamai-Edgescape", "georegion=1"],
    ["Akamai-Origin-Hop", "1"],
    ["X-Amzn-Trace-Id", "Root=1"],
    ["X-Rewrite-URL", "/metrics"],
    ["X-Varnish", "1"],
    ["X-BlueCoat-Via", "1"],
    ["Client-IP", "127.0.0.1"],
    ["Forwarded-For", "127.0.0.1"],
    ["Fly-Client-IP", "127.0.0.1"],
    ["Surrogate-Capability", "x"],
    ["Front-End-Https", "on"],
    ["Proxy-Connection", "close"],
  ] as const) {
    const headers = { [name]: value };
    await denied(ask("/metrics", { headers }), ask("/nothing", { headers }), `${name}: ${value}`);
  }
  const headers = { "X-Prometheus-Scrape-Timeout-Seconds": "10", "X-Request-Id": "a", Accept: "text/plain" };
  assert.equal((await ask("/metrics", { headers })).status, 200);
});

test("/metrics on the public listener is denied if the target names another host (RFC 9112 §3.2.2)", async () => {
  const { app } = await createTestApp();
  const headers = { Host: "localhost" };
  const ask = (url: string) => app(new Request(url, { headers }), { address: "127.0.0.1" });
  await denied(ask("http://evil.test/metrics"), ask("http://evil.test/nothing"), "absolute target");
});

test("/metrics on the public listener is only for a Host of this machine, against DNS rebinding", async () => {
  for (const environment of [{}, { PUBLIC_URL: "https://login.example.com" }]) {
    const { ask } = await setUp(environment);
    for (const host of [
      "localhost",
      "LOCALHOST:9464",
      "127.0.0.1",
      "127.0.0.1:8000",
      "127.9.9.9",
      "[::1]",
      "[::1]:80",
    ]) {
      assert.equal((await ask("/metrics", { headers: { Host: host } })).status, 200, host);
    }
    for (const host of [
      "login.example.com",
      "rebound.test:8000",
      "localhost.rebound.test",
      "127.0.0.1.rebound.test",
      "127.1",
      "10.0.0.7:8000",
      "[::2]",
      "localhost:x",
      "localhost, rebound.test",
      "a@localhost",
      "",
    ]) {
      const headers = { Host: host };
      await denied(ask("/metrics", { headers }), ask("/nothing", { headers }), `Host ${host}`);
    }
  }
});

test("/metrics on the operators' listener is answered for every client", async () => {
  const { ask, operators } = await setUp({ POSTERN_OPS_ADDRESS: "127.0.0.1:0" });
  const headers = { Host: "postern.internal", Via: "1.1 proxy" };
  assert.equal((await ask("/metrics", { from: operators, address: "10.0.0.7", headers })).status, 200);
});
