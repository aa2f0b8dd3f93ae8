import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { beginAuthenticator, confirmAuthenticator } from "./support/authenticators.ts";
import { createClient } from "./support/client.ts";
import { codeAt, PASSWORD, useFactors } from "./support/factors.ts";
import { prove, REAUTH, register, usePasskeys } from "./support/passkeys.ts";

const OURS = { "Sec-Fetch-Site": "same-origin" };
const STRANGER = ["postern.test", "198.51.100.7"] as const;

describe("a session that has not proved the second factor", () => {
  test("from before the factor was added, changes none with the password", async () => {
    await using alice = await usePasskeys();
    const thief = createClient(alice.test.app, ...STRANGER);
    await thief.login("alice", PASSWORD);
    await register(alice.browser, alice.key);
    assert.equal((await thief.post("/reauth/", { password: PASSWORD }, OURS)).status, 204);
    for (const path of ["/security/authenticator/", "/security/recovery-codes/", "/security/passkeys/options/"]) {
      const denied = await thief.post(path, {}, OURS);
      const { code, methods } = JSON.parse(await denied.text());
      assert.deepEqual([denied.status, code, methods], [403, "recent_login_required", ["passkey"]], path);
    }
    assert.equal(
      (await thief.send("PATCH", "/profile/", { headers: OURS, json: { email: "t@example.com" } })).status,
      403,
    );
    assert.equal((await thief.get("/account/export/")).status, 403);
    assert.equal((await thief.get("/auth/?factors=2")).status, 403);
  });

  test("of a remembered browser, changes none right after the password, and any after a code", async () => {
    await using alice = await useFactors();
    await alice.remember();
    await alice.post("/logout/", {}, OURS);
    assert.equal((await alice.enterPassword()).status, 202);
    const remove = () => alice.send("DELETE", "/security/authenticator/", { headers: OURS });
    assert.equal((await remove()).status, 403);
    alice.test.clock.advance(30);
    assert.equal((await alice.post("/reauth/", { code: alice.code() }, OURS)).status, 204);
    assert.equal((await remove()).status, 204);
  });

  test("is led by its browser to a page that asks for the factor and not for the password", async () => {
    await using alice = await useFactors();
    await alice.remember();
    await alice.post("/logout/", {}, OURS);
    await alice.enterPassword();
    const page = await (await alice.get("/reauth/", { Accept: "text/html" })).text();
    assert.match(page, /name="code"/);
    assert.doesNotMatch(page, /type="password"/);
  });
});

describe("a session that adds a first factor", () => {
  test("has proved it, under a new token: a passkey", async () => {
    await using alice = await usePasskeys();
    const stolen = new Map(alice.browser.cookies);
    await register(alice.browser, alice.key);
    assert.deepEqual(JSON.parse(await (await alice.browser.get("/auth/")).text()).amr, ["pwd", "pop", "mfa"]);
    const thief = createClient(alice.test.app);
    for (const [name, value] of stolen) thief.cookies.set(name, value);
    assert.equal((await thief.get("/profile/")).status, 403);
    assert.equal((await alice.browser.post("/security/authenticator/", {}, OURS)).status, 201);
    assert.equal((await prove(alice.browser, REAUTH, alice.key)).status, 204);
  });

  test("has proved it, under a new token: an authenticator app", async () => {
    await using alice = await usePasskeys();
    const { token, secret } = await beginAuthenticator(alice.browser);
    const code = codeAt(secret, alice.test.clock.now);
    assert.equal((await confirmAuthenticator(alice.browser, { token, code })).status, 201);
    assert.deepEqual(JSON.parse(await (await alice.browser.get("/auth/")).text()).amr, ["pwd", "otp", "mfa"]);
  });
});
