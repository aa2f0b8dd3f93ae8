import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OPERATOR } from "../lib/audit/actor.ts";
import { deleteUser } from "../lib/users/activation.ts";
import { changePassword } from "../lib/users/change-password.ts";
import { resetFactors } from "../lib/users/reset-factors.ts";
import { type Client, createClient } from "./support/client.ts";
import { codeAt, giveFactors, PASSWORD } from "./support/factors.ts";
import { anyPassword, createTestApp, type TestApp } from "./support/test-app.ts";

const OURS = { "Sec-Fetch-Site": "same-origin" };

/** Wrong codes of an app were sent by a known browser of alice, and by a stranger. */
async function setUp(environment: Record<string, string> = {}) {
  const test = await createTestApp(environment);
  const user = await test.addUser({ username: "alice", password: PASSWORD });
  const own = createClient(test.app);
  await own.login("alice", PASSWORD);
  const { secret } = await giveFactors(test, user);
  const right = [-1, 0, 1].map((steps) => codeAt(secret, test.clock.now + steps * 30_000));
  const wrong = ["000000", "111111", "222222", "333333"].find((code) => !right.includes(code)) ?? "";
  const prove = (code: string) => own.post("/reauth/", { code }, OURS);
  for (let time = 0; time < 10; time++) assert.equal((await prove(wrong)).status, 400);
  assert.equal((await prove(wrong)).status, 429);
  for (let time = 0; time < 10; time++) assert.equal((await enter(test, wrong)).status, 400);
  assert.equal((await enter(test, wrong)).status, 429);
  return { test, user, own, wrong };
}

/** Logs a stranger in, up to the answer to a code. */
async function enter({ app }: TestApp, code: string, client: Client = createClient(app)): Promise<Response> {
  assert.equal((await client.login("alice", PASSWORD)).status, 403);
  return client.post("/login/second-factor/", { code }, OURS);
}

/** The counters that are about alice, with her devices. */
async function countersOf({ services }: TestApp): Promise<string[]> {
  const rows = await services.db.selectFrom("throttles").select("key").execute();
  return rows.map(({ key }) => key.replace(/:.*/, "")).filter((kind) => /^(factor|device|account)/.test(kind));
}

describe("wrong codes of an authenticator app are forgotten", () => {
  test("with the factors that an operator resets: no browser waits with the next app", async () => {
    const { test, user, own } = await setUp();
    assert.equal(await resetFactors(test.services, OPERATOR, user), true);
    const { secret } = await giveFactors(test, user);
    assert.equal((await enter(test, codeAt(secret, test.clock.now), own)).status, 202);
    assert.equal((await enter(test, codeAt(secret, test.clock.now + 30_000))).status, 202);
    await test.close();
  });

  test("with a user who deletes the account", async () => {
    const { test, own } = await setUp({ POSTERN_ACCOUNT_DELETION: "on" });
    assert.notDeepEqual(await countersOf(test), []);
    assert.equal((await own.post("/account/delete/", { password: PASSWORD }, OURS)).status, 204);
    assert.deepEqual(await countersOf(test), []);
    await test.close();
  });

  test("with a user that an operator deletes", async () => {
    const { test, user } = await setUp();
    await createClient(test.app).login("alice", "wrong");
    await deleteUser(test.services, OPERATOR, user);
    assert.deepEqual(await countersOf(test), []);
    await test.close();
  });

  test("with a device that the user forgets, but not those of strangers", async () => {
    const { test, own, wrong } = await setUp();
    const [device] = await (await own.get("/devices/")).json();
    assert.equal((await own.send("DELETE", `/devices/${device.id}/`, { headers: OURS })).status, 204);
    assert.deepEqual((await countersOf(test)).length, 2, "strangers, and all devices together");
    assert.equal((await own.post("/reauth/", { code: wrong }, OURS)).status, 429, "its browser waits with them");
    await test.close();
  });

  test("with the devices that a new password makes strangers, but not those of strangers", async () => {
    const { test, user, wrong } = await setUp();
    const stored = test.services.db.selectFrom("throttles").select("key").where("key", "like", "factor:%");
    assert.equal((await stored.execute()).length, 3);
    await changePassword(test.services, OPERATOR, user, anyPassword(PASSWORD));
    assert.equal((await stored.execute()).length, 2);
    assert.equal((await enter(test, wrong)).status, 429);
    await test.close();
  });
});
