import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createClient } from "./support/client.ts";
import { PASSWORD, useFactors } from "./support/factors.ts";
import { MAIL } from "./support/test-app.ts";

const OURS = { "Sec-Fetch-Site": "same-origin" };

describe("a login that waits for its second factor", () => {
  test("of a known browser is ended by none of a thief who knows the password", async () => {
    await using alice = await useFactors();
    await alice.enterPassword();
    assert.equal((await alice.enterCode(alice.code())).status, 202);
    await alice.post("/logout/", {}, OURS);
    alice.test.clock.advance(30);
    await alice.enterPassword();
    const thief = createClient(alice.test.app, "postern.test", "198.51.100.7");
    for (let times = 0; times < 15; times++) assert.equal((await thief.login("alice", PASSWORD)).status, 403);
    assert.equal((await alice.enterCode(alice.code())).status, 202);
  });

  test("is one of ten at most by strangers, and of ten by each known browser", async () => {
    await using alice = await useFactors();
    const count = async () => (await alice.test.services.db.selectFrom("pending_logins").select("id").execute()).length;
    for (let times = 0; times < 12; times++) await alice.enterPassword();
    assert.equal(await count(), 10);
    assert.equal((await alice.enterCode(alice.code())).status, 202);
    for (let times = 0; times < 12; times++) await alice.enterPassword();
    assert.equal(await count(), 19);
  });

  test("is found behind other cookies of its name, which a sibling host can plant", async () => {
    await using alice = await useFactors();
    await alice.enterPassword();
    const token = alice.cookies.get("pendinglogin");
    const planted = [...Array(20).keys()].map((index) => `pendinglogin=${index}`);
    const Cookie = [...planted, `pendinglogin=${token}`].join("; ");
    const answer = await alice.send("POST", "/login/second-factor/", {
      headers: { ...OURS, Cookie },
      json: { code: alice.code() },
    });
    assert.equal(answer.status, 202);
  });
});

describe("the owner of an account", () => {
  test("gets a mail about new recovery codes, and removes them by its link", async () => {
    await using alice = await useFactors(MAIL);
    const { db } = alice.test.services;
    await db.updateTable("users").set({ email: "alice@example.com", email_proved_at: 1 }).execute();
    await alice.enterPassword();
    await alice.enterCode(alice.code());
    await alice.test.deliver();
    alice.test.clock.advance(120);
    assert.equal((await alice.post("/security/recovery-codes/", {}, OURS)).status, 201);
    const [mail] = await alice.test.deliver();
    assert.equal(mail?.subject, "New recovery codes for Postern were made");
    const [, token] = /\?token=([a-z2-7]{32})/.exec(mail?.text ?? "") ?? [];
    assert.equal((await alice.post("/not-me/", { token }, OURS)).status, 200);
    assert.deepEqual(await db.selectFrom("recovery_codes").select("id").execute(), []);
  });

  test("ends the trust in remembered browsers with the other sessions", async () => {
    await using alice = await useFactors();
    await alice.remember();
    const other = createClient(alice.test.app);
    await other.login("alice", PASSWORD);
    alice.test.clock.advance(30);
    await other.post("/login/second-factor/", { code: alice.code() }, OURS);
    assert.equal((await other.send("DELETE", "/sessions/", { headers: OURS })).status, 204);
    assert.equal((await alice.enterPassword()).status, 403);
  });
});
