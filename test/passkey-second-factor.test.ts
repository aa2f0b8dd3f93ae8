import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createAuthenticator } from "./support/authenticator.ts";
import { type Client, createClient } from "./support/client.ts";
import { PASSWORD } from "./support/factors.ts";
import {
  askOptions,
  assertRejected,
  FACTOR,
  kindsOf,
  LOGIN,
  OURS,
  type PasskeyUser,
  prove,
  REAUTH,
  register,
  SET_UP,
  send,
  usePasskey,
  usePasskeys,
} from "./support/passkeys.ts";
import { MAIL } from "./support/test-app.ts";

/** A browser after the right password. */
async function enterPassword({ test }: PasskeyUser, username = "alice"): Promise<Client> {
  const browser = createClient(test.app);
  assert.equal((await browser.login(username, PASSWORD)).status, 403);
  return browser;
}

describe("a passkey as the second step", () => {
  test("is one of the user's, with or without a check of the user", async () => {
    await using alice = await usePasskeys();
    const securityKey = createAuthenticator({ isVerifying: false });
    await register(alice.browser, securityKey);
    const browser = await enterPassword(alice);
    const options = JSON.parse(JSON.stringify(await askOptions(browser, FACTOR)));
    const allowed = [{ type: "public-key", id: securityKey.id, transports: ["internal", "usb"] }];
    assert.deepEqual([options.allowCredentials, options.userVerification], [allowed, "preferred"]);
    assert.equal((await send(browser, FACTOR, securityKey.get(options, { userHandle: null }))).status, 202);
    assert.equal((await browser.get("/profile/")).status, 200);
    await assertRejected(await prove(createClient(alice.test.app), LOGIN, securityKey), "it cannot log in alone");
  });

  test("is denied with a passkey of another user", async () => {
    await using alice = await usePasskey();
    await alice.test.addUser({ username: "bob", password: PASSWORD });
    const bob = createClient(alice.test.app);
    await bob.login("bob", PASSWORD);
    const bobsKey = createAuthenticator();
    await register(bob, bobsKey);
    const browser = await enterPassword(alice);
    await assertRejected(await prove(browser, FACTOR, bobsKey));
    await assertRejected(await prove(browser, FACTOR, bobsKey, { userHandle: null }));
    assert.equal((await browser.get("/profile/")).status, 403);
    assert.equal((await kindsOf(alice)).filter((kind) => kind === "second_factor_failed").length, 2);
  });

  test("ends the login after five wrong ones, and holds no later login up", async () => {
    await using alice = await usePasskey();
    for (let login = 0; login < 3; login++) {
      const browser = await enterPassword(alice);
      for (let count = 0; count < 5; count++) await assertRejected(await send(browser, FACTOR, {}));
      assert.equal((await send(browser, FACTOR, {})).status, 403);
    }
    assert.equal((await prove(await enterPassword(alice), FACTOR, alice.key)).status, 202);
  });

  test("takes a challenge of this login alone", async () => {
    await using alice = await usePasskey();
    const [one, other] = [await enterPassword(alice), await enterPassword(alice)];
    const challenges = {
      "another login": await askOptions(other, FACTOR),
      "a login by a passkey alone": await askOptions(one, LOGIN),
      "a proof of presence": await askOptions(alice.browser, REAUTH),
    };
    for (const [name, options] of Object.entries(challenges)) {
      const sent = alice.key.get({ rpId: "postern.test", challenge: Reflect.get(Object(options), "challenge") });
      await assertRejected(await send(one, FACTOR, sent), name);
    }
    assert.equal((await prove(one, FACTOR, alice.key)).status, 202);
  });

  test("cannot log in alone by the challenge of a second step", async () => {
    await using alice = await usePasskey();
    const browser = await enterPassword(alice);
    await assertRejected(await send(browser, LOGIN, alice.key.get(await askOptions(browser, FACTOR))));
  });

  test("does not exist for a user who has an app alone, and needs the password first", async () => {
    await using alice = await usePasskey();
    assert.equal((await createClient(alice.test.app).post(`${FACTOR}options/`, {}, OURS)).status, 403);
    const [passkey] = JSON.parse(await (await alice.browser.get(SET_UP)).text());
    const browser = await enterPassword(alice);
    await alice.browser.send("DELETE", `${SET_UP}${passkey.id}/`, { headers: OURS });
    assert.equal((await browser.post(`${FACTOR}options/`, {}, OURS)).status, 404);
  });

  test("remembers the browser if the user asks for it", async () => {
    await using alice = await usePasskey();
    const browser = await enterPassword(alice);
    const credential = alice.key.get(await askOptions(browser, FACTOR));
    assert.equal((await send(browser, FACTOR, credential, { remember: "on" })).status, 202);
    assert.equal((await browser.login("alice", PASSWORD)).status, 202);
    await register(alice.browser, createAuthenticator());
    assert.equal((await browser.login("alice", PASSWORD)).status, 403, "a new passkey ends the trust");
  });
});

describe("a passkey as a proof of presence", () => {
  test("is the session's user's own, by a challenge of the session", async () => {
    await using alice = await usePasskey();
    await alice.test.addUser({ username: "bob", password: PASSWORD });
    const bob = createClient(alice.test.app);
    await bob.login("bob", PASSWORD);
    assert.equal((await bob.post(`${REAUTH}options/`, {}, OURS)).status, 404, "bob has none");
    await assertRejected(await send(bob, REAUTH, alice.key.get(await askOptions(alice.browser, REAUTH))));
    const second = createClient(alice.test.app);
    await prove(second, LOGIN, alice.key);
    await assertRejected(await send(second, REAUTH, alice.key.get(await askOptions(alice.browser, REAUTH))));
    assert.equal((await prove(second, REAUTH, alice.key)).status, 204);
  });

  test("gives the session a new token", async () => {
    await using alice = await usePasskey();
    const old = createClient(alice.test.app);
    for (const [name, value] of alice.browser.cookies) old.cookies.set(name, value);
    assert.equal((await prove(alice.browser, REAUTH, alice.key)).status, 204);
    assert.equal((await old.get("/profile/")).status, 403);
    assert.equal((await alice.browser.get("/profile/")).status, 200);
    assert.equal((await kindsOf(alice)).at(-1), "proved");
  });

  test("needs a session", async () => {
    await using alice = await usePasskey(MAIL);
    const stranger = createClient(alice.test.app);
    for (const path of [REAUTH, `${REAUTH}options/`]) assert.equal((await send(stranger, path, {})).status, 403);
  });
});
