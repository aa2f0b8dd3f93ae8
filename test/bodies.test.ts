import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { loadRuntime } from "../lib/runtime/load.ts";
import { type Client, createClient } from "./support/client.ts";
import { exchange } from "./support/raw-http.ts";
import { createTestApp } from "./support/test-app.ts";

const RIGHT = { username: "alice", password: "right horse" };

async function setUp(environment: Record<string, string> = {}) {
  const test = await createTestApp(environment);
  await test.addUser(RIGHT);
  return { ...test, client: createClient(test.app) };
}

const login = (client: Client, body: string | Uint8Array<ArrayBuffer> | ReadableStream, type = "application/json") =>
  client.send("POST", "/login/", { body, headers: { "Content-Type": type } });

/** A body that arrives in pieces, and counts the bytes that were read. */
function stream(pieces: number, bytesEach: number) {
  const taken = { pieces: 0, isCancelled: false };
  const body = new ReadableStream({
    pull: (controller) => {
      if (taken.pieces++ < pieces) controller.enqueue(new Uint8Array(bytesEach).fill(0x20));
      else controller.close();
    },
    cancel: () => {
      taken.isCancelled = true;
    },
  });
  return { body, taken };
}

describe("a body", () => {
  test("of more than 64 KiB is denied with 413 by its Content-Length (deviation 10)", async () => {
    const { client } = await setUp();
    for (const type of ["application/json", "application/x-www-form-urlencoded", "text/plain"]) {
      const response = await login(client, " ".repeat(10_000_000), type);
      assert.equal(response.status, 413);
      assert.deepEqual(await response.json(), { detail: "Request body exceeded 65536 bytes." });
    }
    assert.equal((await login(client, " ".repeat(65_536 - 46) + JSON.stringify(RIGHT))).status, 202);
  });

  test("that streams is counted, and denied after 64 KiB without a read to its end", async () => {
    const { client } = await setUp();
    const { body, taken } = stream(10_000, 1024);
    assert.equal((await login(client, body)).status, 413);
    assert(taken.pieces < 100, `${taken.pieces} pieces were taken`);
    assert(taken.isCancelled);
  });

  test("that streams within the limit is accepted (deviation 10)", async () => {
    const { client } = await setUp();
    const body = new ReadableStream({
      start: (controller) => {
        for (const piece of ["username=ali", "ce&password=right", "+horse"])
          controller.enqueue(new TextEncoder().encode(piece));
        controller.close();
      },
    });
    assert.equal((await login(client, body, "application/x-www-form-urlencoded")).status, 202);
  });

  test("that never ends is answered 408 after the configured time", async () => {
    const { client } = await setUp({ POSTERN_BODY_TIMEOUT_SECONDS: "1" });
    const response = await login(client, new ReadableStream({ pull: () => new Promise(() => {}) }));
    assert.equal(response.status, 408);
    assert.deepEqual(await response.json(), { detail: "The request body did not arrive within 1 seconds." });
  });

  test("whose connection breaks is a 400, not a 500", async () => {
    const { client, logged } = await setUp();
    const body = new ReadableStream({ pull: (controller) => controller.error(new Error("connection reset")) });
    assert.equal((await login(client, body)).status, 400);
    assert(!logged.some((line) => line.includes('"error"')));
  });

  test("that is malformed is never a 500 (deviations 11, 12, 17)", async () => {
    const { client, logged } = await setUp();
    const deep = "[".repeat(32_000);
    const bodies = [
      "{",
      "",
      " ",
      "[]",
      "null",
      '"text"',
      "12",
      "1.5",
      "true",
      "NaN",
      '{"username":',
      deep,
      `${deep}${"]".repeat(32_000)}`,
      "\ufeff{}",
      '{"__proto__":{"username":"alice"}}',
      '{"constructor":1,"toString":2}',
      "\u0000",
    ];
    const types = [
      "application/json",
      "application/json; charset=utf-16",
      "application/json; charset=klingon",
      "application/json; charset=rot13",
      "*/*",
      "application/x-www-form-urlencoded",
      "application/x-www-form-urlencoded; charset=base64",
      "multipart/form-data",
      "multipart/form-data; boundary=x",
      "multipart/form-data; boundary=\u00e9",
      "text/plain",
      "a/b/c",
      ";",
      "\u00e9",
    ];
    for (const type of types) {
      for (const body of bodies) {
        const response = await login(client, body, type);
        assert([400, 415].includes(response.status), `${type} ${body.slice(0, 20)} is a ${response.status}`);
        await response.json();
      }
    }
    assert(!logged.some((line) => line.includes("unexpected_error")));
  });

  test("that is not an object is denied with Python's name of its type", async () => {
    const { client } = await setUp();
    const types = { "[]": "list", '"x"': "str", "1": "int", "1.0": "float", "1e3": "float", true: "bool" };
    for (const [body, type] of Object.entries(types)) {
      const expected = { non_field_errors: [`Invalid data. Expected a dictionary, but got ${type}.`] };
      assert.deepEqual(await (await login(client, body)).json(), expected);
    }
    assert.deepEqual(await (await login(client, "null")).json(), { non_field_errors: ["No data provided"] });
  });

  test("may hold numbers: integers stay exact, others are printed by JavaScript (deviation 13)", async () => {
    const { client, addUser } = await setUp();
    await addUser({ username: "12345678901234567890123", password: "1.5" });
    assert.equal((await login(client, '{"username":12345678901234567890123,"password":1.50}')).status, 202);
    client.cookies.clear();
    assert.equal((await login(client, '{"username":12345678901234567890124,"password":1.5}')).status, 400);
  });

  test("has an error for each invalid field, in order, in Django's words", async () => {
    const { client } = await setUp();
    const fields = async (json: unknown) => (await client.post("/login/", json)).json();
    assert.deepEqual(await fields({}), {
      username: ["This field is required."],
      password: ["This field is required."],
    });
    assert.deepEqual(await fields({ username: " \u0085\u001c", password: null }), {
      username: ["This field may not be blank."],
      password: ["This field may not be null."],
    });
    assert.deepEqual(await fields({ username: ["alice"], password: "a\0\ud800" }), {
      username: ["Not a valid string."],
      password: ["Null characters are not allowed.", "Surrogate characters are not allowed: U+D800."],
    });
  });

  test("may hold a username of 10,000 and a password of 60,000 characters: wrong credentials", async () => {
    const { client } = await setUp();
    assert.equal((await client.post("/login/", { username: "u".repeat(10_000), password: "x" })).status, 400);
    const response = await client.post("/login/", { username: "alice", password: "p".repeat(60_000) });
    assert.deepEqual(await response.json(), { non_field_errors: ["Access denied: wrong username or password."] });
  });

  test("of more than 1000 fields is a 400 (deviation 8 for its shape)", async () => {
    const { client } = await setUp();
    const many = (count: number) => Array.from({ length: count }, (_, index) => `f${index}=`).join("&");
    const response = await login(client, many(1001), "application/x-www-form-urlencoded");
    assert.deepEqual(
      [response.status, await response.json()],
      [400, { detail: "Bad Request: more than 1000 fields." }],
    );
    assert.equal(
      (await login(client, `${many(998)}&username=alice&password=right+horse`, "application/x-www-form-urlencoded"))
        .status,
      202,
    );
  });
});

test("a slow body over a real connection gets an answer", { timeout: 20_000 }, async () => {
  const { app } = await setUp({ POSTERN_BODY_TIMEOUT_SECONDS: "1" });
  const listener = (await loadRuntime()).listen(app, { hostname: "127.0.0.1", port: 0, idleTimeoutSeconds: 10 });
  const head = "POST /login/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
  const response = await exchange(listener.port, new TextEncoder().encode(head), false);
  assert.deepEqual(
    [response?.status, response?.body],
    [408, '{"detail":"The request body did not arrive within 1 seconds."}'],
  );
  await listener.stop();
});
