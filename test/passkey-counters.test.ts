import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createAuthenticator } from "./support/authenticator.ts";
import { createClient } from "./support/client.ts";
import { PASSWORD } from "./support/factors.ts";
import {
  askOptions,
  assertRejected,
  assertUnknown,
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

const logIn = ({ test, key }: PasskeyUser, signCount?: number) =>
  prove(createClient(test.app), LOGIN, key, signCount === undefined ? {} : { signCount });

const copies = async (alice: PasskeyUser) => (await kindsOf(alice)).filter((kind) => kind === "passkey_copied").length;

describe("a counter of signatures that stands still or goes back", () => {
  test("denies the login, is an event, and is a notice to the user", async () => {
    await using alice = await usePasskey();
    await alice.test.services.db.updateTable("users").set({ email_proved_at: 1 }).execute();
    assert.equal((await logIn(alice, 10)).status, 202);
    await alice.test.deliver();
    for (const signCount of [10, 9, 0]) await assertRejected(await logIn(alice, signCount), String(signCount));
    assert.equal(await copies(alice), 3);
    const subjects = (await alice.test.deliver()).map(({ subject }) => subject);
    assert.deepEqual(
      subjects.filter((subject) => subject.includes("copied")),
      ["One of your passkeys for Postern may have been copied"],
    );
    assert.equal((await logIn(alice, 11)).status, 202);
  });

  test("is noticed at the second step, and at a proof of presence", async () => {
    await using alice = await usePasskey();
    assert.equal((await logIn(alice, 10)).status, 202);
    const browser = createClient(alice.test.app);
    await browser.login("alice", PASSWORD);
    await assertRejected(await prove(browser, FACTOR, alice.key, { signCount: 10 }));
    await assertRejected(await prove(alice.browser, REAUTH, alice.key, { signCount: 3 }));
    assert.equal(await copies(alice), 2);
  });

  test("counts once a challenge, and only with the right signature", async () => {
    await using alice = await usePasskey();
    assert.equal((await logIn(alice, 10)).status, 202);
    const browser = createClient(alice.test.app);
    const sent = alice.key.get(await askOptions(browser, LOGIN), { signCount: 10 });
    const answers = await Promise.all([1, 2, 3].map(() => send(browser, LOGIN, sent)));
    for (const answer of answers) await assertRejected(answer);
    assert.equal(await copies(alice), 1);
    const thief = createAuthenticator();
    const handle = Reflect.get(Object(alice.key.get({ challenge: "", rpId: "" })["response"]), "userHandle");
    const forgery = { credentialId: Buffer.from(alice.key.id, "base64url"), userHandle: handle, signCount: 1 };
    await assertRejected(await prove(browser, LOGIN, thief, forgery));
    assert.equal(await copies(alice), 1);
  });

  test("says nothing of an authenticator that does not count", async () => {
    await using alice = await usePasskeys();
    const key = createAuthenticator({ isCounting: false });
    await register(alice.browser, key);
    for (let login = 0; login < 3; login++) {
      assert.equal((await prove(createClient(alice.test.app), LOGIN, key)).status, 202);
    }
    assert.equal((await prove(createClient(alice.test.app), LOGIN, key, { signCount: 1 })).status, 202);
    await assertRejected(await prove(createClient(alice.test.app), LOGIN, key), "it had counted");
  });

  test("lets one of two proofs through that were made at once", async () => {
    await using alice = await usePasskey();
    const browsers = [createClient(alice.test.app), createClient(alice.test.app)];
    const options = await Promise.all(browsers.map((browser) => askOptions(browser, LOGIN)));
    const sent = browsers.map((browser, index) =>
      send(browser, LOGIN, alice.key.get(options[index], { signCount: 5 })),
    );
    const statuses = (await Promise.all(sent)).map(({ status }) => status);
    assert.deepEqual(statuses.toSorted(), [202, 400]);
  });
});

describe("the passkeys of a user", () => {
  test("are twenty at most, also if they are added at once", async () => {
    await using alice = await usePasskeys();
    const [stored] = [await register(alice.browser, alice.key)];
    assert(stored);
    for (let count = 1; count < 19; count++) await register(alice.browser, createAuthenticator());
    const second = createClient(alice.test.app);
    await prove(second, LOGIN, alice.key);
    const browsers = [alice.browser, second];
    const options = await Promise.all(browsers.map((browser) => askOptions(browser, SET_UP)));
    const sent = browsers.map((browser, index) => send(browser, SET_UP, createAuthenticator().create(options[index])));
    const statuses = (await Promise.all(sent)).map(({ status }) => status);
    assert.deepEqual(statuses.toSorted(), [201, 400]);
    const denied = await alice.browser.post(`${SET_UP}options/`, {}, OURS);
    const detail = "You have 20 passkeys already. Remove one first.";
    assert.deepEqual([denied.status, await denied.json()], [400, { non_field_errors: [detail] }]);
    assert.equal(JSON.parse(await (await alice.browser.get(SET_UP)).text()).length, 20);
  });

  test("share one handle, and a browser is asked to leave out those that it has", async () => {
    await using alice = await usePasskey();
    const options = Object(await askOptions(alice.browser, SET_UP));
    assert.deepEqual(options.excludeCredentials, [
      { type: "public-key", id: alice.key.id, transports: ["internal", "usb"] },
    ]);
    const { user_handle: handle } = await alice.test.services.db
      .selectFrom("passkeys")
      .select("user_handle")
      .executeTakeFirstOrThrow();
    assert.equal(options.user.id, handle);
    assert.equal(Buffer.from(handle, "base64url").length, 32);
    assert.deepEqual([options.user.name, options.user.displayName, options.rp.id], ["alice", "alice", "postern.test"]);
  });

  test("have names of at most 64 characters", async () => {
    await using alice = await usePasskeys();
    const { id } = await register(alice.browser, alice.key);
    const rename = (name: unknown) => alice.browser.send("PATCH", `${SET_UP}${id}/`, { headers: OURS, json: { name } });
    assert.equal((await rename("é".repeat(64))).status, 200);
    for (const name of ["é".repeat(65), "", " ", null, "\0", ["x"]]) assert.equal((await rename(name)).status, 400);
    const credential = createAuthenticator().create(await askOptions(alice.browser, SET_UP));
    assert.equal((await send(alice.browser, SET_UP, credential, { name: "x".repeat(65) })).status, 400);
    const agent = { ...OURS, "User-Agent": `${"x".repeat(400)}` };
    const added = await alice.browser.post(SET_UP, { credential }, agent);
    assert.match(JSON.parse(await added.text()).name, /^x{1,64}$/);
  });

  test("are no other user's to rename or to remove", async () => {
    await using alice = await usePasskeys();
    const { id } = await register(alice.browser, alice.key);
    await alice.test.addUser({ username: "bob", password: PASSWORD });
    const bob = createClient(alice.test.app);
    await bob.login("bob", PASSWORD);
    const path = `${SET_UP}${id}/`;
    assert.equal((await bob.send("DELETE", path, { headers: OURS })).status, 404);
    assert.equal((await bob.send("PATCH", path, { headers: OURS, json: { name: "x" } })).status, 404);
    assert.equal((await logIn(alice)).status, 202);
  });

  test("need a proof of presence for each change, and take the recovery codes along", async () => {
    await using alice = await usePasskeys();
    const { id } = await register(alice.browser, alice.key);
    const path = `${SET_UP}${id}/`;
    alice.test.clock.advance(3600);
    assert.equal((await alice.browser.send("DELETE", path, { headers: OURS })).status, 403);
    assert.equal((await alice.browser.send("PATCH", path, { headers: OURS, json: { name: "x" } })).status, 403);
    assert.equal((await send(alice.browser, SET_UP, {})).status, 403);
    await prove(alice.browser, REAUTH, alice.key);
    assert.equal((await alice.browser.send("DELETE", path, { headers: OURS })).status, 204);
    assert.deepEqual(await alice.test.services.db.selectFrom("recovery_codes").selectAll().execute(), []);
    assert.equal((await createClient(alice.test.app).login("alice", PASSWORD)).status, 202);
    await assertUnknown(await logIn(alice));
  });
});
