import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseConfig } from "../lib/config/load.ts";
import { createGuessedApp, guess, RIGHT, times, told } from "./support/guesses.ts";

/** Alice with a known device, and an account that is blocked for unknown clients. */
async function setUp() {
  const app = await createGuessedApp();
  const own = app.stranger();
  assert.equal((await own.login("alice", RIGHT)).status, 202);
  const attack = async () => {
    assert.equal((await guess(app, "alice", 12)).at(-1), 429);
  };
  await attack();
  return { ...app, own, attack };
}

describe("a browser that has logged in to an account", () => {
  test("can log in while unknown clients are blocked, also after a logout, without a wait", async () => {
    const { own, stranger, attack } = await setUp();
    assert.equal(told(await stranger().login("alice", RIGHT)), "429 after 30");
    assert.equal((await own.login("alice", RIGHT)).status, 202);
    await own.post("/logout/", {}, { "Sec-Fetch-Site": "same-origin" });
    await attack();
    assert.equal((await own.login("alice", RIGHT)).status, 202);
    assert.equal((await stranger().login("alice", RIGHT)).status, 202, "a success ends the strangers' count");
  });

  test("has an HttpOnly SameSite cookie for a year, with a new value at each login", async () => {
    const { stranger } = await createGuessedApp();
    const client = stranger();
    const first = (await client.login("alice", RIGHT)).headers.getSetCookie()[2] ?? "";
    const second = (await client.login("alice", RIGHT)).headers.getSetCookie()[2] ?? "";
    for (const line of [first, second]) {
      assert.match(
        line,
        /^devicecookie=[a-z2-7]{32}; expires=Fri, 01 Jan 2027 00:00:00 GMT; HttpOnly; Max-Age=31536000; Path=\/; SameSite=Lax$/,
      );
    }
    assert.notEqual(first, second);
    const program = await stranger().post("/login/", { username: "alice", password: RIGHT });
    assert.equal(program.headers.getSetCookie().length, 2, "a program that is no browser gets Django's cookies alone");
  });

  test("is blocked only by its own failures, by the same rule", async () => {
    const { own, clock } = await setUp();
    for (let time = 0; time < 10; time++) {
      const response = await own.login("alice", "wrong");
      assert.deepEqual([response.status, response.headers.getSetCookie()], [400, []]);
    }
    assert.equal(told(await own.login("alice", RIGHT)), "429 after 30");
    clock.advance(30);
    assert.equal((await own.login("alice", "wrong")).status, 400);
    assert.equal(told(await own.login("alice", RIGHT)), "429 after 60");
    clock.advance(60);
    assert.equal((await own.login("alice", RIGHT)).status, 202);
    for (let time = 0; time < 10; time++) assert.equal((await own.login("alice", "wrong")).status, 400);
  });

  test("does not count its failures for unknown clients", async () => {
    const app = await createGuessedApp();
    const own = app.stranger();
    await own.login("alice", RIGHT);
    for (let time = 0; time < 12; time++) await own.login("alice", "wrong");
    assert.deepEqual(await guess(app, "alice", 10), times(10, 400));
  });

  test("is unknown to other accounts, and so is a forged, used or expired cookie", async () => {
    const app = await setUp();
    const { own, stranger, addUser, clock } = app;
    await addUser({ username: "bob", password: RIGHT });
    await guess(app, "bob", 10);
    const assertThrottled = async (username: string, cookie: string, why: string) => {
      const client = stranger();
      client.cookies.set("devicecookie", cookie);
      assert.equal((await client.login(username, RIGHT)).status, 429, why);
    };
    const cookie = own.cookies.get("devicecookie") ?? "";
    await assertThrottled("bob", cookie, "another account");
    await assertThrottled("alice", "a".repeat(32), "made up");
    await assertThrottled("alice", own.cookies.get("sessionid") ?? "", "a session's");
    assert.equal((await own.login("alice", RIGHT)).status, 202);
    await app.attack();
    await assertThrottled("alice", cookie, "used up");
    clock.advance(365 * 24 * 3600);
    await app.attack();
    await assertThrottled("alice", own.cookies.get("devicecookie") ?? "", "too old");
  });

  test("is stored as a hash, is no credential, and is deleted with its user", async () => {
    const { own, stranger, services, alice } = await setUp();
    const cookie = own.cookies.get("devicecookie") ?? "";
    const devices = () => services.db.selectFrom("devices").selectAll().execute();
    assert(!JSON.stringify(await devices()).includes(cookie));
    const client = stranger();
    for (const name of ["devicecookie", "sessionid"]) client.cookies.set(name, cookie);
    assert.equal((await client.get("/profile/")).status, 403);
    await services.db.deleteFrom("users").where("id", "=", alice.id).execute();
    assert.deepEqual(await devices(), []);
  });

  test("is unknown after ten other browsers have logged in since its last login", async () => {
    const { own, stranger, attack, services, clock } = await setUp();
    assert.equal((await own.login("alice", RIGHT)).status, 202);
    for (let time = 0; time < 10; time++) {
      clock.advance(1);
      assert.equal((await stranger().login("alice", RIGHT)).status, 202);
    }
    assert.equal((await services.db.selectFrom("devices").select("id").execute()).length, 10);
    await attack();
    assert.equal((await own.login("alice", RIGHT)).status, 429);
  });

  test("stays known while it is used, even if nine others log in twice as often", async () => {
    const { own, stranger, attack, clock } = await setUp();
    assert.equal((await own.login("alice", RIGHT)).status, 202);
    const others = Array.from({ length: 9 }, () => stranger());
    for (const client of [...others, ...others, own, ...others, ...others, own]) {
      clock.advance(1);
      assert.equal((await client.login("alice", RIGHT)).status, 202);
    }
    await attack();
    assert.equal((await own.login("alice", RIGHT)).status, 202);
  });

  test("has a cookie name that the session cookie cannot have, and so has a login without its second factor", () => {
    const take = (name: string) => () => parseConfig({ POSTERN_SESSION_COOKIE_NAME: name });
    const names = ["csrftoken", "devicecookie", "pendinglogin"];
    for (const name of names) assert.throws(take(name), /another cookie has this name/);
  });
});
