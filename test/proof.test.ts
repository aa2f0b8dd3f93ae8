import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Client, createClient } from "./support/client.ts";
import { codeAt, type FactorUser, giveFactors, PASSWORD, useFactors } from "./support/factors.ts";
import { createTestApp, type TestApp } from "./support/test-app.ts";

const OURS = { "Sec-Fetch-Site": "same-origin" };
const BROWSER = { ...OURS, Accept: "text/html", "Content-Type": "application/x-www-form-urlencoded" };

interface Visitor extends Client, AsyncDisposable {
  test: TestApp;
}

/** A user without a second factor, logged in. */
async function useAlice(environment: Record<string, string> = {}): Promise<Visitor> {
  const test = await createTestApp(environment);
  await test.addUser({ username: "alice", password: PASSWORD });
  const client = createClient(test.app);
  assert.equal((await client.login("alice", PASSWORD)).status, 202);
  return { ...client, test, [Symbol.asyncDispose]: test.close };
}

async function useAliceWithApp(): Promise<FactorUser> {
  const alice = await useFactors();
  await alice.enterPassword();
  assert.equal((await alice.enterCode(alice.code())).status, 202);
  alice.test.clock.advance(30);
  return alice;
}

const prove = ({ post }: Client, proof: unknown) => post("/reauth/", proof, OURS);

const sendForm = ({ send }: Client, fields: Record<string, string>) =>
  send("POST", "/reauth/", { headers: BROWSER, body: String(new URLSearchParams(fields)) });

const textOf = async ({ get }: Client, target: string, language = "en") =>
  (await get(target, { Accept: "text/html", "Accept-Language": language })).text();

async function whoAsks({ get }: Client): Promise<{ proved_at: string; logged_in_at: string; amr: string[] }> {
  return JSON.parse(await (await get("/auth/")).text());
}

describe("a proof that the user is present", () => {
  test("by the password: 204, a new token, and a session that goes on", async () => {
    await using alice = await useAlice();
    const before = new Map(alice.cookies);
    const { logged_in_at } = await whoAsks(alice);
    alice.test.clock.advance(3600);
    const answer = await prove(alice, { password: PASSWORD });
    assert.deepEqual([answer.status, await answer.text()], [204, ""]);
    for (const name of ["sessionid", "csrftoken"]) assert.notEqual(alice.cookies.get(name), before.get(name), name);
    const now = await whoAsks(alice);
    assert.equal(now.proved_at, new Date(alice.test.clock.now).toISOString());
    assert.equal(now.logged_in_at, logged_in_at);
    assert.deepEqual(now.amr, ["pwd"]);
    const rows = await alice.test.services.db.selectFrom("sessions").select("id").execute();
    assert.equal(rows.length, 1);
  });

  test("by a code of the authenticator app, which the session remembers", async () => {
    await using alice = await useAliceWithApp();
    assert.equal((await prove(alice, { code: alice.code() })).status, 204);
    assert.deepEqual((await whoAsks(alice)).amr, ["pwd", "otp", "mfa"]);
  });

  test("adds a second factor to a session that has none", async () => {
    await using alice = await useAlice();
    const { services, clock } = alice.test;
    const user = await alice.test.addUser({ username: "bob", password: PASSWORD });
    const bob = createClient(alice.test.app);
    await bob.login("bob", PASSWORD);
    const { secret } = await giveFactors(alice.test, user);
    assert.deepEqual((await whoAsks(bob)).amr, ["pwd"]);
    assert.equal((await prove(bob, { code: codeAt(secret, services.now()) })).status, 204);
    assert.deepEqual((await whoAsks(bob)).amr, ["pwd", "otp", "mfa"]);
    clock.advance(60);
    assert.equal((await prove(bob, { password: PASSWORD })).status, 204);
    assert.deepEqual((await whoAsks(bob)).amr, ["pwd", "otp", "mfa"]);
  });

  test("is not a recovery code", async () => {
    await using alice = await useAliceWithApp();
    const [code = ""] = alice.recoveryCodes;
    const answer = await prove(alice, { code });
    assert.equal(answer.status, 400);
    assert.deepEqual(await answer.json(), { code: ["This is not a valid code of the authenticator app."] });
    const { db } = alice.test.services;
    assert.equal((await db.selectFrom("recovery_codes").select("id").execute()).length, alice.recoveryCodes.length);
  });

  test("is neither a wrong password, a wrong code, nothing, nor a code that was used", async () => {
    await using alice = await useAliceWithApp();
    const code = alice.code();
    assert.equal((await prove(alice, { code })).status, 204);
    const app = { code: ["This is not a valid code of the authenticator app."] };
    const password = { password: ["Your old password was entered incorrectly. Please enter it again."] };
    for (const [sent, body] of [
      [{ code }, app],
      [{ code: "000000" }, app],
      [{ password: "wrong" }, password],
      [{}, { password: ["This field is required."] }],
      [{ password: "" }, { password: ["This field may not be blank."] }],
      [{ code: null }, { code: ["This field may not be null."] }],
      [[], { non_field_errors: ["Invalid data. Expected a dictionary, but got list."] }],
    ] as const) {
      const token = alice.cookies.get("sessionid");
      const answer = await prove(alice, sent);
      assert.deepEqual([answer.status, await answer.json()], [400, body]);
      assert.equal(alice.cookies.get("sessionid"), token);
    }
  });

  test("needs a session", async () => {
    await using alice = await useAlice();
    const stranger = createClient(alice.test.app);
    assert.equal((await prove(stranger, { password: PASSWORD })).status, 403);
    const page = await stranger.get("/reauth/", { Accept: "text/html" });
    assert.deepEqual([page.status, page.headers.get("location")], [303, "/login/?next=%2Freauth%2F"]);
  });

  test("is recorded, with what was proved", async () => {
    await using alice = await useAliceWithApp();
    await prove(alice, { code: alice.code() });
    await prove(alice, { password: PASSWORD });
    const { db } = alice.test.services;
    const events = await db.selectFrom("events").select("detail").where("kind", "=", "proved").orderBy("id").execute();
    assert.deepEqual(
      events.map(({ detail }) => detail),
      ["otp mfa", "pwd"],
    );
  });
});

describe("the page that asks for a proof", () => {
  test("has a form for the password, and one for a code if the user has an authenticator app", async () => {
    await using alice = await useAlice();
    const plain = await textOf(alice, "/reauth/");
    assert.match(plain, /<h1>Confirm that it is you<\/h1>/);
    assert.match(plain, /name="password"/);
    assert.doesNotMatch(plain, /name="code"/);
    await using bob = await useAliceWithApp();
    const both = await textOf(bob, "/reauth/");
    assert.match(both, /name="password"[\s\S]*Or with your authenticator app[\s\S]*name="code"/);
    const italian = await textOf(bob, "/reauth/", "it");
    assert.match(italian, /<h1>Conferma che sei tu<\/h1>[\s\S]*Oppure con la tua app di autenticazione/);
  });

  test("asks for the second factor alone if the address says so", async () => {
    await using alice = await useAliceWithApp();
    const page = await textOf(alice, "/reauth/?factors=2&next=/sessions/");
    assert.doesNotMatch(page, /name="password"/);
    assert.match(page, /name="code"/);
    const denied = await sendForm(alice, { code: "000000", factors: "2", next: "/sessions/" });
    const again = await denied.text();
    assert.equal(denied.status, 400);
    assert.doesNotMatch(again, /name="password"/);
    assert.match(again, /name="factors" value="2"/);
    const done = await sendForm(alice, { code: alice.code(), factors: "2", next: "/sessions/" });
    assert.deepEqual([done.status, done.headers.get("location")], [303, "/sessions/"]);
  });

  test("leads a user without a second factor to its set-up if the address asks for one", async () => {
    await using alice = await useAlice();
    const page = await alice.get("/reauth/?factors=2", { Accept: "text/html" });
    assert.deepEqual([page.status, page.headers.get("location")], [303, "/security/"]);
  });

  test("has no form for a password if the user has none", async () => {
    await using alice = await useAliceWithApp();
    await alice.test.services.db.updateTable("users").set({ password: "!unusable" }).execute();
    const page = await textOf(alice, "/reauth/");
    assert.doesNotMatch(page, /name="password"/);
    assert.match(page, /name="code"/);
  });

  test("shows an error at the form that was sent, without its value", async () => {
    await using alice = await useAliceWithApp();
    const wrongCode = await (await sendForm(alice, { code: "123456" })).text();
    assert.match(wrongCode, /id="code-errors"/);
    assert.doesNotMatch(wrongCode, /id="password-errors"|123456/);
    const wrongPassword = await (await sendForm(alice, { password: "wr0ng" })).text();
    assert.match(wrongPassword, /id="password-errors"/);
    assert.doesNotMatch(wrongPassword, /id="code-errors"|wr0ng/);
  });

  test("leads back to the page that needed the proof", async () => {
    await using alice = await useAlice();
    const to = async (fields: Record<string, string>) =>
      (await sendForm(alice, { password: PASSWORD, ...fields })).headers.get("location");
    assert.equal(await to({}), "/profile/");
    assert.equal(await to({ next: "/sessions/" }), "/sessions/");
    assert.equal(await to({ next: "/sessions/", repeat: "on" }), "/sessions/?done=proved");
    assert.equal(await to({ repeat: "on" }), "/profile/?done=proved");
    assert.equal(await to({ next: "/app/page?x=1", repeat: "on" }), "/app/page?x=1");
    assert.match(await textOf(alice, "/sessions/?done=proved"), /You have confirmed that it is you/);
  });

  test("says that a denied form has to be sent again", async () => {
    await using alice = await useAlice();
    assert.match(await textOf(alice, "/reauth/?next=/profile/&repeat=on"), /Nothing has happened yet/);
    assert.doesNotMatch(await textOf(alice, "/reauth/?next=/profile/"), /Nothing has happened yet/);
  });

  test("leads to no foreign host, and to no address that is no page", async () => {
    await using alice = await useAlice({ POSTERN_TRUSTED_ORIGINS: "https://app.example.com" });
    const to = async (next: string) => {
      const body = String(new URLSearchParams({ password: PASSWORD, next, repeat: "on" }));
      const answer = await alice.send("POST", "/reauth/", { headers: BROWSER, body });
      assert.equal(answer.status, 303, next);
      return answer.headers.get("location");
    };
    for (const next of [
      "https://evil.example/",
      "//evil.example/",
      "/\\evil.example/",
      "\\\\evil.example",
      "javascript:alert(1)",
      "https://app.example.com.evil.example/",
      "https://app.example.com@evil.example/",
      "http://app.example.com/",
      "/account/export/",
      "/logout/",
      "/auth/",
      "/\t/evil.example",
      "\u0000",
      "",
    ]) {
      assert.equal(await to(next), "/profile/?done=proved", JSON.stringify(next));
    }
    assert.equal(await to("https://app.example.com/x"), "https://app.example.com/x");
  });

  test("shows `next` in the page only if it may lead there", async () => {
    await using alice = await useAlice();
    const page = async (next: string) =>
      (await alice.get(`/reauth/?${new URLSearchParams({ next })}`, { Accept: "text/html" })).text();
    assert.doesNotMatch(await page("https://evil.example/"), /evil/);
    assert.doesNotMatch(await page('/"><script>alert(1)</script>'), /<script>alert/);
    assert.match(await page("/sessions/"), /name="next" value="\/sessions\/"/);
  });
});
