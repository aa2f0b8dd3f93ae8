import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { lockAddresses, setProvedEmail } from "../db/addresses.ts";
import { listEventsOf } from "../db/events.ts";
import { transaction } from "../db/open.ts";
import { findUserById, type User } from "../db/users.ts";
import { SYSTEM } from "../lib/audit/actor.ts";
import { enqueue } from "../lib/mail/enqueue.ts";
import type { Message } from "../lib/mail/transport.ts";
import { type Client, createClient } from "./support/client.ts";
import { createTestApp, MAIL, type TestApp, tokenIn } from "./support/test-app.ts";

const OURS = { "Sec-Fetch-Site": "same-origin" };
const BROWSER = { ...OURS, "Sec-Fetch-Mode": "navigate", Accept: "text/html" };
const PASSWORD = "right horse";
const [A, B, C] = ["alice@example.com", "thief@example.net", "thief@example.org"];

type Stage = TestApp & { user: User; owner: Client };

async function setUp(): Promise<Stage> {
  const test = await createTestApp(MAIL);
  const user = await test.addUser({ username: "alice", email: A, emailProvedAt: 1, password: PASSWORD });
  return { ...test, user, owner: createClient(test.app) };
}

/** A thief with the password proves another address. The notice to the former one waits in the outbox. */
async function changeAddress({ services, user, clock }: Stage, email: string): Promise<void> {
  clock.advance(60);
  await transaction(services.db, async (db) => {
    const before = await findUserById(db, user.id);
    await lockAddresses(db);
    assert(before && (await setProvedEmail(db, user.id, email, clock.now)));
    const post = { purpose: "email_changed", user: before, address: before.email, language: "en" } as const;
    await enqueue(db, services, SYSTEM, { ...post, facts: { email } });
  });
}

/** @returns the tokens of the notices that were sent now, by recipient */
async function deliverNotices({ deliver }: Stage): Promise<Map<string, string>> {
  return new Map((await deliver()).filter(isNotice).map((mail) => [mail.to, tokenIn(mail)]));
}

const isNotice = ({ text }: Message) => text.includes("/not-me/");

const undo = ({ app }: TestApp, token: string | undefined) =>
  createClient(app).post("/not-me/", { token: token ?? "" }, OURS);

const present = async ({ services, user }: Stage) => {
  const found = await findUserById(services.db, user.id);
  return { email: found?.email, isProved: found?.emailProvedAt !== null };
};

/** Uses the link for a new password that was just sent. @returns its recipient */
async function setNewPassword({ deliver }: Stage, client: Client): Promise<string> {
  const [mail, ...others] = await deliver();
  assert(mail && others.length === 0);
  const set = { token: tokenIn(mail), new_password: "cyan giraffe umbrella" };
  assert.equal((await client.post("/password/reset/confirm/", set, OURS)).status, 204);
  return mail.to;
}

describe("the link in the notice to a former address", () => {
  test("restores it as a proved one, ends every session, and sends the link for a new password there", async () => {
    const stage = await setUp();
    const thief = createClient(stage.app);
    await thief.login("alice", PASSWORD);
    await stage.deliver();
    await changeAddress(stage, B);
    const notices = await deliverNotices(stage);
    const token = notices.get(A) ?? "";
    const shown = await (await stage.owner.get(`/not-me/?token=${token}`, BROWSER)).text();
    for (const part of ["Your email address at Postern was changed", B, `This makes ${A} the address`]) {
      assert(shown.includes(part), part);
    }
    assert.deepEqual(await present(stage), { email: B, isProved: true });
    const answer = await undo(stage, token);
    assert.deepEqual([answer.status, await answer.json()], [200, { reset_sent: true, factors_removed: false }]);
    assert.deepEqual(await present(stage), { email: A, isProved: true });
    assert.equal((await thief.get("/profile/")).status, 403);
    assert.equal((await thief.login("alice", PASSWORD)).status, 400);
    assert.equal(await setNewPassword(stage, stage.owner), A);
    assert.equal((await undo(stage, token)).status, 400);
  });

  test("records it", async () => {
    const stage = await setUp();
    await changeAddress(stage, B);
    await undo(stage, (await deliverNotices(stage)).get(A));
    const trail = await listEventsOf(stage.services.db, `user:${stage.user.id}`, { before: null, limit: 2 });
    assert.deepEqual(
      trail.map(({ kind, detail }) => [kind, detail]),
      [
        ["email_restored", ""],
        ["reported", ""],
      ],
    );
  });

  test("restores it without proof if another user has proved it since", async () => {
    const stage = await setUp();
    await changeAddress(stage, B);
    const notices = await deliverNotices(stage);
    await stage.addUser({ username: "bob", email: A, emailProvedAt: 1, password: PASSWORD });
    assert.equal((await undo(stage, notices.get(A))).status, 200);
    assert.deepEqual(await present(stage), { email: A, isProved: false });
    assert.equal(await setNewPassword(stage, stage.owner), A);
    assert.deepEqual(await present(stage), { email: A, isProved: false });
  });
});

describe("a thief who changed the address twice, from A to B to C,", () => {
  test("cannot undo the owner's return to A by the notice to B", async () => {
    const stage = await setUp();
    for (const address of [B, C]) await changeAddress(stage, address);
    const notices = await deliverNotices(stage);
    assert.deepEqual([...notices.keys()], [A, B]);
    assert.equal((await undo(stage, notices.get(A))).status, 200);
    assert.equal((await undo(stage, notices.get(B))).status, 400);
    assert.deepEqual(await present(stage), { email: A, isProved: true });
    assert.equal(await setNewPassword(stage, stage.owner), A);
  });

  test("cannot stop the owner's return to A, if the notice to B is used first", async () => {
    const stage = await setUp();
    for (const address of [B, C]) await changeAddress(stage, address);
    const notices = await deliverNotices(stage);
    const thief = createClient(stage.app);
    assert.equal((await undo(stage, notices.get(B))).status, 200);
    assert.equal(await setNewPassword(stage, thief), B);
    await stage.deliver();
    assert.equal((await undo(stage, notices.get(A))).status, 200);
    assert.deepEqual(await present(stage), { email: A, isProved: true });
    assert.equal((await thief.get("/profile/")).status, 403);
    assert.equal(await setNewPassword(stage, stage.owner), A);
  });

  test("cannot use the notice to B if it is sent after the owner's return", async () => {
    const stage = await setUp();
    await changeAddress(stage, B);
    const notices = await deliverNotices(stage);
    await changeAddress(stage, C);
    assert.equal((await undo(stage, notices.get(A))).status, 200);
    assert.equal(await setNewPassword(stage, stage.owner), A);
    assert.equal((await deliverNotices(stage)).has(B), false);
    assert.deepEqual(await present(stage), { email: A, isProved: true });
  });

  test("cannot stop the owner's return by the notice to B, if that one was sent long before the notice to A", async () => {
    const stage = await setUp();
    await changeAddress(stage, B);
    const { db } = stage.services;
    await db
      .updateTable("mails")
      .set({ due_at: stage.clock.now + 3_600_000 })
      .execute();
    await changeAddress(stage, C);
    const early = await deliverNotices(stage);
    stage.clock.advance(3600);
    const late = await deliverNotices(stage);
    assert.deepEqual([[...early.keys()], [...late.keys()]], [[B], [A]]);
    assert.equal((await undo(stage, early.get(B))).status, 200);
    await stage.deliver();
    assert.equal((await undo(stage, late.get(A))).status, 200);
    assert.deepEqual(await present(stage), { email: A, isProved: true });
  });

  test("cannot use a notice about the account that went to B", async () => {
    const stage = await setUp();
    await changeAddress(stage, B);
    const thief = createClient(stage.app);
    await thief.login("alice", PASSWORD);
    const notices = await deliverNotices(stage);
    assert.deepEqual([...notices.keys()].toSorted(), [A, B].toSorted());
    assert.equal((await undo(stage, notices.get(A))).status, 200);
    assert.equal((await undo(stage, notices.get(B))).status, 400);
    assert.equal(await setNewPassword(stage, stage.owner), A);
  });
});

describe("a thief who removed the address, and then proved another one,", () => {
  test("cannot stop the owner's return by the notice to A, and gets no notice of it", async () => {
    const stage = await setUp();
    const thief = createClient(stage.app);
    await thief.login("alice", PASSWORD);
    await stage.deliver();
    const patch = (email: string) => thief.send("PATCH", "/profile/", { headers: OURS, json: { email } });
    assert.equal((await patch("")).status, 200);
    const toOwner = await deliverNotices(stage);
    stage.clock.advance(60);
    assert.equal((await patch(B)).status, 202);
    const [proof] = await stage.deliver();
    assert(proof);
    assert.equal((await thief.post("/email/confirm/", { token: tokenIn(proof) }, OURS)).status, 204);
    assert.deepEqual(await present(stage), { email: B, isProved: true });
    // The account had no address before this change.
    assert.deepEqual([...(await deliverNotices(stage)).keys()], []);
    assert.equal((await undo(stage, toOwner.get(A))).status, 200);
    assert.deepEqual(await present(stage), { email: A, isProved: true });
    assert.equal((await thief.get("/profile/")).status, 403);
    assert.equal(await setNewPassword(stage, stage.owner), A);
  });

  test("keeps no link to B that was asked for before the owner's return", async () => {
    const stage = await setUp();
    const thief = createClient(stage.app);
    await thief.login("alice", PASSWORD);
    await stage.deliver();
    const patch = (email: string) => thief.send("PATCH", "/profile/", { headers: OURS, json: { email } });
    await patch("");
    const toOwner = await deliverNotices(stage);
    stage.clock.advance(60);
    assert.equal((await patch(B)).status, 202);
    assert.equal((await thief.post("/password/reset/", { username: "alice" }, OURS)).status, 202);
    const sent = await stage.deliver();
    assert.deepEqual(
      sent.map(({ to }) => to),
      [B],
    );
    assert.equal((await undo(stage, toOwner.get(A))).status, 200);
    const [proof] = sent;
    assert(proof);
    assert.equal((await thief.post("/email/confirm/", { token: tokenIn(proof) }, OURS)).status, 400);
    assert.deepEqual(await present(stage), { email: A, isProved: true });
  });
});
