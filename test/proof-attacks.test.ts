import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findUser } from "../db/users.ts";
import { OPERATOR } from "../lib/audit/actor.ts";
import { deactivate } from "../lib/users/activation.ts";
import { type Client, createClient } from "./support/client.ts";
import { codeAt, type FactorUser, giveFactors, PASSWORD, useFactors } from "./support/factors.ts";
import { createTestApp, MAIL, type TestApp } from "./support/test-app.ts";

const OURS = { "Sec-Fetch-Site": "same-origin" };
const FORM = { Accept: "text/html", "Content-Type": "application/x-www-form-urlencoded" };

interface Scene extends Client, AsyncDisposable {
  test: TestApp;
}

async function setScene(environment: Record<string, string> = {}): Promise<Scene> {
  const test = await createTestApp(environment);
  await test.addUser({ username: "alice", password: PASSWORD });
  const client = createClient(test.app);
  await client.login("alice", PASSWORD);
  return { ...client, test, [Symbol.asyncDispose]: test.close };
}

/** With an authenticator app, logged in. */
async function setSceneWithApp(): Promise<FactorUser> {
  const alice = await useFactors();
  await alice.enterPassword();
  assert.equal((await alice.enterCode(alice.code())).status, 202);
  alice.test.clock.advance(60);
  return alice;
}

/** Another client with the same cookies: a thief's, or another tab's. */
function copyOf({ cookies, test }: Client & { test: TestApp }, ...names: string[]): Client {
  const copy = createClient(test.app);
  for (const [name, value] of cookies) if (names.length === 0 || names.includes(name)) copy.cookies.set(name, value);
  return copy;
}

const prove = ({ post }: Client, proof: unknown) => post("/reauth/", proof, OURS);

const liveSessions = ({ test }: { test: TestApp }) =>
  test.services.db.selectFrom("sessions").select(["id", "proved_at"]).execute();

describe("a session that was stolen before a proof", () => {
  test("is dead after it", async () => {
    await using alice = await setScene();
    const thief = copyOf(alice);
    assert.equal((await thief.get("/profile/")).status, 200);
    assert.equal((await prove(alice, { password: PASSWORD })).status, 204);
    assert.equal((await thief.get("/profile/")).status, 403);
    assert.equal((await prove(thief, { password: PASSWORD })).status, 403);
    assert.equal((await alice.get("/profile/")).status, 200);
  });

  test("is not older than the session of its owner, whatever the thief sends", async () => {
    await using alice = await setScene();
    const end = async () => JSON.parse(await (await alice.get("/auth/")).text()).expires_at;
    const before = await end();
    alice.test.clock.advance(3600);
    await prove(alice, { password: PASSWORD });
    assert.equal(await end(), before);
  });
});

describe("proofs at the same time", () => {
  test("leave one live token, by the password", async () => {
    await using alice = await setScene();
    const tabs = Array.from({ length: 5 }, () => copyOf(alice));
    const answers = await Promise.all(tabs.map((tab) => prove(tab, { password: PASSWORD })));
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [204, 403, 403, 403, 403]);
    const profiles = await Promise.all([...tabs, alice].map(async ({ get }) => (await get("/profile/")).status));
    assert.deepEqual(profiles.toSorted(), [200, 403, 403, 403, 403, 403]);
    assert.equal((await liveSessions(alice)).length, 1);
  });

  test("leave one live token, also at two nodes, and the former one opens nothing at either", async () => {
    await using alice = await setScene();
    const { services, close } = alice.test;
    const node = await createTestApp({}, { db: services.db, close });
    const former = copyOf(alice);
    const tabs = [alice.test, node].map((test) => copyOf({ ...alice, test }));
    const answers = await Promise.all(tabs.map((tab) => prove(tab, { password: PASSWORD })));
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [204, 403]);
    const [winner] = tabs.filter((_, index) => answers[index]?.status === 204);
    assert(winner);
    for (const test of [alice.test, node]) {
      assert.equal((await copyOf({ ...former, test }).get("/profile/")).status, 403);
      assert.equal((await copyOf({ ...winner, test }).get("/profile/")).status, 200);
    }
  });

  test("leave one live token, by one code, also in two sessions", async () => {
    await using alice = await setSceneWithApp();
    const other = createClient(alice.test.app);
    await other.login("alice", PASSWORD);
    await other.post("/login/second-factor/", { code: alice.code() }, OURS);
    alice.test.clock.advance(30);
    const code = alice.code();
    const tabs = [alice, other].flatMap((one) => [1, 2, 3].map(() => copyOf({ ...one, test: alice.test })));
    const answers = await Promise.all(tabs.map((tab) => prove(tab, { code })));
    assert.equal(answers.filter(({ status }) => status === 204).length, 1);
    assert(answers.every(({ status }) => [204, 400, 403].includes(status)));
    const sessions = await liveSessions(alice);
    assert.equal(sessions.filter(({ proved_at }) => proved_at === alice.test.clock.now).length, 1);
    assert.equal(sessions.length, 2);
  });

  test("and the logout leave no session", async () => {
    await using alice = await setScene();
    const tab = copyOf(alice);
    const [proof] = await Promise.all([prove(alice, { password: PASSWORD }), tab.post("/logout/", {}, OURS)]);
    const sessions = await liveSessions(alice);
    assert.equal(sessions.length, proof.status === 204 ? 1 : 0);
  });
});

describe("a guess in the name of a stolen session", () => {
  test("at the password is throttled", async () => {
    await using alice = await setScene();
    const thief = copyOf(alice, "sessionid", "csrftoken");
    for (let count = 0; count < 10; count++) assert.equal((await prove(thief, { password: "wrong" })).status, 400);
    const denied = await prove(thief, { password: PASSWORD });
    assert.equal(denied.status, 429);
    assert.equal(denied.headers.get("retry-after"), "30");
    assert.equal((await prove(alice, { password: PASSWORD })).status, 204, "the owner's browser is counted by itself");
  });

  test("at a code is throttled, and recorded", async () => {
    await using alice = await setSceneWithApp();
    const thief = copyOf(alice, "sessionid", "csrftoken");
    for (let count = 0; count < 10; count++) assert.equal((await prove(thief, { code: "000000" })).status, 400);
    assert.equal((await prove(thief, { code: alice.code() })).status, 429);
    const { db } = alice.test.services;
    const events = await db.selectFrom("events").select("kind").execute();
    const kinds = events.map(({ kind }) => kind);
    assert.equal(kinds.filter((kind) => kind === "second_factor_failed").length, 9);
    assert.equal(kinds.filter((kind) => kind === "second_factor_throttled").length, 1);
    assert.equal((await prove(alice, { code: alice.code() })).status, 204);
  });

  test("at the password does not get further guesses by a code", async () => {
    await using alice = await setSceneWithApp();
    const thief = copyOf(alice, "sessionid", "csrftoken");
    for (let round = 0; round < 2; round++) {
      for (let count = 0; count < 5; count++) assert.equal((await prove(thief, { password: "wrong" })).status, 400);
      assert.equal((await prove(thief, { code: alice.code() })).status, 204);
      alice.test.clock.advance(1);
      if (round === 0) alice.test.clock.advance(29);
    }
    assert.equal((await prove(thief, { password: PASSWORD })).status, 429);
  });

  test("at a code does not get further guesses by the password, nor by a new browser", async () => {
    await using alice = await setSceneWithApp();
    const thief = copyOf(alice, "sessionid", "csrftoken");
    for (let count = 0; count < 10; count++) {
      assert.equal((await prove(thief, { code: "000000" })).status, 400);
      assert.equal((await prove(thief, { password: PASSWORD })).status, 204);
    }
    assert.equal(thief.cookies.has("devicecookie"), false);
    assert.equal((await prove(thief, { code: "000000" })).status, 429);
    const next = { current_password: PASSWORD, new_password: "violet orchestra 9" };
    assert.equal((await thief.post("/password/change/", next, OURS)).status, 204);
    assert.equal(thief.cookies.has("devicecookie"), false);
    assert.equal((await prove(thief, { code: "000000" })).status, 429);
  });

  test("learns nothing about the user's factors from the words about a wrong code", async () => {
    await using alice = await setSceneWithApp();
    await alice.test.addUser({ username: "bob", password: PASSWORD });
    const bob = createClient(alice.test.app);
    await bob.login("bob", PASSWORD);
    const answers = [await prove(alice, { code: "000000" }), await prove(bob, { code: "000000" })];
    const [withApp, without] = await Promise.all(answers.map((answer) => answer.text()));
    assert.equal(withApp, without);
  });
});

describe("a proof", () => {
  test("makes the browser of a user without a second factor known, as a login does", async () => {
    await using alice = await setScene();
    const tab = copyOf(alice, "sessionid", "csrftoken");
    assert.equal((await prove(tab, { password: PASSWORD })).status, 204);
    assert.equal(tab.cookies.has("devicecookie"), true);
  });

  test("by another user's password or code proves nothing", async () => {
    await using alice = await setSceneWithApp();
    const { test } = alice;
    const bob = await test.addUser({ username: "bob", password: "violet orchestra 9" });
    const { secret } = await giveFactors(test, bob);
    assert.equal((await prove(alice, { password: "violet orchestra 9", username: "bob" })).status, 400);
    assert.equal((await prove(alice, { code: codeAt(secret, test.clock.now) })).status, 400);
  });

  test("is not possible for a user who was deactivated", async () => {
    await using alice = await setScene();
    const { services } = alice.test;
    const user = await findUser(services.db, "alice");
    assert(user);
    await deactivate(services, OPERATOR, user);
    assert.equal((await prove(alice, { password: PASSWORD })).status, 403);
  });

  test("is not possible with a password that was changed while it was checked", async () => {
    await using alice = await setScene();
    const { services } = alice.test;
    const { check } = services.hasher;
    services.hasher.check = async (...given) => {
      const result = await check(...given);
      const { password } = await services.db.selectFrom("users").select("password").executeTakeFirstOrThrow();
      await services.db
        .updateTable("users")
        .set({ password: `${password}x` })
        .execute();
      return result;
    };
    assert.equal((await prove(alice, { password: PASSWORD })).status, 400);
  });

  test("cannot be sent by a page of another site, nor without the csrftoken by an old browser", async () => {
    await using alice = await setScene();
    const body = String(new URLSearchParams({ password: PASSWORD }));
    const token = alice.cookies.get("sessionid");
    const post = (headers: Record<string, string>) => alice.send("POST", "/reauth/", { headers, body });
    for (const headers of [
      { ...FORM, "Sec-Fetch-Site": "cross-site" },
      { ...FORM, "Sec-Fetch-Site": "same-site" },
      { ...FORM, Origin: "https://evil.example" },
      FORM,
    ]) {
      assert.equal((await post(headers)).status, 403, JSON.stringify(headers));
    }
    assert.equal(alice.cookies.get("sessionid"), token);
    const csrfmiddlewaretoken = alice.cookies.get("csrftoken") ?? "";
    const withToken = String(new URLSearchParams({ password: PASSWORD, csrfmiddlewaretoken }));
    assert.equal((await alice.send("POST", "/reauth/", { headers: FORM, body: withToken })).status, 303);
  });

  test("by odd input is an error of the form, and never unexpected", async () => {
    await using alice = await setSceneWithApp();
    for (const proof of [
      { password: "x".repeat(10_000) },
      { password: "a\u0000b" },
      { password: "\ud800" },
      { password: ["x"] },
      { password: { x: 1 } },
      { password: true },
      { code: "1".repeat(10_000) },
      { code: "\ud800" },
      { code: "١٢٣٤٥٦" },
      { code: 123456 },
      { code: "'; --" },
      { code: "", password: PASSWORD },
      { code: null, password: PASSWORD },
      "text",
      17,
      null,
    ]) {
      assert.equal((await prove(alice, proof)).status, 400, JSON.stringify(proof)?.slice(0, 60));
    }
    assert(!alice.test.logged.some((line) => line.includes("unexpected_error")));
  });

  test("by a code of several writings is one code", async () => {
    await using alice = await setSceneWithApp();
    const code = alice.code();
    assert.equal((await prove(alice, { code: ` ${code.slice(0, 3)} ${code.slice(3)} ` })).status, 204);
    assert.equal((await prove(alice, { code: `${code.slice(0, 3)}-${code.slice(3)}` })).status, 400);
  });

  test("writes neither the password nor the code into the log", async () => {
    await using alice = await setScene(MAIL);
    await prove(alice, { password: "a wrong secret" });
    await prove(alice, { code: "918273" });
    await prove(alice, { password: PASSWORD });
    assert.doesNotMatch(alice.test.logged.join("\n"), /wrong secret|918273|right horse/);
  });
});
