import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OPERATOR } from "../lib/audit/actor.ts";
import { activate, deactivate } from "../lib/users/activation.ts";
import { changePassword } from "../lib/users/change-password.ts";
import type { Client } from "./support/client.ts";
import { createGuessedApp, type GuessedApp, guess, RIGHT, told } from "./support/guesses.ts";
import { anyPassword } from "./support/test-app.ts";

const LONG = { timeout: 120_000 };
const HOUR = 3600;

/** An application with alice and ten known devices. */
async function setUp() {
  const app = await createGuessedApp();
  const thief = Array.from({ length: 10 }, () => app.stranger());
  for (const client of thief) assert.equal((await client.login("alice", RIGHT)).status, 202);
  app.hashed.length = 0;
  return { ...app, thief };
}

/** Guesses with each client in turn, an hour apart, until no guess reaches the hasher. */
async function exhaust(app: GuessedApp, clients: Client[]): Promise<void> {
  for (let before = -1; before < app.hashed.length; ) {
    before = app.hashed.length;
    for (const client of clients) await client.login("alice", "wrong");
    app.clock.advance(HOUR);
  }
}

/** Whether the browser is a known device: unknown clients are blocked by then. */
async function isKnown(app: GuessedApp, client: Client): Promise<boolean> {
  await guess(app, "alice", 11);
  return (await client.login("alice", RIGHT)).status === 202;
}

describe("guesses at one account", () => {
  test("fail at most 100 times in a row, for strangers and ten devices together", LONG, async () => {
    for (const isThiefFirst of [true, false]) {
      const app = await setUp();
      const strangers = Array.from({ length: 3 }, () => app.stranger());
      await exhaust(app, isThiefFirst ? app.thief : strangers);
      assert.equal(app.hashed.length, isThiefFirst ? 100 : 70, "spent devices are strangers");
      await exhaust(app, [...app.thief, ...strangers]);
      assert.equal(app.hashed.length, 100);
      assert.equal(told(await app.stranger().login("alice", RIGHT)), "429 after 3600");
    }
  });

  test("of ten devices at once reach the hasher as often as of one device, plus ten of strangers", async () => {
    const app = await setUp();
    const sent = app.thief.flatMap((client) => Array.from({ length: 20 }, () => client.login("alice", "wrong")));
    await Promise.all(sent);
    assert(app.hashed.length <= 40, `${app.hashed.length}`);
  });

  test("of strangers never block a device, and those of one device never block another", LONG, async () => {
    const app = await setUp();
    const [own, other] = app.thief;
    assert(own && other);
    await exhaust(app, [app.stranger(), app.stranger()]);
    assert.equal(app.hashed.length, 70);
    for (let time = 0; time < 12; time++) await other.login("alice", "wrong");
    assert.equal(told(await other.login("alice", RIGHT)), "429 after 30");
    assert.equal((await own.login("alice", RIGHT)).status, 202);
    assert.equal(told(await app.stranger().login("alice", RIGHT)), "202", "which ends the count of all");
  });
});

describe("a password change", () => {
  const change = (client: Client) => {
    const token = client.cookies.get("csrftoken") ?? "";
    const passwords = { current_password: RIGHT, new_password: "another horse, and a battery" };
    return client.post("/password/change/", passwords, { "X-CSRFToken": token, "Sec-Fetch-Site": "same-origin" });
  };

  test("forgets every device except the one that made it", LONG, async () => {
    const app = await setUp();
    const own = app.stranger();
    assert.equal((await own.login("alice", RIGHT)).status, 202);
    assert.equal((await change(own)).status, 204);
    assert.equal((await app.services.db.selectFrom("devices").select("id").execute()).length, 1);
    assert.equal(await isKnown(app, own), true);
    const [thief] = app.thief;
    assert(thief);
    assert.equal(await isKnown(app, thief), false);
    app.hashed.length = 0;
    app.clock.advance(HOUR);
    await exhaust(app, app.thief);
    assert(app.hashed.length <= 70, "the cookies are worth no guess");
  });

  test("makes its browser known again, if it was forgotten meanwhile", async () => {
    const app = await setUp();
    const [own] = app.thief;
    assert(own);
    await app.services.db.deleteFrom("devices").execute();
    assert.equal((await change(own)).status, 204);
    assert.equal(await isKnown(app, own), true);
  });

  test("from the command line forgets all devices, and so does a deactivation", async () => {
    for (const work of [
      (app: GuessedApp) => changePassword(app.services, OPERATOR, app.alice, anyPassword("another horse")),
      async (app: GuessedApp) => {
        await deactivate(app.services, OPERATOR, app.alice);
        await activate(app.services, OPERATOR, app.alice);
      },
    ]) {
      const app = await setUp();
      await work(app);
      assert.deepEqual(await app.services.db.selectFrom("devices").select("id").execute(), []);
      const [thief] = app.thief;
      assert(thief);
      assert.equal(await isKnown(app, thief), false);
    }
  });

  test("during a login leaves no device of that login", async () => {
    const app = await setUp();
    const { hasher } = app.services;
    const late = app.stranger();
    app.services.hasher = {
      ...hasher,
      check: async (...sent) => {
        const checked = await hasher.check(...sent);
        await changePassword(app.services, OPERATOR, app.alice, anyPassword("another horse"));
        return checked;
      },
    };
    assert.equal((await late.login("alice", RIGHT)).status, 400);
    assert.equal(late.cookies.has("devicecookie"), false);
    assert.deepEqual(await app.services.db.selectFrom("devices").select("id").execute(), []);
  });

  test("that is denied, or has a wrong current password, forgets no device", async () => {
    const app = await setUp();
    const [own] = app.thief;
    assert(own);
    const token = own.cookies.get("csrftoken") ?? "";
    const passwords = { current_password: "wrong", new_password: "another horse, and a battery" };
    assert.equal((await own.post("/password/change/", passwords, { "X-CSRFToken": token })).status, 400);
    assert.equal((await app.services.db.selectFrom("devices").select("id").execute()).length, 10);
  });
});
