import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OPERATOR } from "../lib/audit/actor.ts";
import { deactivate } from "../lib/users/activation.ts";
import { createClient } from "./support/client.ts";
import { giveFactors, PASSWORD, useFactors } from "./support/factors.ts";
import { openNotingDatabase } from "./support/statements.ts";
import { createTestApp, MAIL } from "./support/test-app.ts";

// What the first step of a login tells, and when the second one takes a code.

const OURS = { "Sec-Fetch-Site": "same-origin" };
const FORM = { ...OURS, "Sec-Fetch-Mode": "navigate", "Content-Type": "application/x-www-form-urlencoded" };

/** Each request comes from a network of its own. */
let requests = 0;
const nextAddress = () => `10.${++requests >> 8}.${requests & 255}.1`;

async function setUp(environment: Record<string, string>) {
  const noting = await openNotingDatabase();
  const test = await createTestApp(environment, noting);
  const addPerson = async (username: string) => {
    const email = `${username}@example.com`;
    const user = await test.addUser({ username, password: PASSWORD, email, emailProvedAt: 1 });
    return { user, ...(username === "plain" ? null : await giveFactors(test, user)) };
  };
  for (const username of ["alice", "plain"]) await addPerson(username);
  const { user } = await addPerson("inactive");
  await deactivate(test.services, OPERATOR, user);
  return { ...test, noting };
}

async function describeAnswer(response: Response) {
  const headers = [...response.headers].filter(([name]) => name !== "x-request-id");
  return { status: response.status, headers, body: await response.text() };
}

const WRONG: Record<string, [username: string, password: string]> = {
  "a user without a second factor": ["plain", "wrong"],
  "no user": ["nobody", "wrong"],
  "an inactive user with a second factor, with the right password": ["inactive", PASSWORD],
  "an inactive user with a second factor": ["inactive", "wrong"],
};

for (const [where, environment] of Object.entries({ "without mail": {}, "with mail": MAIL })) {
  describe(`a wrong password of a user with a second factor, ${where}, is answered by the same statements as one of`, () => {
    for (const [whose, [username, password]] of Object.entries(WRONG)) {
      test(whose, async () => {
        const { app, noting, close } = await setUp(environment);
        for (const isBrowser of [false, true]) {
          const send = async (username: string, password: string) => {
            const client = createClient(app, "postern.test", nextAddress());
            const sent = isBrowser
              ? { headers: FORM, body: new URLSearchParams({ username, password }).toString() }
              : { headers: OURS, json: { username, password } };
            let answer: unknown;
            const statements = await noting.statementsOf(async () => {
              const { body, ...rest } = await describeAnswer(await client.send("POST", "/login/", sent));
              answer = { ...rest, body: body.replaceAll(`value="${username}"`, "") };
            });
            return { answer, statements };
          };
          await send("alice", "wrong");
          await send(username, password);
          assert.deepEqual(await send(username, password), await send("alice", "wrong"));
        }
        await close();
      });
    }
  });
}

describe("the right password of a user with a second factor", () => {
  test("gives no session, no csrftoken and no device, and is not the last login", async () => {
    await using alice = await useFactors();
    const answer = await alice.enterPassword();
    const names = answer.headers.getSetCookie().map((line) => line.split("=", 1)[0]);
    assert.deepEqual(names, ["pendinglogin"]);
    const { db } = alice.test.services;
    assert.deepEqual(await db.selectFrom("sessions").select("id").execute(), []);
    assert.deepEqual(await db.selectFrom("devices").select("id").execute(), []);
    assert.equal((await db.selectFrom("users").select("last_login").executeTakeFirstOrThrow()).last_login, null);
    const kinds = await db.selectFrom("events").select("kind").execute();
    assert(!kinds.some(({ kind }) => kind === "login"));
    await alice.enterCode(alice.code());
    const { last_login } = await db.selectFrom("users").select("last_login").executeTakeFirstOrThrow();
    assert.equal(last_login, alice.test.clock.now);
  });

  test("is no success to the throttle: the wrong ones before it still count, and it counts itself as none", async () => {
    await using alice = await useFactors();
    const client = createClient(alice.test.app, "postern.test", "198.51.100.7");
    for (let times = 0; times < 9; times++) assert.equal((await client.login("alice", "wrong")).status, 400);
    for (let times = 0; times < 3; times++) assert.equal((await client.login("alice", PASSWORD)).status, 403);
    assert.equal((await client.login("alice", "wrong")).status, 400);
    assert.equal((await client.login("alice", PASSWORD)).status, 429);
  });

  test("keeps the session that the browser has, until the second step ends it", async () => {
    await using alice = await useFactors();
    const other = await alice.test.addUser({ username: "bob", password: PASSWORD });
    await alice.login(other.username, PASSWORD);
    const before = alice.cookies.get("sessionid") ?? assert.fail("no session");
    await alice.enterPassword();
    assert.equal((await (await alice.get("/profile/")).json()).username, "bob");
    const csrf = { "X-CSRFToken": alice.cookies.get("csrftoken") ?? "" };
    assert.equal((await alice.post("/login/second-factor/", { code: alice.code() }, csrf)).status, 202);
    assert.equal((await (await alice.get("/profile/")).json()).username, "alice");
    assert.equal((await createClient(alice.test.app).get("/profile/", { Cookie: `sessionid=${before}` })).status, 403);
  });
});

describe("the clock of the second step", () => {
  test("allows the code of one step before and after, and of no other", async () => {
    for (const [steps, status] of [
      [-2, 400],
      [-1, 202],
      [0, 202],
      [1, 202],
      [2, 400],
    ] as const) {
      await using alice = await useFactors();
      await alice.enterPassword();
      assert.equal((await alice.enterCode(alice.code(steps))).status, status, String(steps));
    }
  });

  test("allows no code of a step before one that was used, nor the same one", async () => {
    for (const [first, second, status] of [
      [1, 0, 400],
      [0, -1, 400],
      [1, 1, 400],
      [-1, 0, 202],
      [0, 1, 202],
    ] as const) {
      await using alice = await useFactors();
      await alice.enterPassword();
      assert.equal((await alice.enterCode(alice.code(first))).status, 202);
      await alice.enterPassword();
      assert.equal((await alice.enterCode(alice.code(second))).status, status, `${first}, ${second}`);
    }
  });

  test("put back by an hour, allows no code again: a recovery code logs the user in until then", async () => {
    await using alice = await useFactors();
    const used = alice.code();
    await alice.enterPassword();
    assert.equal((await alice.enterCode(used)).status, 202);
    alice.test.clock.advance(-3600);
    await alice.enterPassword();
    for (const code of [used, alice.code()]) assert.equal((await alice.enterCode(code)).status, 400);
    assert.equal((await alice.enterCode(alice.recoveryCodes[0] ?? "")).status, 202);
    alice.test.clock.advance(3660);
    await alice.enterPassword();
    assert.equal((await alice.enterCode(used)).status, 400);
    assert.equal((await alice.enterCode(alice.code())).status, 202);
  });

  test("ends a login after ten minutes, also if a code is on its way", async () => {
    await using alice = await useFactors();
    for (const [seconds, status] of [
      [599, 202],
      [600, 403],
    ] as const) {
      await alice.enterPassword();
      alice.test.clock.advance(seconds);
      assert.equal((await alice.enterCode(alice.code())).status, status);
    }
    await alice.enterPassword();
    const code = alice.code(1);
    const { body, send } = heldBody(JSON.stringify({ code }));
    const headers = { ...OURS, "Content-Type": "application/json" };
    const late = alice.send("POST", "/login/second-factor/", { body, headers });
    await send.asked;
    alice.test.clock.advance(600);
    send.now();
    assert.equal((await late).status, 403);
  });
});

/** A body that arrives when the test says so. */
function heldBody(text: string): { body: ReadableStream; send: { asked: Promise<void>; now: () => void } } {
  const asked = Promise.withResolvers<void>();
  const sent = Promise.withResolvers<void>();
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
    asked.resolve();
    await sent.promise;
    controller.enqueue(new TextEncoder().encode(text));
    controller.close();
  };
  const body = new ReadableStream({ pull }, { highWaterMark: 0 });
  return { body, send: { asked: asked.promise, now: sent.resolve } };
}
