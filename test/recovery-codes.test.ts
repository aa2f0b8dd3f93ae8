import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { bodyOf, FORM, OURS, sendForm, useNewcomer } from "./support/authenticators.ts";
import { createClient } from "./support/client.ts";
import { giveFactors, PASSWORD, useFactors } from "./support/factors.ts";

const SHAPE = /^([a-z2-7]{4}-){3}[a-z2-7]{4}$/;

/** A user with an app, logged in by a client. */
async function useMember() {
  const alice = await useNewcomer();
  const { recoveryCodes } = await alice.setUp();
  const make = () => alice.post("/security/recovery-codes/", {}, OURS);
  const codesOf = async (response: Response): Promise<string[]> => {
    assert.equal(response.status, 201);
    const { recovery_codes: codes } = await bodyOf(response);
    assert(Array.isArray(codes));
    return codes;
  };
  /** Logs in elsewhere. @returns the status of the second step */
  const logIn = async (code: string, client = createClient(alice.test.app)) => {
    await client.login("alice", PASSWORD);
    return (await client.post("/login/second-factor/", { code }, OURS)).status;
  };
  return { ...alice, recoveryCodes, make, codesOf, logIn };
}

describe("recovery codes", () => {
  test("log in once each, in any spelling", async () => {
    await using alice = await useMember();
    const [first = "", second = "", third = ""] = alice.recoveryCodes;
    assert.equal(await alice.logIn(first), 202);
    assert.equal(await alice.logIn(first), 400);
    assert.equal(await alice.logIn(second.toUpperCase()), 202);
    assert.equal(await alice.logIn(` ${third.replaceAll("-", " ")} `), 202);
    assert.equal((await alice.security())["recovery_codes"], 7);
  });

  test("log in one of several clients that use the same one at the same time", async () => {
    await using alice = await useMember();
    const [code = ""] = alice.recoveryCodes;
    const statuses = await Promise.all([1, 2, 3].map(() => alice.logIn(code)));
    assert.equal(statuses.filter((status) => status === 202).length, 1);
  });

  test("that are new make all others void, and are recorded", async () => {
    await using alice = await useMember();
    const codes = await alice.codesOf(await alice.make());
    assert.equal(new Set([...codes, ...alice.recoveryCodes]).size, 20);
    for (const code of codes) assert.match(code, SHAPE);
    assert.equal((await alice.events()).at(-1), "recovery_codes_made");
    assert.equal(await alice.logIn(alice.recoveryCodes[0] ?? ""), 400);
    assert.equal(await alice.logIn(codes[0] ?? ""), 202);
  });

  test("are ten at most, also if they are made at the same time", async () => {
    await using alice = await useMember();
    const made = await Promise.all([alice.make(), alice.make(), alice.make()]);
    const all = await Promise.all(made.map(alice.codesOf));
    assert.equal((await alice.security())["recovery_codes"], 10);
    const statuses = await Promise.all(all.map(([code = ""]) => alice.logIn(code)));
    assert.equal(statuses.filter((status) => status === 202).length, 1);
  });

  test("are another user's for nothing", async () => {
    await using alice = await useMember();
    const bob = await alice.test.addUser({ username: "bob", password: PASSWORD });
    await giveFactors(alice.test, bob);
    const client = createClient(alice.test.app);
    await client.login("bob", PASSWORD);
    const [code = ""] = alice.recoveryCodes;
    assert.equal((await client.post("/login/second-factor/", { code }, OURS)).status, 400);
    assert.equal(await alice.logIn(code), 202);
  });

  test("are stored as hashes, and never logged", async () => {
    await using alice = await useMember();
    await alice.logIn(alice.recoveryCodes[0] ?? "");
    const rows = await alice.test.services.db.selectFrom("recovery_codes").selectAll().execute();
    assert.equal(rows.length, 9);
    for (const { id } of rows) assert.match(id, /^[0-9a-f]{64}$/);
    const texts = JSON.stringify(rows) + alice.test.logged.join("\n");
    for (const code of alice.recoveryCodes) assert(!texts.includes(code) && !texts.includes(code.replaceAll("-", "")));
  });

  test("are for users with a second factor alone", async () => {
    await using alice = await useNewcomer();
    const answer = await alice.post("/security/recovery-codes/", {}, OURS);
    const { code, methods } = await bodyOf(answer);
    assert.deepEqual([answer.status, code, methods], [403, "second_factor_setup_required", ["totp"]]);
    const page = await sendForm(alice, "/security/recovery-codes/");
    assert.deepEqual([page.status, page.headers.get("location")], [303, "/security/"]);
    assert.equal((await alice.security())["recovery_codes"], 0);
  });

  test("are none after the last factor was removed while they were made", async () => {
    await using alice = await useMember();
    const remove = () => alice.send("DELETE", "/security/authenticator/", { headers: OURS });
    const [removed, made] = await Promise.all([remove(), alice.make()]);
    assert.equal(removed.status, 204);
    assert([201, 403].includes(made.status));
    assert.equal((await alice.security())["recovery_codes"], 0);
  });
});

describe("the page of recovery codes", () => {
  test("shows them once, to print and to copy, and no cache keeps it", async () => {
    await using alice = await useMember();
    const answer = await sendForm(alice, "/security/recovery-codes/");
    assert.deepEqual([answer.status, answer.headers.get("cache-control")], [200, "no-store"]);
    const codes = [...(await answer.text()).matchAll(/<code>([a-z2-7-]{19})<\/code>/g)].map(([, code = ""]) => code);
    assert.equal(codes.length, 10);
    assert.equal(await alice.logIn(codes[9] ?? ""), 202);
    const again = await alice.get("/security/recovery-codes/", FORM);
    assert.deepEqual([again.status, again.headers.get("location")], [303, "/security/"]);
  });
});

for (const [used, text, isFew] of [
  [0, "10 codes are left.", false],
  [6, "4 codes are left.", false],
  [7, "3 codes are left. Make new codes now.", true],
  [9, "1 code is left. Make new codes now.", true],
  [10, "No code is left. Make new codes now.", true],
] as const) {
  test(`the page "Security" after ${used} codes were used says: ${text}`, async () => {
    await using alice = await useFactors();
    const { db } = alice.test.services;
    await alice.enterPassword();
    await alice.enterCode(alice.code());
    const rows = await db.selectFrom("recovery_codes").select("id").limit(used).execute();
    for (const { id } of rows) await db.deleteFrom("recovery_codes").where("id", "=", id).execute();
    const page = await (await alice.get("/security/", FORM)).text();
    assert(page.includes(`<p${isFew ? ' class="errors"' : ""}>${text}</p>`), page);
  });
}
