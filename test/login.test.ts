import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findCredentials, findUser, setPassword } from "../db/users.ts";
import { OPERATOR } from "../lib/audit/actor.ts";
import type { Hasher } from "../lib/passwords/hasher.ts";
import { createSemaphore } from "../lib/passwords/semaphore.ts";
import { deactivate } from "../lib/users/activation.ts";
import { changePassword } from "../lib/users/change-password.ts";
import { createClient } from "./support/client.ts";
import { anyPassword, createTestApp } from "./support/test-app.ts";

const WRONG = { non_field_errors: ["Access denied: wrong username or password."] };

async function setUp(environment: Record<string, string> = {}) {
  const test = await createTestApp(environment);
  const user = await test.addUser({ username: "alice", password: "right horse", email: "alice@example.com" });
  return { ...test, user, client: createClient(test.app) };
}

describe("POST /login/", () => {
  test("answers 202 without a body and sets both cookies in Django's format", async () => {
    const { client } = await setUp();
    const response = await client.login("alice", "right horse");
    assert.equal(response.status, 202);
    assert.equal(await response.text(), "");
    assert.equal(response.headers.get("content-type"), null);
    const [csrf = "", session = ""] = response.headers.getSetCookie();
    assert.match(
      csrf,
      /^csrftoken=[a-z2-7]{32}; expires=Thu, 31 Dec 2026 00:00:00 GMT; Max-Age=31449600; Path=\/; SameSite=Lax$/,
    );
    assert.match(
      session,
      /^sessionid=[a-z2-7]{32}; expires=Thu, 15 Jan 2026 00:00:00 GMT; HttpOnly; Max-Age=1209600; Path=\/; SameSite=Lax$/,
    );
  });

  test("stores the session under the hash of its token, and the token nowhere", async () => {
    const { client, services, user } = await setUp();
    await client.login("alice", "right horse");
    const token = client.cookies.get("sessionid") ?? "";
    const rows = await services.db.selectFrom("sessions").selectAll().execute();
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token));
    assert.deepEqual(
      rows.map(({ id, user_id }) => ({ id, user_id })),
      [{ id: Buffer.from(digest).toString("hex"), user_id: user.id }],
    );
    assert(!JSON.stringify(rows).includes(token));
  });

  test("stores the client's address, and its User-Agent cut at 400 characters", async () => {
    const { client, services } = await setUp();
    await client.post("/login/", { username: "alice", password: "right horse" }, { "User-Agent": "x".repeat(5000) });
    const row = await services.db.selectFrom("sessions").selectAll().executeTakeFirstOrThrow();
    assert.deepEqual({ ip: row.ip, userAgent: row.user_agent }, { ip: "192.0.2.1", userAgent: "x".repeat(400) });
  });

  test("stores the time of the last login, and not of a failed one", async () => {
    const { client, services, clock } = await setUp();
    await client.login("alice", "wrong");
    assert.equal((await findUser(services.db, "alice"))?.lastLogin, null);
    await client.login("alice", "right horse");
    assert.equal((await findUser(services.db, "alice"))?.lastLogin, clock.now);
  });

  test("makes a new token at every login and ends the presented session (deviation 4)", async () => {
    const { client, app } = await setUp();
    await client.login("alice", "right horse");
    const before = new Map(client.cookies);
    await client.login("alice", "right horse");
    assert.notEqual(client.cookies.get("sessionid"), before.get("sessionid"));
    assert.notEqual(client.cookies.get("csrftoken"), before.get("csrftoken"));
    const old = createClient(app);
    for (const [name, value] of before) old.cookies.set(name, value);
    assert.equal((await old.get("/profile/")).status, 403);
    assert.equal((await client.get("/profile/")).status, 200);
  });

  test("never adopts a token of the client", async () => {
    const { client } = await setUp();
    client.cookies.set("sessionid", "a".repeat(32));
    await client.login("alice", "right horse");
    assert.notEqual(client.cookies.get("sessionid"), "a".repeat(32));
  });

  test("does not change a live session if it fails", async () => {
    const { client } = await setUp();
    await client.login("alice", "right horse");
    const response = await client.login("alice", "wrong");
    assert.equal(response.status, 400);
    assert.deepEqual(response.headers.getSetCookie(), []);
    assert.equal((await client.get("/profile/")).status, 200);
  });

  test("answers every failed login in the same words", async () => {
    const { app, services, addUser } = await setUp();
    await deactivate(services, OPERATOR, await addUser({ username: "gone", password: "right horse" }));
    const unusable = await addUser({ username: "unusable", password: "right horse" });
    await setPassword(services.db, unusable.id, "!never");
    const damaged = await addUser({ username: "damaged", password: "right horse" });
    await setPassword(services.db, damaged.id, "pbkdf2_sha256$many$salt$");
    for (const username of ["alice", "nobody", "gone", "unusable", "damaged"]) {
      const response = await createClient(app).login(username, username === "alice" ? "wrong" : "right horse");
      assert.equal(response.status, 400);
      assert.deepEqual(await response.json(), WRONG);
      assert.deepEqual(response.headers.getSetCookie(), []);
    }
  });

  test("accepts a password of any age", async () => {
    const { client, clock } = await setUp();
    clock.advance(20 * 365 * 86_400);
    assert.equal((await client.login("alice", "right horse")).status, 202);
  });

  test("hashes the password also for users who cannot log in", async () => {
    const { app, services, addUser } = await setUp();
    await deactivate(services, OPERATOR, await addUser({ username: "gone", password: "right horse" }));
    const checked: (string | null)[] = [];
    const hasher: Hasher = {
      ...services.hasher,
      check: (password, encoded) => {
        checked.push(encoded === null ? "decoy" : "hash");
        return Promise.resolve({ right: password === "", replacement: null });
      },
    };
    services.hasher = hasher;
    for (const username of ["alice", "nobody", "gone"]) await createClient(app).login(username, "wrong");
    assert.deepEqual(checked, ["hash", "decoy", "decoy"]);
  });

  test("replaces an imported hash at the next successful login, without ending other sessions (deviation 5)", async () => {
    const { client, app, services, user } = await setUp();
    const other = createClient(app);
    await other.login("alice", "right horse");
    await setPassword(services.db, user.id, "pbkdf2_sha256$1000$salt$l5mUutLsa81Hau7Da3YfBRBK0lZs5OjGRxHTCTe0vKk=");
    assert.equal((await client.login("alice", "wrong")).status, 400);
    assert.match((await findCredentials(services.db, "alice"))?.password ?? "", /^pbkdf2_sha256\$/);
    assert.equal((await client.login("alice", "mysecret")).status, 202);
    assert.match((await findCredentials(services.db, "alice"))?.password ?? "", /^argon2\$argon2id\$/);
    assert.equal((await client.login("alice", "mysecret")).status, 202);
    assert.equal((await other.get("/profile/")).status, 200);
  });

  test("fails if the user was deactivated, or the password changed, while the password was checked", async () => {
    const { app, services, user, addUser } = await setUp();
    const bob = await addUser({ username: "bob", password: "right horse" });
    const real = services.hasher;
    const meanwhile = async (change: () => Promise<unknown>, username: string) => {
      services.hasher = {
        ...real,
        check: async (password, encoded) => {
          const check = await real.check(password, encoded);
          await change();
          return check;
        },
      };
      const client = createClient(app);
      const response = await client.login(username, "right horse");
      services.hasher = real;
      assert.deepEqual(await response.json(), WRONG);
      assert.equal(client.cookies.size, 0);
    };
    await meanwhile(
      () => changePassword({ ...services, hasher: real }, OPERATOR, user, anyPassword("another horse")),
      "alice",
    );
    await meanwhile(() => deactivate(services, OPERATOR, bob), "bob");
    assert.deepEqual(await services.db.selectFrom("sessions").selectAll().execute(), []);
  });

  test("answers 503 with Retry-After at once if too many passwords wait for the hasher", async () => {
    const { app, services } = await setUp();
    const { promise: hashed, resolve: finishHashing } = Promise.withResolvers<void>();
    const enter = createSemaphore(1, 0);
    const real = services.hasher;
    services.hasher = { ...real, check: (...sent) => enter(() => hashed.then(() => real.check(...sent))) };
    const logins = [1, 2].map(() => createClient(app).login("alice", "right horse"));
    const denied = await Promise.race(logins); // On Postgres, either login may be the first.
    assert.deepEqual([denied.status, denied.headers.get("retry-after")], [503, "1"]);
    assert.deepEqual(await denied.json(), { detail: "The server is busy. Expected available in 1 seconds." });
    assert.equal((await createClient(app).get("/profile/")).status, 403, "everything else is answered meanwhile");
    finishHashing();
    assert.deepEqual((await Promise.all(logins)).map(({ status }) => status).sort(), [202, 503]);
  });
});
