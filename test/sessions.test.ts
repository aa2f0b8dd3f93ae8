import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findLiveSession } from "../db/live-sessions.ts";
import { deleteUser } from "../db/users.ts";
import { OPERATOR } from "../lib/audit/actor.ts";
import { lifetime } from "../lib/session/lifetime.ts";
import { clearSessions } from "../lib/session/session.ts";
import { deactivate } from "../lib/users/activation.ts";
import { changePassword } from "../lib/users/change-password.ts";
import { type Client, createClient } from "./support/client.ts";
import { openNotingDatabase } from "./support/statements.ts";
import { anyPassword, createTestApp } from "./support/test-app.ts";

const DAY = 86_400;

async function setUp(environment: Record<string, string> = {}) {
  const test = await createTestApp(environment);
  const user = await test.addUser({
    username: "alice",
    password: "right horse",
    email: "alice@example.com",
    firstName: "Alice",
    lastName: "Liddell",
  });
  const client = createClient(test.app);
  await client.login("alice", "right horse");
  return { ...test, user, client };
}

const status = async (client: Client) => (await client.get("/profile/")).status;

describe("GET /profile/", () => {
  test("gives the user who is logged in, in Django's order", async () => {
    const { client } = await setUp();
    const response = await client.get("/profile/");
    const text = '{"username":"alice","email":"alice@example.com","first_name":"Alice","last_name":"Liddell"}';
    assert.equal(await response.text(), text);
    assert.deepEqual(response.headers.getSetCookie(), []);
  });

  test("answers 403, never 401, without a live session, and expires the stale cookie", async () => {
    const { app } = await setUp();
    const client = createClient(app);
    client.cookies.set("sessionid", "x".repeat(32));
    const response = await client.get("/profile/");
    assert.equal(response.status, 403);
    assert.deepEqual(await response.json(), { detail: "Authentication credentials were not provided." });
    assert.deepEqual(response.headers.getSetCookie(), [
      'sessionid=""; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; SameSite=Lax',
    ]);
  });

  test("expires a cookie that is too short for a key, also on paths that read no session", async () => {
    const { app } = await setUp();
    for (const target of ["/nowhere/", "/profile", "/profile/?format=xml"]) {
      const client = createClient(app);
      client.cookies.set("sessionid", "short");
      const response = await client.get(target);
      assert.equal(response.headers.getSetCookie().length, 1, target);
      assert.match(response.headers.get("vary") ?? "", /\bCookie\b/);
      client.cookies.set("sessionid", "x".repeat(8));
      assert.deepEqual((await client.get(target)).headers.getSetCookie(), [], target);
    }
  });
});

describe("POST /logout/ (deviation 16)", () => {
  test("ends the session before the next request and deletes both cookies", async () => {
    const { client, app } = await setUp();
    const stolen = createClient(app);
    stolen.cookies.set("sessionid", client.cookies.get("sessionid") ?? "");
    const response = await client.post("/logout/", {}, { "Sec-Fetch-Site": "same-origin" });
    assert.equal(response.status, 204);
    assert.deepEqual([...client.cookies.keys()], ["devicecookie"]);
    assert.equal(await status(stolen), 403);
  });

  test("does the same without a session, or with an expired one", async () => {
    const { app } = await setUp();
    const client = createClient(app);
    const response = await client.post("/logout/");
    assert.equal(response.status, 204);
    assert.deepEqual(
      response.headers.getSetCookie().map((line) => line.split("=", 1)[0]),
      ["csrftoken", "sessionid"],
    );
    assert.equal((await client.post("/logout/")).status, 204);
  });

  test("does not change the user's other sessions", async () => {
    const { client, app } = await setUp();
    const other = createClient(app);
    await other.login("alice", "right horse");
    await client.post("/logout/", {}, { "Sec-Fetch-Site": "same-origin" });
    assert.equal(await status(other), 200);
  });
});

describe("a session", () => {
  test("ends 14 days after its login, also if it is used", async () => {
    const { client, clock } = await setUp();
    for (let day = 0; day < 13; day++) {
      clock.advance(DAY);
      assert.equal(await status(client), 200);
    }
    clock.advance(DAY - 1);
    assert.equal(await status(client), 200);
    clock.advance(1);
    assert.equal(await status(client), 403);
  });

  test("ends after 7 days unused (deviation 6)", async () => {
    const { client, clock } = await setUp();
    clock.advance(7 * DAY - 1);
    assert.equal(await status(client), 200);
    clock.advance(7 * DAY - 1);
    assert.equal(await status(client), 200);
    const { client: idle, clock: later } = await setUp();
    later.advance(7 * DAY);
    assert.equal(await status(idle), 403);
  });

  test("has both time limits from the settings", async () => {
    const environment = { POSTERN_SESSION_MAX_AGE_SECONDS: "1000", POSTERN_SESSION_IDLE_SECONDS: "400" };
    const { client, clock } = await setUp(environment);
    for (const seconds of [399, 399, 201]) {
      assert.equal(await status(client), 200);
      clock.advance(seconds);
    }
    assert.equal(await status(client), 200);
    clock.advance(1);
    assert.equal(await status(client), 403);
  });

  test("is written at most once a minute while it is used", async () => {
    const { client, clock, services } = await setUp();
    const lastSeenAt = async () =>
      (await services.db.selectFrom("sessions").selectAll().executeTakeFirstOrThrow()).last_seen_at;
    const start = clock.now;
    clock.advance(59);
    await client.get("/profile/");
    assert.equal(await lastSeenAt(), start);
    clock.advance(1);
    await client.get("/profile/");
    assert.equal(await lastSeenAt(), start + 60_000);
  });

  test("is written by one of many requests at once", async () => {
    const noting = await openNotingDatabase();
    const { app, clock, addUser, close } = await createTestApp({}, noting);
    await addUser({ username: "alice", password: "right horse" });
    const client = createClient(app);
    await client.login("alice", "right horse");
    clock.advance(60);
    const ask = () => Promise.all(Array.from({ length: 20 }, () => status(client)));
    const statements = await noting.statementsOf(async () => assert.deepEqual(new Set(await ask()), new Set([200])));
    assert.equal(statements.filter((sql) => sql.startsWith('update "sessions"')).length, 1);
    await close();
  });

  test("neither ends nor lasts for ever if the clock is set back an hour", async () => {
    const { client, clock } = await setUp();
    clock.advance(-3600);
    assert.equal(await status(client), 200);
    clock.advance(3600 + 7 * DAY);
    assert.equal(await status(client), 403);
  });

  test("ends 14 days after its login, also if the clock was set back an hour", async () => {
    const { client, clock } = await setUp();
    clock.advance(-3600);
    for (let day = 0; day < 14; day++) {
      assert.equal(await status(client), 200);
      clock.advance(DAY);
    }
    clock.advance(3599);
    assert.equal(await status(client), 200);
    clock.advance(1);
    assert.equal(await status(client), 403);
  });

  test("ends if it began under a clock that ran days ahead", async () => {
    const { client, clock } = await setUp();
    clock.advance(-2 * DAY);
    assert.equal(await status(client), 403);
  });

  test("ends for good if its user is deactivated (deviation 5) or deleted", async () => {
    const { client, services, user } = await setUp();
    await deactivate(services, OPERATOR, user);
    assert.equal(await status(client), 403);
    const { client: other, services: others, user: bob } = await setUp();
    await deleteUser(others.db, bob.id);
    assert.equal(await status(other), 403);
    assert.deepEqual(await others.db.selectFrom("sessions").selectAll().execute(), []);
  });

  test("ends at a change of the password, unless it made the change", async () => {
    const { client, app, services, user } = await setUp();
    const other = createClient(app);
    await other.login("alice", "right horse");
    const rows = await services.db.selectFrom("sessions").selectAll().orderBy("id").execute();
    assert.equal(rows.length, 2);
    const json = { current_password: "right horse", new_password: "k7#qz!pv-9" };
    assert.equal(
      (await client.send("POST", "/password/change/", { json, headers: { "Sec-Fetch-Site": "same-origin" } })).status,
      204,
    );
    assert.deepEqual([await status(client), await status(other)], [200, 403]);
    await changePassword(services, OPERATOR, user, anyPassword("another horse"));
    assert.equal(await status(client), 403);
  });

  test("has no row after it expired and was cleared, and a live one stays", async () => {
    const { client, clock, services, app } = await setUp();
    clock.advance(6 * DAY);
    const young = createClient(app);
    await young.login("alice", "right horse");
    clock.advance(2 * DAY);
    assert.equal(await clearSessions(services), 1);
    assert.deepEqual([await status(client), await status(young)], [403, 200]);
    assert.equal(await findLiveSession(services.db, "unknown", lifetime(services)), null);
  });
});
