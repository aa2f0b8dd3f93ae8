import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findUserById } from "../db/users.ts";
import { OPERATOR } from "../lib/audit/actor.ts";
import type { Message } from "../lib/mail/transport.ts";
import { editUser } from "../lib/users/edit-user.ts";
import { endSessions } from "../lib/users/end-sessions.ts";
import { type Client, createClient } from "./support/client.ts";
import { createTestApp, MAIL, tokenIn } from "./support/test-app.ts";

// A thief has a session of Alice, and tries to take the account by its address.

const OURS = { "Sec-Fetch-Site": "same-origin" };
const PASSWORD = "right horse";
const ALICE = "alice@example.com";
const THIEF = "thief@example.net";
const THIRD = "third@example.org";

async function setUp(environment: Record<string, string> = {}) {
  const test = await createTestApp({ ...MAIL, ...environment });
  const user = await test.addUser({ username: "alice", email: ALICE, emailProvedAt: 1, password: PASSWORD });
  const [thief, owner] = [createClient(test.app), createClient(test.app)];
  await thief.login("alice", PASSWORD);
  await owner.login("alice", PASSWORD);
  const [notice] = await test.deliver();
  assert(notice);
  const addressNow = async () => (await findUserById(test.services.db, user.id))?.email;
  return { ...test, user, thief, owner, notice, addressNow };
}

const ask = (client: Client, email: string) => client.send("PATCH", "/profile/", { headers: OURS, json: { email } });

function mailTo(mails: readonly Message[], address: string): Message {
  const mail = mails.find(({ to }) => to === address);
  assert(mail, `no mail to ${address}`);
  return mail;
}

describe("a change of the address that a thief has asked for", () => {
  for (const [how, end] of [
    ["the owner ends the other sessions", ({ owner }) => owner.send("DELETE", "/sessions/", { headers: OURS })],
    ["an operator ends the sessions", ({ services, user }) => endSessions(services, OPERATOR, user)],
  ] satisfies [string, (test: Awaited<ReturnType<typeof setUp>>) => Promise<unknown>][]) {
    for (const order of ["before", "after"]) {
      test(`is void once ${how}, ${order} its mail goes out`, async () => {
        const test = await setUp();
        assert.equal((await ask(test.thief, THIEF)).status, 202);
        const sent = order === "after" ? await test.deliver() : [];
        await end(test);
        const later = await test.deliver();
        assert(later.every(({ to }) => to !== THIEF));
        for (const mail of sent.filter(({ to }) => to === THIEF)) {
          const answer = await createClient(test.app).post("/email/confirm/", { token: tokenIn(mail) }, OURS);
          assert.equal(answer.status, 400);
        }
        assert.equal(await test.addressNow(), ALICE);
      });
    }
  }

  test("cannot defeat the link of the first address, if the clock of the second change's node is behind", async () => {
    const test = await setUp();
    const confirm = async (mail: Message) => {
      const token = tokenIn(mail);
      assert.equal((await createClient(test.app).post("/email/confirm/", { token }, OURS)).status, 204);
    };
    const undo = (mail: Message) => createClient(test.app).post("/not-me/", { token: tokenIn(mail) }, OURS);
    await ask(test.thief, THIEF);
    await confirm(mailTo(await test.deliver(), THIEF));
    const first = mailTo(await test.deliver(), ALICE);
    await ask(test.thief, THIRD);
    const link = mailTo(await test.deliver(), THIRD);
    test.clock.advance(-2);
    await confirm(link);
    test.clock.advance(3);
    const second = mailTo(await test.deliver(), THIEF);
    assert.equal((await undo(first)).status, 200);
    assert.equal((await undo(second)).status, 400);
    assert.equal(await test.addressNow(), ALICE);
  });
});

describe("an account whose address has changed", () => {
  test("cannot be deleted by its user while the former address can undo the change", async () => {
    const test = await setUp({ POSTERN_ACCOUNT_DELETION: "on" });
    await ask(test.thief, THIEF);
    const token = tokenIn(mailTo(await test.deliver(), THIEF));
    await createClient(test.app).post("/email/confirm/", { token }, OURS);
    const remove = () => test.thief.post("/account/delete/", { password: PASSWORD }, OURS);
    assert.deepEqual([(await remove()).status, (await test.deliver()).length], [400, 1], "its mail waits");
    const denied = await remove();
    const text = "The email address was changed in the last 7 days. Delete the account after that time.";
    assert.deepEqual([denied.status, await denied.json()], [400, { non_field_errors: [text] }]);
    test.clock.advance(7 * 24 * 3600);
    await test.thief.login("alice", PASSWORD);
    assert.equal((await remove()).status, 204);
  });
});

describe("a former address", () => {
  test("has no valid link once an operator has set another one, sent or not", async () => {
    const test = await setUp();
    await ask(test.owner, THIRD);
    const token = tokenIn(mailTo(await test.deliver(), THIRD));
    await createClient(test.app).post("/email/confirm/", { token }, OURS);
    const before = await findUserById(test.services.db, test.user.id);
    assert(before);
    await editUser(test.services, OPERATOR, before, { email: "set@example.org" });
    assert.deepEqual(await test.deliver(), []);
    const answer = await createClient(test.app).post("/not-me/", { token: tokenIn(test.notice) }, OURS);
    assert.equal(answer.status, 400);
    assert.equal((await test.owner.get("/profile/")).status, 200);
  });
});

describe("strangers who flood the limits of mail", () => {
  test("do not stop a user who is logged in from changing the address", async () => {
    const test = await setUp();
    const flood = (username: string, address: string) =>
      createClient(test.app, "postern.test", address).post("/password/reset/", { username }, OURS);
    for (let round = 0; round < 5; round++) assert.equal((await flood(THIRD, "203.0.113.1")).status, 202);
    assert.equal((await flood(THIRD, "203.0.113.1")).status, 429);
    assert.equal((await ask(test.owner, THIRD)).status, 202);
  });
});

describe("a mail to an address that a user has typed", () => {
  test("does not have the username, which the user has chosen", async () => {
    const test = await createTestApp(MAIL);
    const username = "your-account-is-locked.evil.example";
    await test.addUser({ username, email: ALICE, emailProvedAt: 1, password: PASSWORD });
    const client = createClient(test.app);
    await client.login(username, PASSWORD);
    await ask(client, "victim@bank.example");
    const { text, html } = mailTo(await test.deliver(), "victim@bank.example");
    assert(!`${text}${html}`.includes("evil.example"));
  });
});

describe("an account that its owner has secured", () => {
  test("gets a mail that says so, and tells of the next unknown device at once", async () => {
    const test = await setUp();
    await createClient(test.app).post("/not-me/", { token: tokenIn(test.notice) }, OURS);
    const secured = mailTo(await test.deliver(), ALICE);
    assert.match(secured.text, /your old password no longer works/);
    const token = tokenIn(secured);
    const next = { token, new_password: "cyan giraffe umbrella" };
    assert.equal((await createClient(test.app).post("/password/reset/confirm/", next, OURS)).status, 204);
    await test.deliver();
    const thief = createClient(test.app);
    await thief.login("alice", next.new_password);
    const again = { current_password: next.new_password, new_password: "violet harbour mango" };
    assert.equal((await thief.post("/password/change/", again, OURS)).status, 204);
    assert.equal((await test.deliver()).length, 2);
  });
});
