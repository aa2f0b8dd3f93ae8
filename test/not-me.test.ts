import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { listEventsOf } from "../db/events.ts";
import { findToken } from "../db/one-time-tokens.ts";
import { transaction } from "../db/open.ts";
import { findUserById, type User } from "../db/users.ts";
import { OPERATOR, SYSTEM } from "../lib/audit/actor.ts";
import { hashToken } from "../lib/crypto/token.ts";
import { enqueue } from "../lib/mail/enqueue.ts";
import type { Message } from "../lib/mail/transport.ts";
import { deactivate } from "../lib/users/activation.ts";
import { report as reportTheft } from "../lib/users/report.ts";
import { type Client, createClient } from "./support/client.ts";
import { createTestApp, MAIL, type TestApp, tokenIn } from "./support/test-app.ts";

const OURS = { "Sec-Fetch-Site": "same-origin" };
const BROWSER = { ...OURS, "Sec-Fetch-Mode": "navigate", Accept: "text/html" };
const FORM = { ...BROWSER, "Content-Type": "application/x-www-form-urlencoded" };
const PASSWORD = "right horse";
const INVALID_LINK = { token: ["This link is not valid any more. Ask for a new one."] };
const DAY = 86_400;

type Stage = TestApp & { user: User };

async function setUp(): Promise<Stage> {
  const test = await createTestApp(MAIL);
  const input = { username: "alice", email: "Alice@example.com", emailProvedAt: 1, password: PASSWORD };
  return { ...test, user: await test.addUser(input) };
}

/** A stranger with the password logs in. @returns the stranger, and the token of the notice to the owner */
async function breakIn(stage: Stage): Promise<{ thief: Client; token: string }> {
  const thief = createClient(stage.app, "postern.test", "203.0.113.66");
  assert.equal((await thief.login("alice", PASSWORD)).status, 202);
  const notice = (await stage.deliver()).find(({ text }) => text.includes("/not-me/"));
  assert(notice);
  return { thief, token: tokenIn(notice) };
}

const report = ({ app }: TestApp, token: unknown) => createClient(app).post("/not-me/", { token }, OURS);

const isReset = ({ text }: Message) => text.includes("/password/reset/confirm/");

async function assertDead(stage: TestApp, token: string): Promise<void> {
  const answer = await report(stage, token);
  assert.deepEqual([answer.status, await answer.json()], [400, INVALID_LINK]);
  assert.equal((await createClient(stage.app).get(`/not-me/?token=${token}`, BROWSER)).status, 400);
}

const stored = async ({ services, user }: Stage) => {
  const now = await findUserById(services.db, user.id);
  assert(now);
  return now;
};

/** Asks for a change of the address to a thief's. */
function askForThiefs({ services, user }: Stage): Promise<void> {
  const address = "thief@example.com";
  const post = { purpose: "email_change", user, address, language: "en", facts: { email: address } } as const;
  return transaction(services.db, (db) => enqueue(db, services, SYSTEM, post));
}

describe("the link “this was not me”", () => {
  test("ends every session, stops the password, forgets every device, and sends a link for a new one", async () => {
    const stage = await setUp();
    const { thief, token } = await breakIn(stage);
    const answer = await report(stage, token);
    assert.deepEqual([answer.status, await answer.json()], [200, { reset_sent: true, factors_removed: false }]);
    assert.deepEqual(answer.headers.getSetCookie(), [], "it logs no client in");
    assert.equal((await thief.get("/profile/")).status, 403);
    assert.equal((await thief.login("alice", PASSWORD)).status, 400);
    assert.deepEqual(await stage.services.db.selectFrom("devices").selectAll().execute(), []);
    const [mail, ...others] = await stage.deliver();
    assert(mail);
    assert.deepEqual([mail.to, isReset(mail), others], ["Alice@example.com", true, []]);
    const set = { token: tokenIn(mail), new_password: "cyan giraffe umbrella" };
    assert.equal((await createClient(stage.app).post("/password/reset/confirm/", set, OURS)).status, 204);
  });

  test("records it", async () => {
    const stage = await setUp();
    const { token } = await breakIn(stage);
    await report(stage, token);
    const [last] = await listEventsOf(stage.services.db, `user:${stage.user.id}`, { before: null, limit: 1 });
    assert.deepEqual([last?.kind, last?.actor, last?.address], ["reported", "nobody", "192.0.2.1"]);
  });

  test("shows what the notice told, and changes nothing however often it is opened", async () => {
    const stage = await setUp();
    const { thief, token } = await breakIn(stage);
    stage.clock.advance(2 * DAY);
    const before = JSON.stringify(await stage.services.db.selectFrom("one_time_tokens").selectAll().execute());
    for (const method of ["GET", "GET", "HEAD", "OPTIONS", "PUT"]) {
      for (const headers of [BROWSER, {}]) {
        const { status } = await createClient(stage.app).send(method, `/not-me/?token=${token}`, { headers });
        assert(status < 500);
      }
    }
    const page = await (await createClient(stage.app).get(`/not-me/?token=${token}`, BROWSER)).text();
    for (const part of ["New login to your account", "<dd>alice</dd>", "2 days ago", "203.0.113.66"]) {
      assert(page.includes(part), part);
    }
    assert.equal((await thief.get("/profile/")).status, 200);
    const after = JSON.stringify(await stage.services.db.selectFrom("one_time_tokens").selectAll().execute());
    assert.equal(after, before);
  });

  test("works once, also if many clients use it at once", async () => {
    const stage = await setUp();
    const { token } = await breakIn(stage);
    const answers = await Promise.all(Array.from({ length: 5 }, () => report(stage, token)));
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 400, 400, 400, 400]);
    await assertDead(stage, token);
    assert.equal((await stage.deliver()).length, 1);
  });

  test("changes nothing if the user is deactivated meanwhile", async () => {
    const stage = await setUp();
    const { token } = await breakIn(stage);
    const { db, now } = stage.services;
    const found = await findToken(db, "not_me", hashToken(token), now());
    assert(found);
    await deactivate(stage.services, OPERATOR, stage.user);
    const { language } = stage.user;
    const late = reportTheft(stage.services, SYSTEM, { stored: found, user: stage.user }, language);
    await assert.rejects(late, { code: "invalid_link" });
    assert.deepEqual(await stage.deliver(), []);
  });

  test("is dead after 7 days, and for an inactive user", async () => {
    const stage = await setUp();
    const { token } = await breakIn(stage);
    await stage.services.db.updateTable("users").set({ is_active: 0 }).execute();
    await assertDead(stage, token);
    await stage.services.db.updateTable("users").set({ is_active: 1 }).execute();
    stage.clock.advance(7 * DAY);
    await assertDead(stage, token);
  });

  test("with junk in place of the token is no link", async () => {
    const stage = await setUp();
    await breakIn(stage);
    for (const junk of [null, 1, {}, [], ["x"], "", "\0", "\ud800", "a".repeat(60_000)]) {
      const answer = await report(stage, junk);
      assert.deepEqual([answer.status, await answer.json()], [400, INVALID_LINK]);
    }
  });

  test("makes a change of the address that waits void, and earlier links for a new password", async () => {
    const stage = await setUp();
    const { token } = await breakIn(stage);
    await createClient(stage.app).post("/password/reset/", { username: "alice" }, OURS);
    await askForThiefs(stage);
    const before = await stage.deliver();
    assert.equal(before.length, 2);
    await report(stage, token);
    const [mail] = await stage.deliver();
    assert(mail);
    const tokens = await stage.services.db.selectFrom("one_time_tokens").select("purpose").execute();
    assert.deepEqual(
      tokens.map(({ purpose }) => purpose),
      ["password_reset"],
    );
    const path = "/password/reset/confirm/?token=";
    const statuses = [...before, mail].map(async (one) => {
      return (await createClient(stage.app).get(path + tokenIn(one), BROWSER)).status;
    });
    assert.deepEqual(await Promise.all(statuses), [400, 400, 200]);
  });

  test("sends its link also while strangers have used up the mails to the user", async () => {
    const stage = await setUp();
    const { token } = await breakIn(stage);
    for (let count = 0; count < 20; count++) {
      const stranger = createClient(stage.app, "postern.test", `198.51.100.${count}`);
      await stranger.post("/password/reset/", { username: count % 2 ? "alice" : "alice@example.com" }, OURS);
    }
    assert.equal((await stage.deliver()).length, 5);
    await report(stage, token);
    assert.equal((await stage.deliver()).length, 1);
  });

  test("of a browser leads to a page that says what to do next", async () => {
    const stage = await setUp();
    const { token } = await breakIn(stage);
    const client = createClient(stage.app);
    const answer = await client.send("POST", "/not-me/", { headers: FORM, body: `token=${token}` });
    assert.deepEqual([answer.status, answer.headers.get("location")], [303, "/not-me/done/"]);
    assert.match(await (await client.get("/not-me/done/", BROWSER)).text(), /Your account is secured/);
  });

  test("does not exist without a mail server", async () => {
    const { app } = await createTestApp();
    for (const path of ["/not-me/", "/not-me/done/", "/password/reset/confirm/"]) {
      for (const method of ["GET", "HEAD", "POST", "OPTIONS", "PUT"]) {
        for (const headers of [OURS, BROWSER]) {
          assert.equal((await createClient(app).send(method, path, { headers })).status, 404);
        }
      }
    }
  });
});

describe("a notice that went to an address which the account no longer has", () => {
  test("ends every session, and sends no link: the present address may be the thief's", async () => {
    const stage = await setUp();
    const { thief, token } = await breakIn(stage);
    await stage.services.db.updateTable("users").set({ email: "thief@example.com" }).execute();
    await askForThiefs(stage);
    const [another] = await stage.deliver();
    assert(another);
    const shown = await createClient(stage.app).get(`/not-me/?token=${token}`, BROWSER);
    assert.doesNotMatch(await shown.text(), /We send you a link|thief@example/);
    const client = createClient(stage.app);
    const answer = await client.send("POST", "/not-me/", { headers: FORM, body: `token=${token}` });
    const location = answer.headers.get("location") ?? "";
    const page = await (await client.get(location, BROWSER)).text();
    assert.match(page, /look for the mail “Your email address at Postern was changed”/);
    assert.deepEqual(await stage.deliver(), []);
    assert.equal((await thief.get("/profile/")).status, 403);
    assert.equal((await stored(stage)).email, "thief@example.com");
    const open = await client.get(`/email/confirm/?token=${tokenIn(another)}`, BROWSER);
    assert.equal(open.status, 400, "a change that waits is void");
  });

  test("does not void the links of the owner, who may have changed the address", async () => {
    const stage = await setUp();
    const { token } = await breakIn(stage);
    await stage.services.db.updateTable("users").set({ email: "new@example.com" }).execute();
    const owner = createClient(stage.app);
    await owner.post("/password/reset/", { username: "alice" }, OURS);
    const [mail] = await stage.deliver();
    assert(mail);
    const answer = await report(stage, token);
    assert.deepEqual(await answer.json(), { reset_sent: false, factors_removed: false });
    const set = { token: tokenIn(mail), new_password: "cyan giraffe umbrella" };
    assert.equal((await owner.post("/password/reset/confirm/", set, OURS)).status, 204);
  });

  test("counts as the present one in another case of its letters", async () => {
    const stage = await setUp();
    const { token } = await breakIn(stage);
    await stage.services.db.updateTable("users").set({ email: "alice@EXAMPLE.com" }).execute();
    assert.deepEqual(await (await report(stage, token)).json(), { reset_sent: true, factors_removed: false });
    const [mail] = await stage.deliver();
    assert.equal(mail?.to, "Alice@example.com", "where the notice was read");
  });
});
