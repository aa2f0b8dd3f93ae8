import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { deleteTotp, refreshSecondFactor } from "../db/factors.ts";
import { transaction } from "../db/open.ts";
import { type Client, createClient } from "./support/client.ts";
import { type FactorUser, PASSWORD, useFactors } from "./support/factors.ts";

const NIST = { POSTERN_PASSWORD_RULES: "nist" };
const EIGHT = "k7#qz!pv";
const TOO_SHORT = "This password is too short. It must contain at least 15 characters.";
const OURS = { "Sec-Fetch-Site": "same-origin" };
const BROWSER = { Accept: "text/html" };

async function logIn(alice: FactorUser): Promise<void> {
  await alice.enterPassword();
  assert.equal((await alice.enterCode(alice.code())).status, 202);
}

const change = (client: Client, current: string, next: string) =>
  client.post("/password/change/", { current_password: current, new_password: next }, OURS);

const removeFactor = ({ test, user }: FactorUser) =>
  transaction(test.services.db, async (db) => {
    await deleteTotp(db, user.id);
    await refreshSecondFactor(db, user.id);
  });

describe("with the rules nist, a user with a second factor", () => {
  test("may have a password of 8 characters, and the page says so", async () => {
    await using alice = await useFactors(NIST);
    await logIn(alice);
    const page = await (await alice.get("/password/change/", BROWSER)).text();
    assert.match(page, /At least 8 characters/);
    assert.equal((await change(alice, PASSWORD, "k7#qz!p")).status, 400);
    assert.equal((await change(alice, PASSWORD, EIGHT)).status, 204);
  });

  test("keeps a short password after the second factor is removed; the next one needs 15 characters", async () => {
    await using alice = await useFactors(NIST);
    await logIn(alice);
    assert.equal((await change(alice, PASSWORD, EIGHT)).status, 204);
    await removeFactor(alice);
    const client = createClient(alice.test.app);
    assert.equal((await client.login("alice", EIGHT)).status, 202);
    assert.match(await (await client.get("/password/change/", BROWSER)).text(), /At least 15 characters/);
    const denied = await change(client, EIGHT, "k7#qz!pw");
    assert.deepEqual([denied.status, await denied.json()], [400, { new_password: [TOO_SHORT] }]);
  });
});

test("with the rules nist, a user without a second factor needs 15 characters", async () => {
  await using alice = await useFactors(NIST);
  await alice.test.addUser({ username: "bob", password: PASSWORD });
  const bob = createClient(alice.test.app);
  await bob.login("bob", PASSWORD);
  assert.match(await (await bob.get("/password/change/", BROWSER)).text(), /At least 15 characters/);
  const denied = await change(bob, PASSWORD, EIGHT);
  assert.deepEqual([denied.status, await denied.json()], [400, { new_password: [TOO_SHORT] }]);
});
