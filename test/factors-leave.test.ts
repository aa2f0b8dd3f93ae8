import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findTotp } from "../db/factors.ts";
import type { Db } from "../db/open.ts";
import { OPERATOR } from "../lib/audit/actor.ts";
import { deleteUser } from "../lib/users/activation.ts";
import { createClient } from "./support/client.ts";
import { givePasskey } from "./support/enrolling.ts";
import { type FactorUser, giveFactors, PASSWORD, useFactors } from "./support/factors.ts";

const OURS = { "Sec-Fetch-Site": "same-origin" };

/** Logged in, with a login that waits, and a set-up and a challenge under way. */
async function useEverything(environment: Record<string, string> = {}): Promise<FactorUser> {
  const alice = await useFactors({ PUBLIC_URL: "http://postern.test", ...environment });
  await givePasskey(alice.test.services.db, alice.user);
  await createClient(alice.test.app).login("alice", PASSWORD);
  await alice.enterPassword();
  assert.equal((await alice.enterCode(alice.code())).status, 202);
  assert.equal((await alice.post("/security/authenticator/", {}, OURS)).status, 201);
  assert.equal((await alice.post("/security/passkeys/options/", {}, OURS)).status, 200);
  return alice;
}

async function countRows(db: Db, userId: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of ["totp_factors", "passkeys", "recovery_codes", "pending_logins", "one_time_tokens"] as const) {
    counts[table] = (await db.selectFrom(table).select("user_id").where("user_id", "=", userId).execute()).length;
  }
  return counts;
}

const NOTHING = { totp_factors: 0, passkeys: 0, recovery_codes: 0, pending_logins: 0, one_time_tokens: 0 };

describe("the export of an account", () => {
  test("has the second factors, and none of their secrets", async () => {
    await using alice = await useEverything();
    const { db } = alice.test.services;
    const text = await (await alice.get("/account/export/")).text();
    const exported = JSON.parse(text);
    const now = "2026-01-01T00:00:00.000Z";
    assert.deepEqual(exported.second_factors, {
      authenticator_app: { created_at: now, last_used_at: now },
      passkeys: [{ name: "Phone", created_at: "1970-01-01T00:00:00.001Z", last_used_at: null, is_backed_up: false }],
      recovery_codes: 10,
    });
    assert.deepEqual(exported.pending_logins, [{ created_at: now, expires_at: "2026-01-01T00:10:00.000Z" }]);
    assert.deepEqual(exported.sessions[0].amr, ["pwd", "otp", "mfa"]);
    assert.equal(exported.sessions[0].proved_at, now);
    const codes = await db.selectFrom("recovery_codes").select("id").execute();
    const tokens = await db.selectFrom("one_time_tokens").select(["id", "facts"]).execute();
    const secrets = [
      (await findTotp(db, alice.user.id))?.secret ?? "",
      ...alice.recoveryCodes,
      ...codes.map(({ id }) => id),
      ...tokens.flatMap(({ id, facts }) => [id, facts]),
    ];
    for (const secret of secrets) assert(secret !== "" && !text.includes(secret), secret);
  });

  test("has empty places if there are none", async () => {
    await using alice = await useFactors();
    await alice.test.addUser({ username: "bob", password: PASSWORD });
    const bob = createClient(alice.test.app);
    await bob.login("bob", PASSWORD);
    const exported = await (await bob.get("/account/export/")).json();
    assert.deepEqual(exported.second_factors, { authenticator_app: null, passkeys: [], recovery_codes: 0 });
    assert.deepEqual(exported.pending_logins, []);
  });
});

describe("the deletion of a user", () => {
  test("deletes every second factor, waiting login and set-up, and those of no other user", async () => {
    await using alice = await useEverything();
    const { services } = alice.test;
    const bob = await alice.test.addUser({ username: "bob", password: PASSWORD });
    await giveFactors(alice.test, bob);
    assert.deepEqual(await countRows(services.db, alice.user.id), {
      ...{ totp_factors: 1, passkeys: 1, recovery_codes: 10 },
      ...{ pending_logins: 1, one_time_tokens: 2 },
    });
    await deleteUser(services, OPERATOR, alice.user);
    assert.deepEqual(await countRows(services.db, alice.user.id), NOTHING);
    assert.deepEqual(await countRows(services.db, bob.id), { ...NOTHING, totp_factors: 1, recovery_codes: 10 });
  });

  test("by the user does so too", async () => {
    await using alice = await useEverything({ POSTERN_ACCOUNT_DELETION: "on" });
    const { db } = alice.test.services;
    assert.equal((await alice.post("/account/delete/", { password: PASSWORD }, OURS)).status, 204);
    assert.deepEqual(await countRows(db, alice.user.id), NOTHING);
  });
});
