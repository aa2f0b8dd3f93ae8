import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { transaction } from "../db/open.ts";
import { OPERATOR, SYSTEM } from "../lib/audit/actor.ts";
import { enqueue } from "../lib/mail/enqueue.ts";
import { resetFactors } from "../lib/users/reset-factors.ts";
import { createClient } from "./support/client.ts";
import { ALL, moveTo, restart, statusOf } from "./support/enrolling.ts";
import { giveFactors, PASSWORD, useFactors } from "./support/factors.ts";
import { MAIL, tokenIn } from "./support/test-app.ts";

const OURS = { "Sec-Fetch-Site": "same-origin" };

describe("an operator who resets the second factors of a user", () => {
  test("ends the trust in browsers: after a new set-up, each is asked again", async () => {
    await using alice = await useFactors();
    const { test, user } = alice;
    await alice.remember();
    assert.equal((await alice.enterPassword()).status, 202, "the browser is trusted");
    await resetFactors(test.services, OPERATOR, user);
    assert.equal((await alice.enterPassword()).status, 202, "there is no second factor");
    await giveFactors(test, user);
    assert.equal((await alice.enterPassword()).status, 403);
  });

  test("ends every session, every waiting login, and the set-up that a session began", async () => {
    await using alice = await useFactors();
    const { test, user } = alice;
    const waiting = createClient(test.app);
    await waiting.login("alice", PASSWORD);
    await alice.enterPassword();
    await alice.enterCode(alice.code());
    await alice.post("/security/authenticator/", {}, OURS);
    assert.equal(await statusOf(alice), 200);
    await resetFactors(test.services, OPERATOR, user);
    assert.equal(await statusOf(alice), 403);
    const [code = ""] = alice.recoveryCodes;
    assert.equal((await waiting.post("/login/second-factor/", { code }, OURS)).status, 403);
    assert.deepEqual(await test.services.db.selectFrom("one_time_tokens").select("id").execute(), []);
  });

  test("ends the wait after wrong codes", async () => {
    await using alice = await useFactors();
    const { test, user } = alice;
    const guess = async () => {
      const thief = createClient(test.app);
      await thief.login("alice", PASSWORD);
      return (await thief.post("/login/second-factor/", { code: "000000" }, OURS)).status;
    };
    let status = 0;
    for (let tries = 0; status !== 429 && tries < 20; tries++) status = await guess();
    assert.equal(status, 429);
    await resetFactors(test.services, OPERATOR, user);
    await giveFactors(test, user);
    assert.equal(await guess(), 400);
  });

  test("makes links void that a thief may have asked for, and tells the user by mail", async () => {
    await using alice = await useFactors(MAIL);
    const { test, user } = alice;
    const { db } = test.services;
    await db.updateTable("users").set({ email: "alice@example.com", email_proved_at: 1 }).execute();
    const known = { ...user, email: "alice@example.com" };
    await transaction(db, (db) =>
      enqueue(db, test.services, SYSTEM, { purpose: "password_reset", user: known, language: "en" }),
    );
    const [link] = await test.deliver();
    assert(link);
    await resetFactors(test.services, OPERATOR, known);
    const token = tokenIn(link);
    const used = await createClient(test.app).post("/password/reset/confirm/", { token, new_password: "x" }, OURS);
    assert.deepEqual([used.status, Object.keys(await used.json())], [400, ["token"]]);
    const mails = await test.deliver();
    assert.deepEqual(
      mails.map(({ subject }) => subject),
      ["A way to log in to Postern was removed"],
    );
  });

  test("makes the user set up a second factor at the next login, if the settings demand one", async () => {
    await using alice = await useFactors();
    const demanding = await restart(alice.test, ALL);
    await resetFactors(demanding.services, OPERATOR, alice.user);
    const client = moveTo(createClient(alice.test.app), demanding);
    assert.equal((await client.login("alice", PASSWORD)).status, 202);
    assert.equal(await statusOf(client), 403);
    assert.equal(await statusOf(client, "/security/"), 200);
  });

  test("and the user, who sets one up at the same time: one of them comes first, and the flag tells the truth", async () => {
    await using alice = await useFactors();
    const { test, user } = alice;
    const { db } = test.services;
    await Promise.all([resetFactors(test.services, OPERATOR, user), giveFactors(test, user)]);
    const factors = await db.selectFrom("totp_factors").select("user_id").execute();
    const row = await db.selectFrom("users").select("has_second_factor").executeTakeFirstOrThrow();
    assert.equal(row.has_second_factor, factors.length);
  });

  test("does nothing to a user who was deleted", async () => {
    await using alice = await useFactors();
    const { services } = alice.test;
    await services.db.deleteFrom("users").execute();
    assert.equal(await resetFactors(services, OPERATOR, alice.user), false);
  });
});
