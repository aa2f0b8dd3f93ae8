import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Db } from "../db/open.ts";
import { OPERATOR } from "../lib/audit/actor.ts";
import { lifetime } from "../lib/session/lifetime.ts";
import { clearSessions } from "../lib/session/session.ts";
import { endExcessSessions } from "../lib/session/session-limit.ts";
import { deactivate, deleteUser } from "../lib/users/activation.ts";
import { changePassword } from "../lib/users/change-password.ts";
import { endSessions } from "../lib/users/end-sessions.ts";
import { type Client, createClient } from "./support/client.ts";
import { addSessions, watchRows } from "./support/many-sessions.ts";
import { anyPassword, createTestApp } from "./support/test-app.ts";

const PASSWORD = "right horse";
const OWN = { "Sec-Fetch-Site": "same-origin" };

/** For a busy machine, with a database in another process. */
const LONG = { timeout: 60_000 };

/** The limit of rows for each statement. */
const MOST_ROWS = 110;

async function setUp(environment: Record<string, string> = {}) {
  const test = await createTestApp({ POSTERN_THROTTLE: "off", ...environment });
  const user = await test.addUser({ username: "alice", password: PASSWORD });
  const logIn = async (name = "alice") => {
    const client = createClient(test.app);
    assert.equal((await client.login(name, PASSWORD)).status, 202);
    return client;
  };
  return { ...test, user, logIn };
}

const status = async (client: Client) => (await client.get("/profile/")).status;

const countOf = async (db: Db, userId: number) => {
  const rows = db.selectFrom("sessions").select(({ fn }) => fn.countAll<number>().as("count"));
  return Number((await rows.where("user_id", "=", userId).executeTakeFirstOrThrow()).count);
};

/** @returns the events of ended sessions, in order */
const endings = async (db: Db) => {
  const rows = db.selectFrom("events").select(["actor", "detail"]).where("kind", "=", "sessions_ended");
  return (await rows.orderBy("id").execute()).map((row) => ({ ...row })); // On Deno a row has no prototype.
};

describe("a login that exceeds POSTERN_SESSIONS_PER_USER", () => {
  test("ends the least recently used session, and records why", async () => {
    const { logIn, clock, services, user } = await setUp({ POSTERN_SESSIONS_PER_USER: "3" });
    const clients: Client[] = [];
    for (let count = 0; count < 3; count++) {
      clients.push(await logIn());
      clock.advance(100);
    }
    assert.equal(await status(clients[0] ?? assert.fail()), 200); // Used last from here on.
    clock.advance(100);
    clients.push(await logIn());
    const statuses = [];
    for (const client of clients) statuses.push(await status(client));
    assert.deepEqual(statuses, [200, 403, 200, 200]);
    const actor = `user:${user.id}`;
    assert.deepEqual(await endings(services.db), [{ actor, detail: "1, over the limit of 3" }]);
  });

  test("does not end sessions of other users", async () => {
    const { addUser, logIn } = await setUp({ POSTERN_SESSIONS_PER_USER: "1" });
    await addUser({ username: "bob", password: PASSWORD });
    const bob = await logIn("bob");
    const clients = [await logIn(), await logIn()];
    assert.deepEqual([await status(bob), ...(await Promise.all(clients.map(status)))], [200, 403, 200]);
  });

  test("keeps the new session after the clock was set back, although every other one seems younger", async () => {
    const { logIn, clock } = await setUp({ POSTERN_SESSIONS_PER_USER: "1" });
    const before = await logIn();
    clock.advance(-3600);
    const after = await logIn();
    assert.deepEqual([await status(before), await status(after)], [403, 200]);
  });

  test("does not count an expired session", async () => {
    const { logIn, clock, services } = await setUp({ POSTERN_SESSIONS_PER_USER: "2" });
    const old = await logIn();
    clock.advance(13 * 86_400);
    assert.equal(await status(old), 403);
    const clients = [await logIn(), await logIn()];
    assert.deepEqual(await Promise.all(clients.map(status)), [200, 200]);
    assert.deepEqual(await endings(services.db), []);
  });

  test("does not count the presented session, which it ends", async () => {
    const { logIn } = await setUp({ POSTERN_SESSIONS_PER_USER: "2" });
    const [other, own] = [await logIn(), await logIn()];
    await own.login("alice", PASSWORD);
    assert.deepEqual([await status(other), await status(own)], [200, 200]);
  });

  test("holds for logins at the same time", async () => {
    const { logIn, services, user } = await setUp({ POSTERN_SESSIONS_PER_USER: "5" });
    const clients = await Promise.all(Array.from({ length: 20 }, () => logIn()));
    assert.equal(await countOf(services.db, user.id), 5);
    const statuses = await Promise.all(clients.map(status));
    assert.equal(statuses.filter((code) => code === 200).length, 5);
  });

  test("has a limit of 100 live sessions by default", LONG, async () => {
    const { services, user, logIn, clock } = await setUp();
    await addSessions(services.db, user.id, 150, clock.now);
    await logIn();
    assert.equal(await countOf(services.db, user.id), 100);
  });
});

describe("excess sessions of an older version", () => {
  const MANY = 1234;

  async function withMany() {
    const rows = watchRows();
    const test = await setUp();
    const client = await test.logIn();
    await addSessions(test.services.db, test.user.id, MANY, test.clock.now);
    test.services.db = test.services.db.withPlugin(rows);
    return { ...test, client, rows };
  }

  test("are ended in part at each login", LONG, async () => {
    const { logIn, rows, services, user } = await withMany();
    await logIn();
    const left = await countOf(services.db, user.id);
    assert(left < MANY && left > 100);
    assert(rows.most > 0 && rows.most <= MOST_ROWS, String(rows.most));
  });

  test("are ended by the hourly cleaning, which the audit trail records", LONG, async () => {
    const { rows, services, user, addUser } = await withMany();
    await addUser({ username: "bob", password: PASSWORD });
    assert.equal(await clearSessions(services), 0);
    assert.equal(await endExcessSessions(services, lifetime(services)), MANY + 1 - 100);
    assert.equal(await countOf(services.db, user.id), 100);
    assert(rows.most > 0 && rows.most <= MOST_ROWS, String(rows.most));
    const events = await endings(services.db);
    const count = events.reduce((sum, { detail }) => sum + Number.parseInt(detail, 10), 0);
    assert.deepEqual([new Set(events.map(({ actor }) => actor)), count], [new Set(["system"]), MANY + 1 - 100]);
    assert.equal(await endExcessSessions(services, lifetime(services)), 0);
  });

  test("are found by the hourly clearing for users with any ids", LONG, async () => {
    const { services, clock, user } = await setUp();
    const { id: _, ...row } = await services.db.selectFrom("users").selectAll().executeTakeFirstOrThrow();
    const ids = [-(2 ** 31), user.id, user.id + 501, 2 ** 31 - 2, 2 ** 31 - 1]; // The bounds of Postgres.
    for (const id of ids) {
      if (id !== user.id)
        await services.db
          .insertInto("users")
          .values({ ...row, id, username: `user${id}` })
          .execute();
      await addSessions(services.db, id, 102, clock.now);
    }
    assert.equal(await endExcessSessions(services, lifetime(services)), 2 * ids.length);
    for (const id of ids) assert.equal(await countOf(services.db, id), 100, String(id));
  });

  test("are all ended but one by DELETE /sessions/, in batches, with other requests in between", LONG, async () => {
    const { client, rows, services, user, addUser, logIn } = await withMany();
    await addUser({ username: "bob", password: PASSWORD });
    const bob = await logIn("bob");
    let isEnded = false;
    const ending = client.send("DELETE", "/sessions/", { headers: OWN }).then((response) => {
      isEnded = true;
      return response;
    });
    assert.deepEqual([await status(bob), isEnded], [200, false]);
    assert.equal((await ending).status, 204);
    assert.equal(await countOf(services.db, user.id), 1);
    assert.deepEqual([await status(client), await status(bob)], [200, 200]);
    assert(rows.most > 0 && rows.most <= MOST_ROWS, String(rows.most));
    const events = await endings(services.db);
    assert.equal(events.reduce((sum, { detail }) => sum + Number(detail), 0) >= MANY, true);
  });

  test("stay alive if the requesting session is ended between two batches", LONG, async () => {
    const { client, services, user } = await withMany();
    const ending = client.send("DELETE", "/sessions/", { headers: OWN });
    const logout = client.send("POST", "/logout/", { headers: OWN });
    const { status } = await ending;
    assert.equal((await logout).status, 204);
    const left = await countOf(services.db, user.id);
    assert(status === 403 ? left > 0 : status === 204 && left === 0, `${status}, ${left} left`);
    const events = await endings(services.db);
    assert.equal(events.reduce((sum, { detail }) => sum + Number(detail), 0) + left, MANY);
  });

  const password = anyPassword("k7#qz!pv-9");
  const ways: [string, (test: Awaited<ReturnType<typeof withMany>>) => Promise<unknown>, number][] = [
    ["deactivate", ({ services, user }) => deactivate(services, OPERATOR, user), 0],
    ["deleteuser", ({ services, user }) => deleteUser(services, OPERATOR, user), 0],
    ["changepassword", ({ services, user }) => changePassword(services, OPERATOR, user, password), 0],
    [
      "logoutuser",
      async ({ services, user }) => assert.equal(await endSessions(services, OPERATOR, user), MANY + 1),
      0,
    ],
    [
      "POST /password/change/, except the new one",
      async ({ client }) => {
        const json = { current_password: PASSWORD, new_password: "k7#qz!pv-9" };
        assert.equal((await client.send("POST", "/password/change/", { json, headers: OWN })).status, 204);
      },
      1,
    ],
  ];
  for (const [name, end, left] of ways) {
    test(`are all ended by ${name}`, LONG, async () => {
      const test = await withMany();
      await end(test);
      assert.equal(await countOf(test.services.db, test.user.id), left);
      assert(test.rows.most > 0 && test.rows.most <= MOST_ROWS, String(test.rows.most));
    });
  }
});
