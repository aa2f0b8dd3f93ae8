import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { endTrust, trustDevice } from "../db/devices.ts";
import { transaction } from "../db/open.ts";
import { OPERATOR } from "../lib/audit/actor.ts";
import { changePassword } from "../lib/users/change-password.ts";
import { type Client, createClient } from "./support/client.ts";
import { codeAt, type FactorUser, giveFactors, PASSWORD, useFactors } from "./support/factors.ts";
import { anyPassword, createTestApp } from "./support/test-app.ts";

const OURS = { "Sec-Fetch-Site": "same-origin" };

async function useTrusted(environment: Record<string, string> = {}): Promise<FactorUser> {
  const alice = await useFactors(environment);
  assert.equal((await alice.remember()).status, 202);
  return alice;
}

/** A client with these device cookies, from another network. It knows the password. */
async function logInWith({ test }: FactorUser, ...cookies: string[]): Promise<number> {
  const thief = createClient(test.app, "postern.test", "203.0.113.66");
  const Cookie = cookies.map((cookie) => `devicecookie=${cookie}`).join("; ");
  const json = { username: "alice", password: PASSWORD, remember: "on" };
  return (await thief.send("POST", "/login/", { json, headers: { ...OURS, Cookie } })).status;
}

const deviceOf = ({ cookies }: Client) => cookies.get("devicecookie") ?? "";

/** Runs `change` after the password was found right, and before the session is created. */
function meanwhile({ test: { services } }: FactorUser, change: () => Promise<unknown>): void {
  const real = services.hasher;
  services.hasher = {
    ...real,
    check: async (password, encoded) => {
      const check = await real.check(password, encoded);
      services.hasher = real;
      await change();
      return check;
    },
  };
}

describe("a thief who knows the password", () => {
  test("is asked for the second factor, whatever the login says", async () => {
    await using alice = await useTrusted();
    assert.equal(await logInWith(alice), 403);
    assert.equal(await logInWith(alice, "", "x", "=", "a".repeat(32)), 403);
  });

  test("gains nothing by the cookie of a browser that is remembered by another user", async () => {
    await using alice = await useTrusted();
    const { test } = alice;
    const mallory = await test.addUser({ username: "mallory", password: PASSWORD });
    const { secret } = await giveFactors(test, mallory);
    const own = createClient(test.app);
    await own.login("mallory", PASSWORD);
    const sent = { code: codeAt(secret, test.clock.now), remember: "on" };
    assert.equal((await own.post("/login/second-factor/", sent, OURS)).status, 202);
    assert.equal(await logInWith(alice, deviceOf(own)), 403);
    assert.equal((await own.login("mallory", PASSWORD)).status, 202);
  });

  test("gains nothing by a copy of the cookie once the owner has logged in with it", async () => {
    await using alice = await useTrusted();
    const copy = deviceOf(alice);
    assert.equal((await alice.enterPassword()).status, 202);
    assert.equal(await logInWith(alice, copy), 403);
    assert.equal((await alice.enterPassword()).status, 202);
  });

  test("gains nothing by the name of the device, or by its id in a stolen table", async () => {
    await using alice = await useTrusted();
    const { id } = await alice.test.services.db.selectFrom("devices").select("id").executeTakeFirstOrThrow();
    const [listed]: { id: string }[] = await (await alice.get("/devices/")).json();
    assert.equal(await logInWith(alice, id, listed?.id ?? ""), 403);
  });

  test("cannot have a browser remembered without a right code", async () => {
    await using alice = await useFactors();
    await alice.enterPassword();
    for (const code of ["000000", "", alice.recoveryCodes[0]?.slice(1)]) {
      const answer = await alice.post("/login/second-factor/", { code, remember: "on" }, OURS);
      assert.equal(answer.status, 400);
    }
    assert.deepEqual(await alice.test.services.db.selectFrom("devices").selectAll().execute(), []);
  });
});

describe("the cookie of a remembered browser", () => {
  test("opens nothing by itself, and stands for no password", async () => {
    await using alice = await useTrusted();
    const Cookie = `devicecookie=${deviceOf(alice)}; sessionid=${deviceOf(alice)}; pendinglogin=${deviceOf(alice)}`;
    const stranger = createClient(alice.test.app);
    assert.equal((await stranger.get("/profile/", { Cookie })).status, 403);
    for (const password of ["", "wrong", null]) {
      const request = { json: { username: "alice", password }, headers: { ...OURS, Cookie } };
      assert.equal((await stranger.send("POST", "/login/", request)).status, 400);
    }
    assert.equal(
      (await stranger.post("/login/second-factor/", { code: alice.code() }, { ...OURS, Cookie })).status,
      403,
    );
  });

  test("is used once by logins at the same time", async () => {
    await using alice = await useTrusted();
    const cookie = deviceOf(alice);
    const statuses = await Promise.all(Array.from({ length: 6 }, () => logInWith(alice, cookie)));
    assert.deepEqual(statuses.toSorted(), [202, 403, 403, 403, 403, 403]);
  });

  test("does not bring trust to the browsers that come after it", async () => {
    await using alice = await useTrusted();
    const { test } = alice;
    for (let number = 0; number < 10; number++) {
      test.clock.advance(30);
      const other = createClient(test.app);
      await other.login("alice", PASSWORD);
      assert.equal((await other.post("/login/second-factor/", { code: alice.code() }, OURS)).status, 202);
    }
    assert.equal((await alice.enterPassword()).status, 403, "ten other browsers have pushed it out");
  });

  test("is not set for a program that is no browser", async () => {
    await using alice = await useFactors();
    await alice.enterPassword();
    const { headers } = await alice.post("/login/second-factor/", { code: alice.code(), remember: "on" });
    assert.doesNotMatch(headers.getSetCookie().join(), /devicecookie/);
    const events = await alice.test.services.db.selectFrom("events").select("kind").execute();
    assert(!events.some(({ kind }) => kind === "browser_trusted"));
  });

  test("asks for the second factor while devices of the account guess passwords", async () => {
    await using alice = await useTrusted();
    const { services } = alice.test;
    const other = createClient(alice.test.app);
    await other.login("alice", PASSWORD);
    alice.test.clock.advance(30);
    await other.post("/login/second-factor/", { code: alice.code() }, OURS);
    for (let time = 0; time < 30; time++) {
      assert.equal((await other.login("alice", "wrong")).status, 400);
      alice.test.clock.advance(3600);
    }
    assert.equal((await alice.enterPassword()).status, 403, "any of the devices may be a thief's");
    assert.equal((await services.db.selectFrom("devices").select("id").execute()).length, 2);
  });
});

describe("trust that ends while a login is under way", () => {
  test("by a change of a factor: the login needs the second factor", async () => {
    await using alice = await useTrusted();
    const { services } = alice.test;
    meanwhile(alice, () => transaction(services.db, (db) => endTrust(db, alice.user.id)));
    const answer = await alice.enterPassword();
    assert.deepEqual([answer.status, (await answer.json()).code], [403, "second_factor_required"]);
    assert.equal((await alice.enterCode(alice.code(1))).status, 202);
  });

  test("by a forgotten device: the login needs the second factor", async () => {
    await using alice = await useTrusted();
    meanwhile(alice, async () => {
      const [device]: { id: string }[] = await (await alice.get("/devices/")).json();
      const headers = { "X-CSRFToken": alice.cookies.get("csrftoken") ?? "" };
      assert.equal((await alice.send("DELETE", `/devices/${device?.id}/`, { headers })).status, 204);
    });
    assert.equal((await alice.enterPassword()).status, 403);
  });

  test("by a change of the password: the old one does not log in", async () => {
    await using alice = await useTrusted();
    const { services } = alice.test;
    meanwhile(alice, () => changePassword(services, OPERATOR, alice.user, anyPassword("another horse")));
    assert.equal((await alice.enterPassword()).status, 400);
  });

  test("by its date: the last millisecond counts", async () => {
    await using alice = await useTrusted();
    const { services, clock } = alice.test;
    const { id } = await services.db.selectFrom("devices").select("id").executeTakeFirstOrThrow();
    await transaction(services.db, (db) => trustDevice(db, id, clock.now + 1));
    meanwhile(alice, async () => clock.advance(0.001));
    assert.equal((await alice.enterPassword()).status, 403);
  });
});

test("an operator who sets POSTERN_TRUST_BROWSER_DAYS to 0 ends all trust at once", async () => {
  await using alice = await useTrusted();
  const { services, clock } = alice.test;
  const off = await createTestApp({ POSTERN_TRUST_BROWSER_DAYS: "0" }, { db: services.db, close: async () => {} });
  off.clock.now = clock.now;
  const headers = { ...OURS, Cookie: `devicecookie=${deviceOf(alice)}` };
  const login = await createClient(off.app).send("POST", "/login/", {
    json: { username: "alice", password: PASSWORD },
    headers,
  });
  assert.equal(login.status, 403);
  const Cookie = `sessionid=${alice.cookies.get("sessionid")}`;
  const [device]: { trusted_until: unknown }[] = await (
    await createClient(off.app).get("/devices/", { Cookie })
  ).json();
  assert.equal(device?.trusted_until, null);
});
