import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { insertMail } from "../db/mails.ts";
import { migrate } from "../db/migrate.ts";
import { openDatabase } from "../db/open.ts";
import { createApp } from "../lib/app.ts";
import { parseConfig } from "../lib/config/load.ts";
import { createClient } from "./support/client.ts";
import { createTestApp, MAIL } from "./support/test-app.ts";

const LOGIN = { username: "alice", password: "right horse" };

async function setUp(environment: Record<string, string> = {}) {
  const test = await createTestApp(environment);
  await test.addUser(LOGIN);
  const operators = createApp(test.services, "operators");
  const ask = (target: string, { app = test.app, address = "127.0.0.1", method = "GET", headers = {} } = {}) =>
    app(new Request(`http://localhost${target}`, { method, headers: { Host: "localhost", ...headers } }), { address });
  const scrape = async () => {
    const lines = (await (await ask("/metrics")).text()).split("\n");
    /** @returns the text of a series' value */
    return (series: string) => lines.find((line) => line.startsWith(`${series} `))?.slice(series.length + 1);
  };
  return { ...test, operators, ask, scrape, client: createClient(test.app) };
}

/** A database that does not answer. */
async function closedDatabase() {
  const db = await openDatabase("sqlite::memory:", { mayCreate: true, poolSize: 1 });
  await db.destroy();
  return db;
}

describe("GET /healthz", () => {
  test("answers 200 even if the database does not answer", async () => {
    const { ask, services } = await setUp();
    services.db = await closedDatabase();
    services.lifecycle.isStopping = true;
    const response = await ask("/healthz");
    assert.deepEqual([response.status, await response.json()], [200, { status: "ok" }]);
    assert.equal((await ask("/healthz", { method: "HEAD" })).status, 200);
    assert.equal((await ask("/healthz", { method: "POST" })).status, 405);
    assert.equal((await ask("/healthz/")).status, 404);
  });
});

describe("GET /readyz", () => {
  test("answers 200 if the node can read and write", async () => {
    const { ask } = await setUp();
    const response = await ask("/readyz", { address: "192.0.2.1" });
    assert.deepEqual([response.status, await response.json()], [200, { status: "ok" }]);
  });

  test("writes to the database at most once per second, for any number of requests", async () => {
    const { app, services, clock } = await createTestApp();
    const client = createClient(app);
    const lock = services.db.withTables<{ postern_migration_lock: { is_locked: number } }>();
    const ready = async () => {
      await lock.updateTable("postern_migration_lock").set({ is_locked: 7 }).execute();
      assert.deepEqual(
        (await Promise.all([1, 2, 3].map(() => client.get("/readyz")))).map(({ status }) => status),
        [200, 200, 200],
      );
      return (await lock.selectFrom("postern_migration_lock").select("is_locked").executeTakeFirst())?.is_locked;
    };
    clock.advance(86_400); // On Postgres the tests share a database, and another test may have written just now.
    assert.equal(await ready(), 0, "it was written");
    assert.equal(await ready(), 7, "it was not written again");
    clock.advance(1);
    assert.equal(await ready(), 0, "a second later it was");
    clock.advance(-3600);
    assert.equal(await ready(), 0, "and after the clock was put back");
  });

  test("answers 503 with the name of the failed check", async () => {
    const { ask, services } = await setUp();
    const failed = async () => {
      const response = await ask("/readyz");
      return [response.status, await response.json()];
    };
    const fresh = await openDatabase("sqlite::memory:", { mayCreate: true, poolSize: 1 });
    services.db = fresh;
    assert.deepEqual(await failed(), [503, { status: "unavailable", failed: "migrations" }]);
    await migrate(fresh);
    assert.equal((await failed())[0], 200);
    await fresh
      .withTables<{ postern_migration: { name: string } }>()
      .deleteFrom("postern_migration")
      .where("name", "like", "0001%")
      .execute();
    assert.deepEqual(await failed(), [503, { status: "unavailable", failed: "migrations" }]);
    await fresh.destroy();
    assert.deepEqual(await failed(), [503, { status: "unavailable", failed: "database" }]);
    services.lifecycle.isStopping = true;
    assert.deepEqual(await failed(), [503, { status: "unavailable", failed: "shutdown" }]);
  });
});

test("probes are answered with any Host, Accept, Origin and cookie, even if PUBLIC_URL is set", async () => {
  const { ask } = await setUp({ PUBLIC_URL: "https://login.example.com" });
  for (const headers of [
    { Host: "10.0.0.7:8000" },
    { Host: "a b" },
    { Host: "" },
    { Accept: "application/openmetrics-text" },
    { Origin: "https://evil.test", "Sec-Fetch-Site": "cross-site" },
    { Cookie: `sessionid=${"a".repeat(32)}` },
  ]) {
    for (const path of ["/healthz", "/readyz"]) {
      assert.equal((await ask(path, { headers })).status, 200, `${path} ${JSON.stringify(headers)}`);
    }
  }
});

test("a probe is logged only if it fails", async () => {
  const { ask, logged, services } = await setUp();
  for (const path of ["/healthz", "/readyz", "/metrics"]) await ask(path);
  assert.deepEqual(logged, []);
  services.lifecycle.isStopping = true;
  await ask("/readyz");
  assert.match(logged.join(""), /^\{[^\n]*"route":"\/readyz"[^\n]*"status":503[^\n]*\}\n$/);
});

describe("POSTERN_OPS_ADDRESS", () => {
  test("moves probes and metrics to a separate listener, which answers nothing else", async () => {
    const { ask, operators } = await setUp({ POSTERN_OPS_ADDRESS: "127.0.0.1:0" });
    for (const path of ["/healthz", "/readyz", "/metrics"]) {
      assert.equal((await ask(path)).status, 404, path);
      assert.equal((await ask(path, { app: operators, address: "203.0.113.9" })).status, 200, path);
    }
    for (const [method, path] of [
      ["POST", "/login/"],
      ["GET", "/profile/"],
      ["GET", "/profile"],
      ["OPTIONS", "/login/"],
      ["GET", "/"],
    ] as const) {
      assert.equal((await ask(path, { app: operators, method })).status, 404, path);
    }
  });

  test("is a host and a port, an IPv6 address in brackets", () => {
    const read = (text: string) => parseConfig({ POSTERN_OPS_ADDRESS: text }).opsAddress;
    assert.deepEqual(read("127.0.0.1:9464"), { hostname: "127.0.0.1", port: 9464 });
    assert.deepEqual(read("[::1]:9464"), { hostname: "::1", port: 9464 });
    for (const text of ["9464", ":9464", "::1:9464", "localhost", "localhost:", "localhost:65536", "a b:1", "x:-1"]) {
      assert.throws(() => read(text), /POSTERN_OPS_ADDRESS is/, text);
    }
  });
});

describe("GET /metrics", () => {
  test("is in the Prometheus text format", async () => {
    const { ask, client } = await setUp();
    await client.get("/profile/");
    const response = await ask("/metrics");
    assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    for (const line of (await response.text()).trimEnd().split("\n")) {
      if (line !== "") assert.match(line, /^# (HELP|TYPE) \w+ .+$|^\w+(\{(\w+="[^"\\\n]*",?)+\})? [-+\w.]+$/);
    }
  });

  test("counts requests by route and status, logins by outcome, and live sessions", async () => {
    const { client, clock, scrape } = await setUp();
    await client.get("/profile/");
    await client.login("alice", "wrong horse");
    await client.post("/login/", { username: "alice" });
    await client.login("alice", "right horse");
    const value = await scrape();
    assert.equal(value('postern_http_requests_total{route="/profile/",method="GET",status="403"}'), "1");
    assert.equal(value('postern_http_requests_total{route="/login/",method="POST",status="400"}'), "2");
    assert.equal(value('postern_http_request_duration_seconds_count{route="/login/"}'), "3");
    assert.equal(value('postern_logins_total{outcome="ok"}'), "1");
    assert.equal(value('postern_logins_total{outcome="refused"}'), "1", "a request without a password is no attempt");
    assert.equal(value('postern_logins_total{outcome="overloaded"}'), "0");
    assert.equal(value("postern_sessions_live"), "1");
    assert.equal(value("postern_password_queue_length"), "0");
    assert.equal(value('postern_build_info{version="test",database="test"}'), "1");
    clock.advance(8 * 24 * 3600);
    assert.equal((await scrape())("postern_sessions_live"), "0", "its row is still there, but it has been idle");
  });

  test("does not count an expired session whose row still exists", async () => {
    const { client, clock, scrape } = await setUp({ POSTERN_SESSION_MAX_AGE_SECONDS: "600" });
    await client.login("alice", "right horse");
    clock.advance(599);
    assert.equal((await scrape())("postern_sessions_live"), "1");
    clock.advance(1);
    assert.equal((await scrape())("postern_sessions_live"), "0");
  });

  test("measures the length of the password queue and the time in it", async () => {
    const { client, clock, services, scrape } = await setUp();
    const begin = services.metrics.watchHashes();
    clock.advance(2);
    assert.equal((await scrape())("postern_password_queue_length"), "1");
    begin();
    await client.login("alice", "right horse");
    const value = await scrape();
    assert.equal(value("postern_password_queue_length"), "0");
    assert.equal(
      value('postern_password_queue_seconds_bucket{le="1"}'),
      String(Number(value("postern_password_queue_seconds_count")) - 1),
    );
    assert.equal(value("postern_password_queue_seconds_sum"), "2");
  });

  test("is answered if the database is unavailable, and counts the errors", async () => {
    const { ask, scrape, services } = await setUp();
    services.db = await closedDatabase();
    assert.equal((await ask("/metrics")).status, 200);
    const value = await scrape();
    assert.match(value("postern_sessions_live") ?? "", /^nan$/i);
    assert.equal(value("postern_database_errors_total"), "2");
  });

  test("names standard methods on every path, as the log does", async () => {
    const { client, logged, scrape } = await setUp();
    for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT"]) {
      for (const path of ["/nothing/", "/activity/", "/client.js"]) await client.send(method, path);
    }
    const value = await scrape();
    for (const [method, count] of [
      ["GET", "2"], // Includes HEAD.
      ["POST", "1"],
      ["PUT", "1"],
      ["PATCH", "1"],
      ["DELETE", "1"],
      ["OPTIONS", "1"],
      ["other", "2"],
    ] as const) {
      assert.equal(value(`postern_http_requests_total{route="none",method="${method}",status="404"}`), count, method);
      assert.equal(
        value(`postern_http_requests_total{route="/activity/",method="${method}",status="403"}`),
        count,
        method,
      );
    }
    const methods = logged.map((line): unknown => JSON.parse(line).method);
    assert.deepEqual(new Set(methods), new Set(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"]));
  });

  test("shows how many mails wait and were given up, and how long the oldest has waited", async () => {
    const { services, scrape, clock } = await setUp(MAIL);
    for (const id of ["a", "b", "c"]) {
      const mail = { id, purpose: "invite", userId: null, address: "a@a.test", language: "en", facts: "{}" } as const;
      await insertMail(services.db, { ...mail, createdAt: clock.now });
      clock.advance(10);
    }
    const values = async () => {
      const value = await scrape();
      return ["mails_waiting", "mails_given_up", "mail_oldest_seconds"].map((name) => value(`postern_${name}`));
    };
    assert.deepEqual(await values(), ["3", "0", "30"]);
    await services.db.updateTable("mails").set({ failed_at: clock.now }).where("id", "=", "a").execute();
    assert.deepEqual(await values(), ["2", "1", "20"]);
  });

  test("has no label value that came from a client", async () => {
    const { ask, client } = await setUp();
    const series = async () => (await (await ask("/metrics")).text()).match(/^postern_http[^ ]+/gm)?.sort();
    await client.get("/nothing");
    await client.send("PROPFIND", "/nothing");
    await client.get("/profile/");
    await client.send("PROPFIND", "/profile/");
    await client.send("OPTIONS", "/profile/");
    await ask("/metrics");
    const before = await series();
    for (const path of ["/x1", "/x2/", "/%zz", "/profile/x", '/"} 1\n', "/metrics/", `/${"y".repeat(5000)}`]) {
      for (const method of ["GET", "X-MADE-UP", "REPORT"]) await client.send(method, path);
    }
    for (const method of ["REPORT", "X-MADE-UP", "LOCK"]) await client.send(method, "/profile/");
    const after = (await series())?.join("\n") ?? "";
    assert.doesNotMatch(after, /x1|x2|yyy|MADE|REPORT|LOCK|PROPFIND/);
    assert.equal(after, before?.join("\n"));
  });
});
