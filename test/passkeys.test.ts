import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createAuthenticator } from "./support/authenticator.ts";
import { createClient } from "./support/client.ts";
import { PASSWORD } from "./support/factors.ts";
import {
  askOptions,
  FACTOR,
  LOGIN,
  OURS,
  prove,
  REAUTH,
  register,
  SET_UP,
  usePasskey,
  usePasskeys,
} from "./support/passkeys.ts";

const readJson = async (response: Response) => JSON.parse(await response.text());

/** How the session of a browser was proved. */
const provedBy = async (browser: ReturnType<typeof createClient>) => (await readJson(await browser.get("/auth/"))).amr;

describe("a passkey", () => {
  test("is added, listed, renamed and removed", async () => {
    await using alice = await usePasskeys();
    const { browser, key } = alice;
    const { recovery_codes: codes, ...added } = await register(browser, key, { name: " Key ring " });
    assert(Array.isArray(codes) && codes.length === 10);
    assert.match(String(added["id"]), /^[0-9a-f]{20}$/);
    const now = new Date(alice.test.clock.now).toISOString();
    assert.deepEqual(added, {
      id: added["id"],
      name: "Key ring",
      created_at: now,
      last_used_at: null,
      is_backed_up: false,
    });
    assert.deepEqual(await readJson(await browser.get(SET_UP)), [added]);
    const path = `${SET_UP}${added["id"]}/`;
    const renamed = await browser.send("PATCH", path, { headers: OURS, json: { name: "Desk" } });
    assert.deepEqual([renamed.status, await readJson(renamed)], [200, { ...added, name: "Desk" }]);
    assert.equal((await browser.send("DELETE", path, { headers: OURS })).status, 204);
    assert.deepEqual(await readJson(await browser.get(SET_UP)), []);
    assert.equal((await browser.send("DELETE", path, { headers: OURS })).status, 404);
  });

  test("has the browser and the system as its name, if the user gives none", async () => {
    await using alice = await usePasskeys();
    const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0";
    const credential = alice.key.create(await askOptions(alice.browser, SET_UP));
    const added = await alice.browser.post(SET_UP, { credential, name: "" }, { ...OURS, "User-Agent": firefox });
    assert.equal((await readJson(added)).name, "Firefox on Linux");
    assert.equal((await register(alice.browser, createAuthenticator()))["name"], "Passkey");
  });

  test("logs in without a password, and is both factors", async () => {
    await using alice = await usePasskey();
    const browser = createClient(alice.test.app);
    const response = await prove(browser, LOGIN, alice.key);
    assert.equal(response.status, 202, await response.clone().text());
    assert.deepEqual(await provedBy(browser), ["pop", "mfa"]);
  });

  test("is the second step after a password", async () => {
    await using alice = await usePasskey();
    const browser = createClient(alice.test.app);
    const first = await browser.login("alice", PASSWORD);
    assert.deepEqual((await readJson(first)).methods, ["passkey", "recovery_code"]);
    assert.equal((await prove(browser, FACTOR, alice.key)).status, 202);
    assert.deepEqual(await provedBy(browser), ["pwd", "pop", "mfa"]);
  });

  test("proves that the user is present", async () => {
    await using alice = await usePasskey();
    alice.test.clock.advance(3600);
    assert.equal((await alice.browser.post(`${SET_UP}options/`, {}, OURS)).status, 403);
    assert.equal((await prove(alice.browser, REAUTH, alice.key)).status, 204);
    assert.equal((await alice.browser.post(`${SET_UP}options/`, {}, OURS)).status, 200);
    assert.deepEqual(await provedBy(alice.browser), ["pwd", "pop", "mfa"]);
  });

  test("that does not check the user is the second factor of a session that began with the password", async () => {
    await using alice = await usePasskeys();
    const key = createAuthenticator({ isVerifying: false });
    await register(alice.browser, key);
    assert.equal((await prove(alice.browser, REAUTH, key)).status, 204);
    assert.deepEqual(await provedBy(alice.browser), ["pwd", "pop", "mfa"]);
  });
});
