import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { sql } from "kysely";
import { sealTrail } from "../db/event-seal.ts";
import { migrate } from "../db/migrate.ts";
import { openDatabase, transaction } from "../db/open.ts";
import { SYSTEM } from "../lib/audit/actor.ts";
import { deliverNext } from "../lib/mail/deliver.ts";
import { enqueue } from "../lib/mail/enqueue.ts";
import { makeMailService } from "../lib/mail/mail-service.ts";
import { startMailer } from "../lib/mail/mailer.ts";
import type { Delivery, Message } from "../lib/mail/transport.ts";
import { until } from "./support/poll.ts";
import { createSandbox } from "./support/process.ts";
import { TEST_KEYS } from "./support/secret-key.ts";
import { createTestApp, MAIL, ORIGIN, type TestApp } from "./support/test-app.ts";

type Send = (message: Message) => Promise<Delivery>;

interface Running extends TestApp, AsyncDisposable {
  /** The recipients of each attempt. */
  tried: string[];
  /** Stores an invitation for each address. */
  invite: (...addresses: string[]) => Promise<void>;
  stop: () => Promise<void>;
}

/** A mailer at work, with a mail server that the test writes. */
async function runMailer(send: Send): Promise<Running> {
  const test = await createTestApp({ ...MAIL, POSTERN_SIGNUP: "invite", POSTERN_SHUTDOWN_SECONDS: "1" });
  const tried: string[] = [];
  let cut = () => {};
  const closed = new Promise<Delivery>((resolve) => {
    cut = () => resolve({ kind: "later", error: "stopped" });
  });
  const transport = {
    send: (message: Message) => {
      tried.push(message.to);
      return Promise.race([send(message), closed]);
    },
    close: () => cut(),
  };
  const mail = makeMailService(transport, { name: "", address: "login@postern.test" }, ORIGIN);
  const stop = startMailer({ ...test.services, mail });
  const inviteAll = (...addresses: string[]) => invite(test, addresses, mail.wake);
  return { ...test, tried, invite: inviteAll, stop, [Symbol.asyncDispose]: stop };
}

async function invite({ services }: TestApp, addresses: string[], wake = () => {}): Promise<void> {
  await transaction(services.db, async (db) => {
    for (const address of addresses) {
      await enqueue(db, services, SYSTEM, { purpose: "invite", user: null, address, language: "en" });
    }
  });
  wake();
}

const mailsIn = ({ services }: TestApp) => services.db.selectFrom("mails").selectAll().execute();

const SENT: Delivery = { kind: "sent" };
const OUTAGE: Delivery = { kind: "later", error: "the server is down", isOutage: true };
const NEVER = new Promise<Delivery>(() => {});

describe("the mailer", () => {
  test("goes on with new mails while the server does not answer about another", async () => {
    await using mailer = await runMailer(({ to }) => (to === "slow@a.test" ? NEVER : Promise.resolve(SENT)));
    await mailer.invite("slow@a.test");
    await until("the slow one is under way", () => mailer.tried.length === 1);
    await mailer.invite("b@a.test");
    await until("the next one went out", () => mailer.tried.includes("b@a.test"));
    await mailer.invite("c@a.test", "d@a.test");
    await until("two more went out", () => mailer.tried.length === 4);
  });

  test("sends what another process has stored, without being woken", async () => {
    await using mailer = await runMailer(async () => SENT);
    await invite(mailer, ["a@a.test"]);
    await until("it went out", () => mailer.tried.length === 1);
  });

  test("sends several at the same time, and no mail twice", async () => {
    let atOnce = 0;
    let most = 0;
    await using mailer = await runMailer(async () => {
      most = Math.max(most, ++atOnce);
      await until("another one is under way", () => most > 1);
      atOnce--;
      return SENT;
    });
    const addresses = Array.from({ length: 40 }, (_, index) => `a${index}@a.test`);
    await mailer.invite(...addresses);
    await until("all went out", async () => (await mailsIn(mailer)).length === 0);
    assert.deepEqual(mailer.tried.toSorted(), addresses.toSorted());
    assert(most <= 4, String(most));
  });

  test("does not try every mail while the server is down, and sends all when it is back", async () => {
    let answer: Delivery = OUTAGE;
    await using mailer = await runMailer(async () => answer);
    const addresses = Array.from({ length: 100 }, (_, index) => `a${index}@a.test`);
    await mailer.invite(...addresses);
    for (let minute = 0; minute < 3; minute++) {
      const before = mailer.tried.length;
      await until("a mail was tried", () => mailer.tried.length > before);
      mailer.clock.advance(60);
    }
    // Four at the beginning, and one for each turn of the clock.
    assert(mailer.tried.length <= 4 + 3, String(mailer.tried.length));
    answer = SENT;
    await until("all went out", async () => {
      // Each time: an attempt that was under way counts its wait from now on.
      mailer.clock.advance(600);
      return (await mailsIn(mailer)).length === 0;
    });
    assert.equal(mailer.logged.filter((line) => line.includes("mail_postponed")).length <= 7, true);
  });

  test("is not stopped by a mail that the server does not take", async () => {
    await using mailer = await runMailer(async ({ to }) =>
      to === "x@a.test" ? { kind: "later", error: "450" } : SENT,
    );
    await mailer.invite("x@a.test", "b@a.test", "c@a.test");
    await until("the others went out", async () => (await mailsIn(mailer)).length === 1);
    assert.deepEqual(mailer.tried.toSorted(), ["b@a.test", "c@a.test", "x@a.test"]);
  });

  test("stops in time if the server does not answer, and leaves the mail for the next start", async () => {
    await using mailer = await runMailer(() => NEVER);
    await mailer.invite("a@a.test");
    await until("it is under way", () => mailer.tried.length === 1);
    await mailer.stop();
    await until("its failure is noted", async () => (await mailsIn(mailer))[0]?.error === "stopped");
    assert.equal((await mailsIn(mailer))[0]?.due_at, mailer.clock.now + 30_000);
  });

  test("notes a mail as sent when the database is back, and so does not send it twice", async () => {
    await using sandbox = await createSandbox();
    const url = `sqlite:${join(sandbox.folder, "postern.db")}`;
    const db = await openDatabase(url, { mayCreate: true, poolSize: 1, lockTimeoutMs: 50 });
    await migrate(db);
    await sealTrail(db, TEST_KEYS.audit, 0);
    const app = await createTestApp({ ...MAIL, POSTERN_SIGNUP: "invite" }, { db, close: () => db.destroy() });
    await invite(app, ["a@a.test"]);
    const other = await openDatabase(url, { mayCreate: false, poolSize: 1 });
    let tries = 0;
    let unlock = () => {};
    let locked: Promise<unknown> = Promise.resolve();
    const send: Send = async () => {
      tries++;
      await new Promise<void>((resolve) => {
        locked = transaction(other, async (db) => {
          await sql`update users set username = username`.execute(db);
          resolve();
          await new Promise<void>((done) => (unlock = done));
        });
      });
      setTimeout(unlock, 300);
      return SENT;
    };
    const mail = makeMailService({ send, close: () => {} }, { name: "", address: "login@postern.test" }, ORIGIN);
    assert.equal(await deliverNext(app.services, mail), true);
    await locked;
    app.clock.advance(3600);
    assert.equal(await deliverNext(app.services, mail), false);
    assert.equal(tries, 1);
    await other.destroy();
    await app.close();
  });
});
