import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Message } from "../lib/mail/transport.ts";
import { type Authenticator, createAuthenticator } from "./support/authenticator.ts";
import { beginAuthenticator, confirmAuthenticator } from "./support/authenticators.ts";
import { type Client, createClient } from "./support/client.ts";
import { codeAt, giveFactors, PASSWORD } from "./support/factors.ts";
import { prove, register } from "./support/passkeys.ts";
import { createTestApp, MAIL, type TestApp, tokenIn } from "./support/test-app.ts";

const OURS = { "Sec-Fetch-Site": "same-origin" };
const PAGE = { "Sec-Fetch-Mode": "navigate", Accept: "text/html" };
const FORM = { ...OURS, ...PAGE, "Content-Type": "application/x-www-form-urlencoded" };
const EXPIRED = "The login has expired. Log in again.";
const NEW_PASSWORD = "cyan giraffe umbrella";

async function setUp() {
  const test = await createTestApp(MAIL);
  const input = { username: "alice", email: "alice@example.com", emailProvedAt: 1, password: PASSWORD };
  return { ...test, user: await test.addUser(input) };
}

type Stage = Awaited<ReturnType<typeof setUp>>;

const atThiefs = ({ app }: TestApp) => createClient(app, "postern.test", "203.0.113.66");

/** A thief who knows the password logs in, and adds an authenticator app of the thief's own. */
async function addThiefsApp(stage: Stage): Promise<{ thief: Client; secret: Uint8Array }> {
  const thief = atThiefs(stage);
  assert.equal((await thief.login("alice", PASSWORD)).status, 202);
  stage.clock.advance(120);
  const { token, secret } = await beginAuthenticator(thief);
  const sent = { token, code: codeAt(secret, stage.clock.now) };
  assert.equal((await confirmAuthenticator(thief, sent)).status, 201);
  return { thief, secret };
}

/** The owner adds a passkey of a new authenticator. */
async function givePasskey(stage: Stage, client = createClient(stage.app)): Promise<Authenticator> {
  if (client.cookies.size === 0) await client.login("alice", PASSWORD);
  const key = createAuthenticator();
  await register(client, key);
  return key;
}

/** A login with a passkey and without a password. @returns the status */
const loginBy = async ({ app }: Stage, key: Authenticator) =>
  (await prove(createClient(app), "/login/passkey/", key)).status;

async function factorsOf({ services: { db } }: Stage) {
  const totp = await db.selectFrom("totp_factors").select("user_id").execute();
  const passkeys = await db.selectFrom("passkeys").select("id").orderBy("id").execute();
  const codes = await db.selectFrom("recovery_codes").select("id").execute();
  const { has_second_factor: has } = await db.selectFrom("users").select("has_second_factor").executeTakeFirstOrThrow();
  return { apps: totp.length, passkeys: passkeys.map(({ id }) => id), codes: codes.length, has };
}

const noticeOf = (mails: Message[], subject: RegExp) => {
  const mail = mails.find((mail) => subject.test(mail.subject));
  assert(mail, String(subject));
  return tokenIn(mail);
};

const LOGIN = /^New login to your account/;
const ADDED = /^A new way to log in/;

const report = ({ app }: Stage, token: string) => createClient(app).post("/not-me/", { token }, OURS);

/** A login by the thief, at the point where the password was right. */
async function pendingLogin(stage: Stage): Promise<Client> {
  const thief = atThiefs(stage);
  assert.equal((await thief.login("alice", PASSWORD)).status, 403);
  return thief;
}

async function reset({ app, deliver }: Stage): Promise<{ owner: Client; mail: Message }> {
  const mail = (await deliver()).find(({ text }) => text.includes("/password/reset/confirm/"));
  assert(mail);
  const owner = createClient(app);
  const sent = { token: tokenIn(mail), new_password: NEW_PASSWORD };
  assert.equal((await owner.post("/password/reset/confirm/", sent, OURS)).status, 204);
  return { owner, mail };
}

describe("“this was not me”, after a thief with the password has added an authenticator app", () => {
  for (const subject of [ADDED, LOGIN]) {
    test(`removes it by the notice “${subject.source.slice(1)}”, and the owner gets in without it`, async () => {
      const stage = await setUp();
      const { thief, secret } = await addThiefsApp(stage);
      const pending = await pendingLogin(stage);
      stage.clock.advance(600 - 30);
      const answer = await report(stage, noticeOf(await stage.deliver(), subject));
      assert.deepEqual(await answer.json(), { reset_sent: true, factors_removed: true });
      assert.deepEqual(await factorsOf(stage), { apps: 0, passkeys: [], codes: 0, has: 0 });
      assert.equal((await thief.get("/profile/")).status, 403);
      const code = codeAt(secret, stage.clock.now);
      const late = await pending.post("/login/second-factor/", { code }, OURS);
      assert.deepEqual([late.status, await late.json()], [403, { detail: EXPIRED }]);
      assert.equal((await thief.login("alice", PASSWORD)).status, 400);
      const { owner } = await reset(stage);
      assert.equal((await owner.get("/profile/")).status, 200);
      assert.equal((await pending.post("/login/second-factor/", { code }, OURS)).status, 403);
    });
  }

  test("says so, in the trail, on the pages and in the mail", async () => {
    const stage = await setUp();
    await addThiefsApp(stage);
    const token = noticeOf(await stage.deliver(), ADDED);
    const client = createClient(stage.app);
    const shown = await (await client.get(`/not-me/?token=${token}`, PAGE)).text();
    assert.match(shown, /Each passkey and authenticator app that was added since then is removed\./);
    const answer = await client.send("POST", "/not-me/", { headers: FORM, body: `token=${token}` });
    const done = await (await client.get(answer.headers.get("location") ?? "", PAGE)).text();
    assert.match(done, /We have removed the passkeys or the authenticator app that were added since then/);
    assert.doesNotMatch(done, /from before stay/);
    const { mail } = await reset(stage);
    assert.match(mail.text, /We have removed the passkeys or the authenticator app that were added since then/);
    const events = await stage.services.db.selectFrom("events").select(["kind", "detail"]).orderBy("id").execute();
    const told = events.filter(({ kind }) => kind === "reported" || kind === "factor_removed");
    assert.deepEqual(
      told.map(({ kind, detail }) => [kind, detail]),
      [
        ["reported", ""],
        ["factor_removed", "authenticator app"],
      ],
    );
  });

  test("says nothing of factors to a user who has none", async () => {
    const stage = await setUp();
    await atThiefs(stage).login("alice", PASSWORD);
    const token = noticeOf(await stage.deliver(), LOGIN);
    const client = createClient(stage.app);
    assert.doesNotMatch(await (await client.get(`/not-me/?token=${token}`, PAGE)).text(), /passkey/);
    const answer = await client.send("POST", "/not-me/", { headers: FORM, body: `token=${token}` });
    assert.equal(answer.headers.get("location"), "/not-me/done/");
    assert.doesNotMatch((await reset(stage)).mail.text, /passkey/);
  });
});

describe("“this was not me”, if the owner had a second factor before", () => {
  /** The owner has an app, recovery codes and a passkey. Then the thief logs in with a stolen recovery code. */
  async function breakIn(stage: Stage) {
    const owners = await givePasskey(stage);
    const { secret, recoveryCodes } = await giveFactors(stage, stage.user);
    stage.clock.advance(3600);
    await stage.deliver();
    const thief = await pendingLogin(stage);
    assert.equal((await thief.post("/login/second-factor/", { code: recoveryCodes[0] }, OURS)).status, 202);
    const token = noticeOf(await stage.deliver(), LOGIN);
    stage.clock.advance(60);
    return { owners, secret, thief, token };
  }

  test("removes the thief's passkey, and keeps the owner's factors and recovery codes", async () => {
    const stage = await setUp();
    const { owners, secret, thief, token } = await breakIn(stage);
    const thiefs = await givePasskey(stage, thief);
    assert.equal(await loginBy(stage, thiefs), 202);
    assert.equal((await report(stage, token)).status, 200);
    assert.deepEqual(await factorsOf(stage), { apps: 1, passkeys: [owners.id], codes: 9, has: 1 });
    assert.equal(await loginBy(stage, thiefs), 400);
    const { owner, mail } = await reset(stage);
    assert.match(mail.text, /Your passkeys and your authenticator app from before stay\./);
    assert.equal((await owner.get("/profile/")).status, 403, "the reset is no second factor");
    assert.equal((await owner.login("alice", NEW_PASSWORD)).status, 403);
    const code = codeAt(secret, stage.clock.now);
    assert.equal((await owner.post("/login/second-factor/", { code }, OURS)).status, 202);
    assert.equal(await loginBy(stage, owners), 202);
  });

  test("deletes the recovery codes that the thief has made, and an app that took the place of the owner's", async () => {
    const stage = await setUp();
    const { owners, thief, token } = await breakIn(stage);
    assert.equal((await thief.post("/security/recovery-codes/", {}, OURS)).status, 201);
    const begun = await beginAuthenticator(thief);
    await confirmAuthenticator(thief, { token: begun.token, code: codeAt(begun.secret, stage.clock.now) });
    await report(stage, token);
    assert.deepEqual(await factorsOf(stage), { apps: 0, passkeys: [owners.id], codes: 0, has: 1 });
  });

  test("ends the trust in every browser", async () => {
    const stage = await setUp();
    const { secret, thief, token } = await breakIn(stage);
    await thief.login("alice", PASSWORD);
    const sent = { code: codeAt(secret, stage.clock.now), remember: "on" };
    assert.equal((await thief.post("/login/second-factor/", sent, OURS)).status, 202);
    assert.equal((await thief.login("alice", PASSWORD)).status, 202);
    await report(stage, token);
    assert.deepEqual(await stage.services.db.selectFrom("devices").selectAll().execute(), []);
    await reset(stage);
    assert.equal((await thief.login("alice", NEW_PASSWORD)).status, 403);
  });

  test("counts a factor of the minute before the notice as new: it is stored before its notice", async () => {
    for (const [seconds, isLeft] of [
      [61, true],
      [60, false],
      [1, false],
    ] as const) {
      const stage = await setUp();
      const key = await givePasskey(stage);
      await stage.deliver();
      stage.clock.advance(3600 - seconds); // A notice of each kind an hour.
      await stage.services.db.updateTable("passkeys").set({ created_at: stage.clock.now }).execute();
      stage.clock.advance(seconds);
      assert.equal(await loginBy(stage, key), 202);
      await report(stage, noticeOf(await stage.deliver(), LOGIN));
      const { passkeys, has } = await factorsOf(stage);
      assert.deepEqual([passkeys.length, has], isLeft ? [1, 1] : [0, 0], `${seconds} s`);
    }
  });
});

describe("several notices", () => {
  test("of factors are sent, if the thief adds one shortly after the owner", async () => {
    const stage = await setUp();
    const owner = createClient(stage.app);
    await givePasskey(stage, owner);
    stage.clock.advance(60);
    await givePasskey(stage, owner); // By the stolen session.
    const subjects = (await stage.deliver()).map(({ subject }) => subject);
    assert.equal(subjects.filter((subject) => ADDED.test(subject)).length, 2);
  });

  test("work one after the other: an earlier one removes what a later one has left", async () => {
    const stage = await setUp();
    const thief = atThiefs(stage);
    const key = await givePasskey(stage, thief);
    const added = noticeOf(await stage.deliver(), ADDED);
    stage.clock.advance(3600);
    assert.equal(await loginBy(stage, key), 202);
    const login = noticeOf(await stage.deliver(), LOGIN);
    assert.deepEqual(await (await report(stage, login)).json(), { reset_sent: true, factors_removed: false });
    const [mail] = await stage.deliver();
    assert.match(
      mail?.text ?? "",
      /If another mail says that one was added and it was not you, use the link in that mail/,
    );
    assert.equal(await loginBy(stage, key), 202);
    assert.deepEqual(await (await report(stage, added)).json(), { reset_sent: true, factors_removed: true });
    assert.equal(await loginBy(stage, key), 400);
    assert.equal((await factorsOf(stage)).has, 0);
  });

  test("bring the owner back, if the thief has changed the address too", async () => {
    const stage = await setUp();
    const thief = atThiefs(stage);
    const key = await givePasskey(stage, thief);
    const added = noticeOf(await stage.deliver(), ADDED);
    stage.clock.advance(300);
    const csrf = { "X-CSRFToken": thief.cookies.get("csrftoken") ?? "" };
    const change = { json: { email: "thief@example.com" }, headers: csrf };
    assert.equal((await thief.send("PATCH", "/profile/", change)).status, 202);
    const [link] = await stage.deliver();
    assert(link);
    await thief.post("/email/confirm/", { token: tokenIn(link) }, OURS);
    const undo = noticeOf(await stage.deliver(), /^Your email address at Postern was changed/);
    assert.deepEqual(await (await report(stage, added)).json(), { reset_sent: false, factors_removed: true });
    assert.equal(await loginBy(stage, key), 400);
    assert.deepEqual(await (await report(stage, undo)).json(), { reset_sent: true, factors_removed: false });
    const { owner } = await reset(stage);
    assert.equal((await owner.get("/profile/")).status, 200);
  });
});
