import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OPERATOR } from "../lib/audit/actor.ts";
import { deactivate, deleteUser } from "../lib/users/activation.ts";
import { changePassword } from "../lib/users/change-password.ts";
import { createAuthenticator, FLAGS } from "./support/authenticator.ts";
import { createClient } from "./support/client.ts";
import { PASSWORD } from "./support/factors.ts";
import {
  askOptions,
  assertRejected,
  assertUnknown,
  kindsOf,
  LOGIN,
  prove,
  register,
  SET_UP,
  send,
  usePasskey,
  usePasskeys,
} from "./support/passkeys.ts";
import { anyPassword, MAIL } from "./support/test-app.ts";

describe("a login by a passkey alone", () => {
  test("asks for any passkey of the site that checks its user", async () => {
    await using alice = await usePasskey();
    const { challenge, ...options } = JSON.parse(JSON.stringify(await askOptions(createClient(alice.test.app), LOGIN)));
    assert.match(challenge, /^[\w-]{43}$/);
    assert.deepEqual(options, { timeout: 300_000, rpId: "postern.test", userVerification: "required" });
  });

  for (const algorithm of ["ES256", "EdDSA", "RS256"] as const) {
    test(`works with a key of ${algorithm}`, async () => {
      await using alice = await usePasskeys();
      const key = createAuthenticator({ algorithm });
      await register(alice.browser, key);
      assert.equal((await prove(createClient(alice.test.app), LOGIN, key)).status, 202);
    });
  }

  test("makes the browser known, stores the time, and is an event", async () => {
    await using alice = await usePasskey();
    const browser = createClient(alice.test.app);
    alice.test.clock.advance(60);
    assert.equal((await prove(browser, LOGIN, alice.key)).status, 202);
    assert(browser.cookies.has("devicecookie") && browser.cookies.has("sessionid"));
    const [row] = await alice.test.services.db.selectFrom("users").select("last_login").execute();
    assert.equal(row?.last_login, alice.test.clock.now);
    assert.equal((await kindsOf(alice)).at(-1), "login");
    const [passkey] = JSON.parse(await (await browser.get(SET_UP)).text());
    assert.equal(passkey.last_used_at, new Date(alice.test.clock.now).toISOString());
  });

  test("tells the user of a new device", async () => {
    await using alice = await usePasskey();
    await alice.test.services.db.updateTable("users").set({ email_proved_at: 1 }).execute();
    await prove(createClient(alice.test.app), LOGIN, alice.key);
    const subjects = (await alice.test.deliver()).map(({ subject }) => subject);
    assert.equal(subjects.filter((subject) => /new (device|login)/i.test(subject)).length, 1, String(subjects));
  });

  test("is complete if the settings demand a second factor", async () => {
    await using alice = await usePasskeys({ ...MAIL, POSTERN_REQUIRE_SECOND_FACTOR: "all" });
    assert.equal((await alice.browser.get("/profile/")).status, 403);
    await register(alice.browser, alice.key);
    assert.equal((await alice.browser.get("/profile/")).status, 200);
    const browser = createClient(alice.test.app);
    assert.equal((await prove(browser, LOGIN, alice.key)).status, 202);
    assert.equal((await browser.get("/profile/")).status, 200);
  });

  test("works after the password was changed", async () => {
    await using alice = await usePasskey();
    await changePassword(alice.test.services, OPERATOR, alice.user, anyPassword("quite another"));
    assert.equal((await prove(createClient(alice.test.app), LOGIN, alice.key)).status, 202);
  });

  test("ends the session that the browser had", async () => {
    await using alice = await usePasskey();
    const before = alice.browser.cookies.get("sessionid") ?? "";
    assert.equal((await prove(alice.browser, LOGIN, alice.key)).status, 202);
    const old = createClient(alice.test.app);
    old.cookies.set("sessionid", before);
    assert.equal((await old.get("/profile/")).status, 403);
  });

  test("is denied to an inactive user, and to a deleted one", async () => {
    await using alice = await usePasskey();
    await deactivate(alice.test.services, OPERATOR, alice.user);
    await assertRejected(await prove(createClient(alice.test.app), LOGIN, alice.key));
    await deleteUser(alice.test.services, OPERATOR, alice.user);
    await assertUnknown(await prove(createClient(alice.test.app), LOGIN, alice.key));
  });

  test("is denied if the authenticator has not checked the user", async () => {
    await using alice = await usePasskey();
    const browser = createClient(alice.test.app);
    await assertRejected(await prove(browser, LOGIN, alice.key, { flags: FLAGS.present }));
    await assertRejected(await prove(browser, LOGIN, alice.key, { flags: FLAGS.verified }), "the user was not present");
    assert.equal(browser.cookies.size, 0);
  });

  test("is denied if the passkey names no user, or another one", async () => {
    await using alice = await usePasskey();
    const other = await alice.test.addUser({ username: "bob", password: PASSWORD });
    const browser = createClient(alice.test.app);
    await browser.login("bob", PASSWORD);
    const bobsKey = createAuthenticator();
    await register(browser, bobsKey);
    const [bobs] = await alice.test.services.db
      .selectFrom("passkeys")
      .select("user_handle")
      .where("user_id", "=", other.id)
      .execute();
    for (const userHandle of [null, "", "AAAA", bobs?.user_handle ?? ""]) {
      await assertRejected(
        await prove(createClient(alice.test.app), LOGIN, alice.key, { userHandle }),
        String(userHandle),
      );
    }
  });

  test("is denied without the private key", async () => {
    await using alice = await usePasskey();
    const browser = createClient(alice.test.app);
    const thief = createAuthenticator();
    const { id } = alice.key;
    const [stored] = await alice.test.services.db.selectFrom("passkeys").select("user_handle").execute();
    const forgery = { credentialId: Buffer.from(id, "base64url"), userHandle: stored?.user_handle ?? "" };
    await assertRejected(await prove(browser, LOGIN, thief, forgery));
    assert.deepEqual(
      await kindsOf(alice),
      (await kindsOf(alice)).filter((kind) => kind !== "passkey_copied"),
    );
  });

  test("uses each proof once, also if it is sent twenty times at once", async () => {
    await using alice = await usePasskey();
    const credential = alice.key.get(await askOptions(createClient(alice.test.app), LOGIN));
    const sent = Array.from({ length: 20 }, () => send(createClient(alice.test.app), LOGIN, credential));
    const statuses = (await Promise.all(sent)).map(({ status }) => status);
    assert.deepEqual(
      statuses.toSorted((a, b) => a - b),
      [202, ...Array.from({ length: 19 }, () => 400)],
    );
    assert.equal((await kindsOf(alice)).filter((kind) => kind === "login").length, 2);
  });

  test("does not exist if passkeys are not possible", async () => {
    await using alice = await usePasskeys({});
    for (const path of [LOGIN, `${LOGIN}options/`, `${SET_UP}options/`]) {
      assert.equal((await send(alice.browser, path, {})).status, 404, path);
    }
  });
});
