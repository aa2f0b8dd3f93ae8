import assert from "node:assert/strict";
import { test } from "node:test";
import { listLiveSessions } from "../db/sessions.ts";
import type { SessionActor } from "../lib/audit/actor.ts";
import { createChallenge } from "../lib/users/passkey-challenge.ts";
import { beginTotp, cancelTotpSetup } from "../lib/users/totp-factor.ts";
import { OURS, usePasskeys } from "./support/passkeys.ts";

test("a session that ends during its request neither makes a challenge nor begins or cancels a set-up", async () => {
  await using alice = await usePasskeys();
  const { services } = alice.test;
  const { db, now } = services;
  const page = { after: null, exceptId: null, limit: 1 };
  const [session] = await listLiveSessions(db, alice.user.id, { now: now(), idleMs: 60_000 }, page);
  assert(session);
  const origin = { address: "", browser: "", system: "", requestId: "" };
  const by: SessionActor = { kind: "session", user: alice.user, session, origin };
  assert.equal((await alice.browser.post("/security/authenticator/", {}, OURS)).status, 201);
  const before = await db.selectFrom("one_time_tokens").select("id").execute();
  assert.equal((await alice.browser.post("/logout/", {}, OURS)).status, 204);
  const owner = { subject: session.id, userId: alice.user.id };
  const ended = { code: "not_authenticated" };
  await assert.rejects(createChallenge(services, by, "passkey_setup", owner), ended);
  await assert.rejects(createChallenge(services, by, "passkey_proof", owner), ended);
  await assert.rejects(beginTotp(services, by, alice.user), ended);
  await assert.rejects(cancelTotpSetup(services, by, alice.user), ended);
  const after = await db.selectFrom("one_time_tokens").select("id").execute();
  assert.deepEqual(
    after.map(({ id }) => id),
    before.map(({ id }) => id),
  );
});
