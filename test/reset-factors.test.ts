import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Client, createClient } from "./support/client.ts";
import { type FactorUser, giveFactors, PASSWORD, useFactors } from "./support/factors.ts";
import { createTestApp, MAIL, tokenIn } from "./support/test-app.ts";

const OURS = { "Sec-Fetch-Site": "same-origin" };
const PAGE = { "Sec-Fetch-Mode": "navigate", Accept: "text/html" };
const FORM = { ...OURS, ...PAGE, "Content-Type": "application/x-www-form-urlencoded" };
const NEW_PASSWORD = "cyan giraffe umbrella";

async function useMailed(environment: Record<string, string> = {}): Promise<FactorUser> {
  const alice = await useFactors({ ...MAIL, ...environment });
  const address = { email: "alice@example.com", email_proved_at: 1 };
  await alice.test.services.db.updateTable("users").set(address).execute();
  return alice;
}

/** A person who reads the mail asks for a link. @returns its token */
async function askForLink({ test: { app, deliver } }: Pick<FactorUser, "test">): Promise<string> {
  await createClient(app).post("/password/reset/", { username: "alice" }, OURS);
  const mail = (await deliver()).find(({ text }) => text.includes("/password/reset/confirm/"));
  assert(mail);
  return tokenIn(mail);
}

const setPassword = (client: Client, token: string) =>
  client.post("/password/reset/confirm/", { token, new_password: NEW_PASSWORD }, OURS);

describe("a new password by a link in a mail, for a user with a second factor", () => {
  test("logs no client in: the login needs the second factor as before", async () => {
    await using alice = await useMailed();
    const reader = createClient(alice.test.app);
    const answer = await setPassword(reader, await askForLink(alice));
    assert.deepEqual([answer.status, await answer.text(), answer.headers.getSetCookie()], [204, "", []]);
    assert.equal((await reader.get("/profile/")).status, 403);
    assert.deepEqual(await alice.test.services.db.selectFrom("sessions").selectAll().execute(), []);
    const login = await reader.login("alice", NEW_PASSWORD);
    assert.deepEqual([login.status, (await login.json()).methods], [403, ["totp", "recovery_code"]]);
    assert.equal((await reader.post("/login/second-factor/", { code: alice.code() }, OURS)).status, 202);
    assert.equal((await reader.get("/profile/")).status, 200);
  });

  test("leads a browser to the login, which says what to do next", async () => {
    await using alice = await useMailed();
    const reader = createClient(alice.test.app);
    const body = `token=${await askForLink(alice)}&new_password=${encodeURIComponent(NEW_PASSWORD)}`;
    const answer = await reader.send("POST", "/password/reset/confirm/", { headers: FORM, body });
    const location = answer.headers.get("location") ?? "";
    assert.deepEqual([answer.status, location], [303, "/login/?done=newPassword"]);
    assert.equal(reader.cookies.size, 0);
    const page = await (await reader.get(location, PAGE)).text();
    assert.match(page, /Your new password is set\. Log in with it, and with your second factor as before\./);
    const italian = await (await reader.get(location, { ...PAGE, "Accept-Language": "it" })).text();
    assert.match(italian, /Accedi con questa e, come prima, con il tuo secondo fattore\./);
  });

  test("ends every session, each login that waits for its second step, and the trust in each browser", async () => {
    await using alice = await useMailed();
    await alice.remember();
    const waiting = createClient(alice.test.app);
    assert.equal((await waiting.login("alice", PASSWORD)).status, 403);
    await setPassword(createClient(alice.test.app), await askForLink(alice));
    assert.equal((await alice.get("/profile/")).status, 403);
    assert.equal((await waiting.post("/login/second-factor/", { code: alice.code(1) }, OURS)).status, 403);
    assert.equal((await alice.login("alice", NEW_PASSWORD)).status, 403);
  });

  test("changes nothing about the factors and the recovery codes", async () => {
    await using alice = await useMailed();
    const { db } = alice.test.services;
    const read = async () =>
      JSON.stringify([
        await db.selectFrom("totp_factors").selectAll().execute(),
        await db.selectFrom("recovery_codes").selectAll().orderBy("id").execute(),
      ]);
    const before = await read();
    await setPassword(createClient(alice.test.app), await askForLink(alice));
    assert.equal(await read(), before);
  });

  test("gives a thief who reads the mail no session, with any body and any cookie", async () => {
    await using alice = await useMailed();
    await alice.remember();
    const thief = createClient(alice.test.app, "postern.test", "203.0.113.66");
    const token = await askForLink(alice);
    const device = alice.cookies.get("devicecookie") ?? "";
    const json = { token, new_password: NEW_PASSWORD, remember: "on", code: "000000", username: "alice" };
    const headers = { ...OURS, Cookie: `devicecookie=${device}; pendinglogin=${token}` };
    const answer = await thief.send("POST", "/password/reset/confirm/", { json, headers });
    assert.deepEqual([answer.status, answer.headers.getSetCookie()], [204, []]);
    const login = { json: { username: "alice", password: NEW_PASSWORD }, headers };
    assert.equal((await thief.send("POST", "/login/", login)).status, 403);
    assert.deepEqual(await alice.test.services.db.selectFrom("sessions").selectAll().execute(), []);
  });
});

describe("a new password by a link in a mail, for a user without a second factor", () => {
  async function setUp(environment: Record<string, string> = {}) {
    const test = await createTestApp({ ...MAIL, ...environment });
    const user = await test.addUser({ username: "alice", password: PASSWORD, email: "alice@example.com" });
    return { test, user };
  }

  test("logs the client in", async () => {
    const stage = await setUp();
    const reader = createClient(stage.test.app);
    assert.equal((await setPassword(reader, await askForLink(stage))).status, 204);
    assert.equal((await reader.get("/profile/")).status, 200);
  });

  test("logs no client in, if the user gets a second factor meanwhile", async () => {
    const stage = await setUp();
    const { services, app } = stage.test;
    const token = await askForLink(stage);
    const real = services.hasher;
    services.hasher = {
      ...real,
      hash: async (password, caller) => {
        await giveFactors(stage.test, stage.user);
        return real.hash(password, caller);
      },
    };
    const reader = createClient(app);
    const answer = await setPassword(reader, token);
    assert.deepEqual([answer.status, answer.headers.getSetCookie()], [204, []]);
  });

  test("leads to the set-up of a second factor, if the settings demand one", async () => {
    const stage = await setUp({ POSTERN_REQUIRE_SECOND_FACTOR: "all" });
    const reader = createClient(stage.test.app);
    await setPassword(reader, await askForLink(stage));
    const profile = await reader.get("/profile/");
    assert.deepEqual([profile.status, (await profile.json()).code], [403, "second_factor_setup_required"]);
  });
});
