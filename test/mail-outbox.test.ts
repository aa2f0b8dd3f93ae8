import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { consumeToken } from "../db/one-time-tokens.ts";
import { transaction } from "../db/open.ts";
import type { User } from "../db/users.ts";
import { SYSTEM } from "../lib/audit/actor.ts";
import { hashToken } from "../lib/crypto/token.ts";
import { deliverNext } from "../lib/mail/deliver.ts";
import { enqueue } from "../lib/mail/enqueue.ts";
import { makeMailService } from "../lib/mail/mail-service.ts";
import type { Delivery, Message } from "../lib/mail/transport.ts";
import { createTestApp, MAIL, ORIGIN, type TestApp, tokenIn } from "./support/test-app.ts";

const MINUTE = 60;

async function setUp(): Promise<TestApp & { user: User }> {
  const test = await createTestApp(MAIL);
  return {
    ...test,
    user: await test.addUser({ username: "alice", email: "Alice@example.com", password: "right horse" }),
  };
}

/** Stores the mail of a forgotten password. */
function askForReset({ services, user }: TestApp & { user: User }): Promise<void> {
  return transaction(services.db, (db) =>
    enqueue(db, services, SYSTEM, { purpose: "password_reset", user, language: "en" }),
  );
}

/** A mail server that answers in this order. @returns the mails that it was given */
function answering(
  { services }: TestApp,
  ...answers: Delivery[]
): { deliver: () => Promise<boolean>; given: Message[] } {
  const given: Message[] = [];
  const send = async (message: Message): Promise<Delivery> => {
    given.push(message);
    return answers.shift() ?? { kind: "sent" };
  };
  const service = makeMailService({ send, close: () => {} }, { name: "", address: "login@postern.test" }, ORIGIN);
  return { deliver: () => deliverNext(services, service), given };
}

/** A node that dies after the mail server has taken a mail. @returns the mails that the server was given */
function dying({ services }: TestApp): { deliver: () => Promise<void>; given: Message[] } {
  const given: Message[] = [];
  const deliver = () =>
    new Promise<void>((resolve) => {
      const send = (message: Message) => {
        given.push(message);
        resolve();
        return new Promise<Delivery>(() => {});
      };
      const service = makeMailService({ send, close: () => {} }, { name: "", address: "login@postern.test" }, ORIGIN);
      void deliverNext(services, service);
    });
  return { deliver, given };
}

const consume = ({ services: { db, now } }: TestApp, token: string) =>
  transaction(db, (db) => consumeToken(db, "password_reset", hashToken(token), now()));

describe("the outbox", () => {
  test("sends a mail to the stored spelling of the user's address, with a link that works once", async () => {
    const test = await setUp();
    await askForReset(test);
    const [mail] = await test.deliver();
    assert(mail);
    assert.equal(mail.to, "Alice@example.com");
    assert.match(mail.text, /http:\/\/postern\.test\/password\/reset\/confirm\/\?token=[a-z2-7]{32}\n/);
    assert.equal((await consume(test, tokenIn(mail)))?.userId, test.user.id);
    assert.equal(await consume(test, tokenIn(mail)), null);
    assert.deepEqual(await test.deliver(), []);
  });

  test("stores no token", async () => {
    const test = await setUp();
    await askForReset(test);
    const { db } = test.services;
    const before = JSON.stringify(await db.selectFrom("mails").selectAll().execute());
    const [mail] = await test.deliver();
    assert(mail);
    const after = JSON.stringify(await db.selectFrom("one_time_tokens").selectAll().execute());
    assert(!(before + after).includes(tokenIn(mail)));
    assert(after.includes(hashToken(tokenIn(mail))));
  });

  test("tries again after growing waits, with the same link and Message-ID", async () => {
    const test = await setUp();
    await askForReset(test);
    const later: Delivery = { kind: "later", error: "421 try again" };
    const { deliver, given } = answering(test, later, later);
    assert.equal(await deliver(), true);
    assert.equal(await deliver(), false);
    test.clock.advance(30);
    assert.equal(await deliver(), true);
    test.clock.advance(30);
    assert.equal(await deliver(), false);
    test.clock.advance(30);
    assert.equal(await deliver(), true);
    const [first, second, third] = given;
    assert(first && second && third);
    assert.deepEqual([second, third], [first, first]);
    assert((await consume(test, tokenIn(first))) !== null);
  });

  test("sends a mail again if the node died, but not once its link was used", async () => {
    const test = await setUp();
    await askForReset(test);
    const { given, deliver } = dying(test);
    await deliver();
    test.clock.advance(6 * MINUTE);
    const [again] = await test.deliver();
    assert.deepEqual([again], given);

    await askForReset(test);
    await deliver();
    const last = given.at(-1);
    assert(last);
    await consume(test, tokenIn(last));
    test.clock.advance(6 * MINUTE);
    assert.deepEqual(await test.deliver(), []);
    assert.deepEqual(await test.services.db.selectFrom("mails").selectAll().execute(), []);
  });

  test("postpones a mail that an unexpected error concerns, and sends the others", async () => {
    const test = await setUp();
    const { db } = test.services;
    await askForReset(test);
    await db.updateTable("mails").set({ facts: "not JSON" }).execute();
    const bob = await test.addUser({ username: "bob", email: "bob@example.com", password: "right horse" });
    test.clock.advance(1);
    await askForReset({ ...test, user: bob });
    assert.deepEqual(
      (await test.deliver()).map(({ to }) => to),
      ["bob@example.com"],
    );
    const [waiting] = await db.selectFrom("mails").selectAll().execute();
    assert.equal(waiting?.error, "An unexpected error of Postern. The log has it.");
    assert.match(test.logged.join(""), /"event":"unexpected_error","error":"Error: a mail cannot be made[^\n]*JSON/);
    // A later version can send it.
    await db.updateTable("mails").set({ facts: '{"at":0,"address":"","browser":"","system":""}' }).execute();
    test.clock.advance(10 * MINUTE);
    assert.deepEqual(
      (await test.deliver()).map(({ to }) => to),
      ["Alice@example.com"],
    );
  });

  test("postpones a mail if sending it raises an unexpected error", async () => {
    const test = await setUp();
    await askForReset(test);
    const send = async () => assert.fail("a bug");
    const service = makeMailService({ send, close: () => {} }, { name: "", address: "login@postern.test" }, ORIGIN);
    assert.equal(await deliverNext(test.services, service), true);
    assert.equal(await deliverNext(test.services, service), false);
    assert.match(test.logged.join(""), /"event":"unexpected_error","error":"AssertionError/);
    test.clock.advance(30);
    assert.equal((await test.deliver()).length, 1);
  });

  test("gives a mail up that the server denies for good, or has not taken for a day", async () => {
    const test = await setUp();
    await askForReset(test);
    const { deliver } = answering(test, { kind: "never", error: "550 no such user" });
    await deliver();
    const [mail] = await test.services.db.selectFrom("mails").selectAll().execute();
    assert.equal(mail?.error, "550 no such user");
    assert.equal(mail?.failed_at, test.clock.now);
    test.clock.advance(24 * 60 * MINUTE);
    assert.equal(await deliver(), false);
    assert.match(test.logged.join(""), /"event":"mail_given_up"/);
  });

  test("a newer link takes the place of an older one", async () => {
    const test = await setUp();
    await askForReset(test);
    await askForReset(test);
    const [first, second] = await test.deliver();
    assert(first && second);
    assert.equal(await consume(test, tokenIn(first)), null);
    assert((await consume(test, tokenIn(second))) !== null);
  });

  test("links that several senders make at once leave one", async () => {
    const test = await setUp();
    for (let count = 0; count < 5; count++) await askForReset(test);
    const { deliver, given } = answering(test);
    await Promise.all([deliver(), deliver(), deliver(), deliver(), deliver()]);
    assert.equal(given.length, 5);
    const used = await Promise.all(given.map((mail) => consume(test, tokenIn(mail))));
    assert.equal(used.filter((token) => token !== null).length, 1);
  });
});
