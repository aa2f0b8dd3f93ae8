import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createAuthenticator } from "./support/authenticator.ts";
import { createClient } from "./support/client.ts";
import { codeAt, giveFactors, PASSWORD } from "./support/factors.ts";
import { prove, register } from "./support/passkeys.ts";
import { createTestApp, MAIL, tokenIn } from "./support/test-app.ts";

const OURS = { "Sec-Fetch-Site": "same-origin" };
const HOUR = 3600;

/** Alice has a passkey, an authenticator app and recovery codes. A stranger knows the password. */
async function setUp() {
  const test = await createTestApp(MAIL);
  const input = { username: "alice", email: "alice@example.com", emailProvedAt: 1, password: PASSWORD };
  const user = await test.addUser(input);
  const own = createClient(test.app);
  await own.login("alice", PASSWORD);
  const key = createAuthenticator();
  await register(own, key);
  const { secret, recoveryCodes } = await giveFactors(test, user);
  await test.deliver();
  const pending = async (address = "203.0.113.66") => {
    const client = createClient(test.app, "postern.test", address);
    assert.equal((await client.login("alice", PASSWORD)).status, 403);
    return client;
  };
  /** Enters a code after the password. @returns the status */
  const enter = async (code: string) => {
    const client = await pending();
    return (await client.post("/login/second-factor/", { code }, OURS)).status;
  };
  const code = (steps = 0) => codeAt(secret, test.clock.now + steps * 30_000);
  /** Enters a wrong code of the app. @returns the status */
  const enterWrong = () => {
    const right = [-1, 0, 1].map(code);
    return enter(["000000", "111111", "222222", "333333"].find((one) => !right.includes(one)) ?? "");
  };
  const guess = async () => {
    for (let time = 0; time < 10; time++) assert.equal(await enterWrong(), 400);
    assert.equal(await enterWrong(), 429);
  };
  return { ...test, user, own, key, recoveryCodes, pending, enter, enterWrong, guess, code };
}

describe("after ten wrong codes of the authenticator app", () => {
  test("a recovery code still logs in, and ends the wait", async () => {
    const alice = await setUp();
    await alice.guess();
    assert.equal(await alice.enter(alice.code()), 429);
    assert.equal(await alice.enter(alice.recoveryCodes[0] ?? ""), 202);
    alice.clock.advance(60);
    assert.equal(await alice.enter(alice.code()), 202);
  });

  test("a passkey still logs in, with and without the password", async () => {
    const alice = await setUp();
    await alice.guess();
    const client = await alice.pending();
    assert.equal((await prove(client, "/login/second-factor/passkey/", alice.key)).status, 202);
    await alice.guess();
    assert.equal((await prove(createClient(alice.app), "/login/passkey/", alice.key)).status, 202);
  });

  test("a browser that is remembered still logs in with the password", async () => {
    const alice = await setUp();
    await alice.own.login("alice", PASSWORD);
    const sent = { code: alice.code(), remember: "on" };
    assert.equal((await alice.own.post("/login/second-factor/", sent, OURS)).status, 202);
    await alice.guess();
    assert.equal((await alice.own.login("alice", PASSWORD)).status, 202);
  });
});

describe("the notice of wrong codes", () => {
  test("names the last client, and its link stops the password that the stranger knows", async () => {
    const alice = await setUp();
    await alice.guess();
    const notice = (await alice.deliver()).find(({ subject }) => subject.startsWith("Many wrong codes"));
    assert(notice);
    assert.match(notice.text, /203\.0\.113\.66/);
    assert.match(notice.text, /another person knows your password or is logged in to your account/);
    assert.equal((await createClient(alice.app).post("/not-me/", { token: tokenIn(notice) }, OURS)).status, 200);
    const stranger = createClient(alice.app, "postern.test", "203.0.113.66");
    assert.equal((await stranger.login("alice", PASSWORD)).status, 400);
  });

  test("is no mail bomb: one an hour", { timeout: 60_000 }, async () => {
    const alice = await setUp();
    let sent = 0;
    for (let hour = 0; hour < 12; hour++) {
      for (let time = 0; time < 4; time++) {
        await alice.enterWrong();
        alice.clock.advance(HOUR / 4);
      }
      sent += (await alice.deliver()).filter(({ subject }) => subject.startsWith("Many wrong codes")).length;
    }
    assert(sent > 1 && sent <= 12, String(sent));
  });

  test("tells nothing of a person who mistypes", async () => {
    const alice = await setUp();
    for (let time = 0; time < 9; time++) await alice.enterWrong();
    assert.equal(await alice.enter(alice.code()), 202);
    for (let time = 0; time < 9; time++) await alice.enterWrong();
    assert(!(await alice.deliver()).some(({ subject }) => subject.startsWith("Many wrong codes")));
  });
});
