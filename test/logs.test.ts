import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { createApp } from "../lib/app.ts";
import { createLog, formatReadable, type Level } from "../lib/observability/log.ts";
import { createOutput } from "../lib/observability/output.ts";
import { createClient } from "./support/client.ts";
import { createSandbox, login, quickProgram, sendSignal, start } from "./support/process.ts";
import { runAtPseudoTerminal } from "./support/pseudo-terminal.ts";
import { createTestApp } from "./support/test-app.ts";

const PROCESSES = { timeout: 60_000 };
const PASSWORD = "right horse";

async function setUp(environment: Record<string, string> = {}) {
  const test = await createTestApp(environment);
  const user = await test.addUser({ username: "alice", password: PASSWORD });
  const events = () => test.logged.map((line): Record<string, unknown> => JSON.parse(line));
  return { ...test, user, events, client: createClient(test.app) };
}

describe("a request's line", () => {
  test("has the time, route, result, user and client address", async () => {
    const { client, clock, events, user } = await setUp();
    await client.login("alice", PASSWORD);
    const { headers } = await client.get("/profile/");
    const common = { time: new Date(clock.now).toISOString(), level: "info", event: "request", ms: 0 };
    const [first, second] = events();
    const { request_id: made, ...rest } = first ?? {};
    assert.match(String(made), /^[a-z2-7]{16}$/);
    const answered = { problem: null, user_id: user.id, client: "192.0.2.1" };
    assert.deepEqual(rest, { ...common, ...answered, route: "/login/", method: "POST", status: 202 });
    const id = { request_id: headers.get("x-request-id") };
    assert.deepEqual(second, { ...common, ...answered, ...id, route: "/profile/", method: "GET", status: 200 });
  });

  test("has the code of a problem, and no user if the client is not authenticated", async () => {
    const { client, events } = await setUp();
    await client.login("alice", "wrong horse");
    await client.get("/profile/");
    await client.get("/nothing/");
    const told = events().map(({ route, status, problem, user_id }) => [route, status, problem, user_id]);
    assert.deepEqual(told, [
      ["/login/", 400, "wrong_credentials", null],
      ["/profile/", 403, "not_authenticated", null],
      [null, 404, "not_found", null],
    ]);
  });

  test("has the request id of the answer, and so has the error of a 500", async () => {
    const { services, events } = await setUp();
    services.hasher = { ...services.hasher, check: () => Promise.reject(new Error("on fire")) };
    const response = await createClient(createApp(services)).login("alice", PASSWORD);
    const id = response.headers.get("x-request-id");
    assert.deepEqual(
      events().map(({ event, request_id }) => [event, request_id]),
      [
        ["unexpected_error", id],
        ["request", id],
      ],
    );
  });

  test("has the request id of a trusted proxy, but not of another peer", async () => {
    const { app, events } = await setUp({ POSTERN_TRUSTED_PROXIES: "10.0.0.0/8" });
    const idFrom = async (address: string, headers: Record<string, string> = {}) => {
      const request = new Request("http://x/profile/", {
        headers: { Host: "x", "X-Request-Id": "chosen-1", ...headers },
      });
      const id = (await app(request, { address })).headers.get("x-request-id");
      assert.equal(events().at(-1)?.["request_id"], id);
      return id;
    };
    assert.equal(await idFrom("10.0.0.1"), "chosen-1");
    assert.equal(await idFrom("10.0.0.1", { "X-Forwarded-For": "203.0.113.9" }), "chosen-1");
    for (const address of ["203.0.113.9", "127.0.0.1", ""]) {
      const forwarded = { "X-Forwarded-For": "10.0.0.1" };
      for (const headers of [{}, forwarded])
        assert.match((await idFrom(address, headers)) ?? "", /^[a-z2-7]{16}$/, address);
    }
  });

  test("has a proxy's request id only if it is well formed", async () => {
    const { client, logged } = await setUp({ POSTERN_TRUSTED_PROXIES: "192.0.2.1" });
    for (const id of ["a", "A-1.b_2", "x".repeat(64)]) {
      assert.equal((await client.get("/profile/", { "X-Request-Id": id })).headers.get("x-request-id"), id);
    }
    for (const id of [
      "",
      "x".repeat(65),
      "a b",
      'a","level":"error',
      "a\u00a0",
      "é",
      "a/b",
      "a,b",
      "%0a",
      "<b>",
      "\u009b2J",
    ]) {
      const sent = (await client.get("/profile/", { "X-Request-Id": id })).headers.get("x-request-id");
      assert.match(sent ?? "", /^[a-z2-7]{16}$/, JSON.stringify(id));
    }
    for (const line of logged) assert.match(line, /^\{[ -~]*\}\n$/);
  });

  test("is the same JSON as that of every other event", () => {
    const lines: string[] = [];
    const log = createLog(
      (line) => lines.push(line),
      () => 0,
      { common: { worker: 1 } },
    );
    const denied = { request_id: "a2", route: null, method: "GET", status: 404, ms: 0, problem: "not_found" };
    const answered = { request_id: "b3", route: "/profile/", method: "GET", status: 200, ms: 12, problem: null };
    for (const fields of [
      { ...denied, user_id: null, client: "" },
      { ...answered, user_id: 7, client: "2001:db8::1" },
    ]) {
      log.request(fields);
      log("info", "request", fields);
    }
    const [first, firstAgain, second, secondAgain] = lines;
    assert.equal(first, firstAgain);
    assert.equal(second, secondAgain);
  });

  test("is one line of printable characters, for any text of the client", async () => {
    const { client, logged } = await setUp();
    const junk = ['"}\\n{"level":"error"', "\u009b31m", "\u0085", "\u00ff"];
    for (const text of junk) {
      const headers = { "User-Agent": text, Accept: text, Origin: text, "X-Forwarded-For": text, Referer: text };
      await client.send("POST", "/login/", { headers, json: { username: text, password: text } });
      await client.get(`/${encodeURIComponent(text)}/?x=${encodeURIComponent(text)}`, headers);
    }
    assert(logged.length >= 2 * junk.length);
    for (const line of logged) {
      assert.match(line, /^\{[ -~]*\}\n$/);
      assert.notEqual(JSON.parse(line).level, "error");
    }
  });
});

test("the log of a whole run holds no secret of it", PROCESSES, async () => {
  await using sandbox = await createSandbox();
  await sandbox.run(["createuser", "alice", "--password-stdin"], { input: PASSWORD });
  const server = await sandbox.serve({ environment: { POSTERN_TRUSTED_PROXIES: "127.0.0.1" } });
  const secrets = [
    PASSWORD,
    "wrong-secret",
    "raw-body-secret",
    "query-secret",
    "path-secret",
    "bearer-secret",
    "argon2",
  ];
  const { cookie } = await login(server, "alice", PASSWORD);
  secrets.push(cookie.replace(/^sessionid=/, ""));
  await login(server, "alice", "wrong-secret");
  await login(server, "wrong-secret", "wrong-secret");
  await fetch(`${server.url}/login/`, {
    method: "POST",
    body: '{"raw-body-secret',
    headers: { "Content-Type": "application/json" },
  });
  await fetch(`${server.url}/profile/?token=query-secret`, { headers: { Cookie: cookie } });
  await fetch(`${server.url}/login?token=query-secret`, { redirect: "manual" });
  for (const path of ["path-secret", `${secrets.at(-1)}`, "profile/path-secret"]) await fetch(`${server.url}/${path}/`);
  const headers = {
    Authorization: "Bearer bearer-secret",
    Cookie: "sessionid=bearer-secret-00000000000; x=bearer-secret",
  };
  await fetch(`${server.url}/profile/`, { headers: { ...headers, "X-Request-Id": `bearer-secret ${"x".repeat(60)}` } });
  const forwarded = { "X-Forwarded-For": "bearer-secret", "X-Forwarded-Host": "query-secret/" };
  assert.equal((await fetch(`${server.url}/profile/`, { headers: forwarded })).status, 400);
  await fetch(`${server.url}/logout/`, { method: "POST", headers: { Cookie: cookie, "X-CSRFToken": "bearer-secret" } });
  await fetch(`${server.url}/metrics`);
  const { code, stdout, stderr } = await server.stop();
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  assert(stdout.split("\n").length > 12);
  for (const secret of secrets) assert(!stdout.includes(secret), secret);
});

describe("standard output", () => {
  /** A server whose standard output the test can stall or close. */
  async function serve(folder: string) {
    const running = start([...quickProgram(), "serve"], folder, { environment: { PORT: "0" } });
    running.child.stdin.end();
    while (!running.output.stdout.includes('"no_users"')) await once(running.child.stdout, "data");
    const [, url = ""] = /"url":"(.*?)\/"/.exec(running.output.stdout) ?? [];
    return { ...running, ask: async () => (await fetch(`${url}/profile/`)).status };
  }

  test("whose reader disconnects loses lines, and the server goes on", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const { child, ask, ended, output } = await serve(sandbox.folder);
    child.stdout.destroy();
    for (let times = 0; times < 50; times++) assert.equal(await ask(), 403);
    sendSignal(child, "SIGTERM");
    assert.equal((await ended).code, 0);
    assert.match(output.stderr, /^There is no user yet[^\n]*\n\S+\n$/, "and nothing else");
  });

  test("whose reader stalls delays no answer and no shutdown", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const { child, ask, ended } = await serve(sandbox.folder);
    child.stdout.pause();
    // About 200 KB, more than a pipe holds.
    for (let times = 0; times < 20; times++) {
      const statuses = await Promise.all(Array.from({ length: 50 }, ask));
      assert(statuses.every((status) => status === 403));
    }
    sendSignal(child, "SIGTERM");
    const [code] = await once(child, "exit");
    assert.equal(code, 0);
    child.stdout.resume();
    await ended;
  });

  /** A reader that takes a batch when the test calls `take`. */
  function createStalled(maxHeld: number) {
    const written: string[] = [];
    let done = (_error?: Error | null) => {};
    const write = (text: string, callback: typeof done) => {
      written.push(text);
      done = callback;
    };
    const output = createOutput({ write, on: () => {} }, maxHeld, 0);
    return { written, take: (error?: Error) => done(error), ...output };
  }

  test("that stalls drops and counts information first, and later all lines", () => {
    const { written, take, write, dropped } = createStalled(10);
    for (const [text, level] of [
      ["1111\n", "info"],
      ["2222\n", "info"],
      ["3333\n", "info"],
      ["4444\n", "error"],
      ["5555\n", "warning"],
      ["6666\n", "error"],
    ] as const satisfies [string, Level][]) {
      write(text, level);
    }
    assert.equal(dropped(), 2);
    assert.deepEqual(written, ["1111\n"]);
    take();
    assert.deepEqual(written, ["1111\n", "2222\n4444\n5555\n"], "in one write");
    take();
    write("7777\n", "info");
    take();
    assert.deepEqual(written.at(-1), "7777\n", "there is room again");
    assert.equal(dropped(), 2);
  });

  test("that fails, as on a full disk, is written to again with the next line", () => {
    const { written, take, write, dropped } = createStalled(100);
    write("1\n", "info");
    take(new Error("ENOSPC"));
    assert.equal(dropped(), 1);
    write("2\n", "info");
    assert.deepEqual(written, ["1\n", "2\n"]);
  });
});

describe("at a terminal", () => {
  test("lines are readable text", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await writeFile(join(sandbox.folder, ".env"), "PORT=0\n");
    const { code, stdout } = await runAtPseudoTerminal(sandbox.folder, ["serve"], [["no_users", "\x03"]], {
      isHasty: true,
    });
    assert.equal(code, 0);
    assert.match(stdout, /^\d\d:\d\d:\d\d\.\d{3} info {4}listening url=http:\/\/127\.0\.0\.1:\d+\/\r\n/);
    assert.match(stdout, /info {4}stopped\r\n$/);
  });

  test("text of a client cannot control it or look like another line", () => {
    let text = "";
    const log = createLog(
      (line) => (text += line),
      () => 0,
      { format: formatReadable },
    );
    log("error", "unexpected_error", {
      client: "\x1b[2J",
      x: "a b",
      y: 'q"\n',
      z: null,
      error: "Error: \x9bA\n    at x\u202e",
    });
    assert.equal(
      text,
      '00:00:00.000 error   unexpected_error client="\\u001b[2J" x="a b" y="q\\"\\n"\n    Error: \\u009bA\n        at x\\u202e\n',
    );
  });
});
