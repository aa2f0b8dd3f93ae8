import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setProvedEmail } from "../db/addresses.ts";
import { transaction } from "../db/open.ts";
import { setActive } from "../db/users.ts";
import { OPERATOR } from "../lib/audit/actor.ts";
import { deactivate } from "../lib/users/activation.ts";
import { changePassword } from "../lib/users/change-password.ts";
import { editUser } from "../lib/users/edit-user.ts";
import { endSessions } from "../lib/users/end-sessions.ts";
import { type Client, createClient } from "./support/client.ts";
import { openNotingDatabase } from "./support/statements.ts";
import { anyPassword, createTestApp, MAIL, type NewUser, tokenIn } from "./support/test-app.ts";

const HOUR = 3600;
const OURS = { "Sec-Fetch-Site": "same-origin" };
const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0";
const PASSWORD = "right horse";
const ALICE = { username: "alice", email: "Alice@example.com", password: PASSWORD, emailProvedAt: 1, language: "en" };

const NEW_DEVICE = "Alice@example.com: New login to your account at Postern";
const PASSWORD_CHANGED = "Alice@example.com: Your password at Postern was changed";
const SESSIONS_ENDED = "Alice@example.com: Your sessions at Postern were ended";

async function setUp(
  input: Partial<NewUser> = {},
  environment: Record<string, string> = MAIL,
  database?: Parameters<typeof createTestApp>[1],
) {
  const test = await createTestApp(environment, database);
  const user = await test.addUser({ ...ALICE, ...input });
  /** Logs in, as a browser unless `headers` say otherwise. */
  const logIn = async (headers: Record<string, string> = OURS, client = createClient(test.app)): Promise<Client> => {
    const json = { username: "alice", password: PASSWORD };
    assert.equal((await client.send("POST", "/login/", { json, headers })).status, 202);
    return client;
  };
  /** Sends the mails. @returns recipient and subject of each */
  const sent = async () => (await test.deliver()).map(({ subject, to }) => `${to}: ${subject}`);
  return { ...test, user, logIn, sent };
}

describe("the notice of a login from an unknown device", () => {
  test("has account, browser, system, address and time, and a link", async () => {
    const { logIn, deliver } = await setUp();
    await logIn({ ...OURS, "User-Agent": FIREFOX });
    const [mail] = await deliver();
    assert(mail);
    assert.equal(mail.to, "Alice@example.com");
    for (const part of [mail.text, mail.html]) {
      for (const fact of ["alice", "Firefox on Linux", "192.0.2.1", "1 January 2026 at 00:00 UTC"])
        assert(part.includes(fact), fact);
      assert(part.includes(`/not-me/?token=${tokenIn(mail)}`));
    }
  });

  test("is not sent if the browser is known, whatever else has logged in", async () => {
    const { logIn, sent, clock } = await setUp();
    const client = await logIn();
    assert.deepEqual(await sent(), [NEW_DEVICE]);
    clock.advance(2 * HOUR);
    await logIn(OURS, client);
    assert.deepEqual(await sent(), []);
    await logIn();
    assert.deepEqual(await sent(), [NEW_DEVICE]);
  });

  test("is sent about a program, which is never known", async () => {
    const { logIn, deliver } = await setUp();
    await logIn({ "User-Agent": "curl/8.5.0" });
    assert.match((await deliver())[0]?.text ?? "", /: curl\n/);
  });

  test("is not sent to an address that is not proved, or not any more", async () => {
    const { logIn, sent, services, user } = await setUp({ emailProvedAt: null });
    await logIn();
    assert.deepEqual(await sent(), []);
    await services.db.updateTable("users").set({ email_proved_at: 1 }).execute();
    await editUser(services, OPERATOR, user, { email: "mallory@example.com" });
    await logIn();
    assert.deepEqual(await sent(), []);
  });

  test("is not sent with POSTERN_NEW_DEVICE_NOTICES=off, or if no device is known: with POSTERN_THROTTLE=off", async () => {
    for (const off of ["POSTERN_NEW_DEVICE_NOTICES", "POSTERN_THROTTLE"]) {
      const { logIn, sent, services, user } = await setUp({}, { ...MAIL, [off]: "off" });
      await logIn();
      assert.deepEqual(await sent(), [], off);
      await endSessions(services, OPERATOR, user);
      assert.deepEqual(await sent(), [SESSIONS_ENDED], off);
    }
  });

  test("is sent to the address of the time of the login: a thief who then changes it does not get the notice", async () => {
    const { logIn, sent, services, user } = await setUp();
    await logIn();
    await transaction(services.db, (db) => setProvedEmail(db, user.id, "mallory@example.com", 1));
    assert.deepEqual(await sent(), [NEW_DEVICE]);
  });

  test("is not sent to a user who was deactivated or deleted meanwhile", async () => {
    const { logIn, sent, services, user } = await setUp();
    await logIn();
    await deactivate(services, OPERATOR, user);
    assert.deepEqual(await sent(), []);
    assert.deepEqual(await services.db.selectFrom("mails").selectAll().execute(), []);
  });
});

describe("a notice", () => {
  test("is sent at most once an hour of each kind, also if many logins come at once", async () => {
    const { logIn, sent, clock, services, user } = await setUp();
    await Promise.all(Array.from({ length: 8 }, () => logIn()));
    await endSessions(services, OPERATOR, user);
    assert.deepEqual((await sent()).sort(), [NEW_DEVICE, SESSIONS_ENDED]);
    clock.advance(HOUR - 1);
    await logIn();
    assert.deepEqual(await sent(), []);
    clock.advance(1);
    await logIn();
    assert.deepEqual(await sent(), [NEW_DEVICE]);
  });

  test("is sent again if the clock was a day ahead and was put back", async () => {
    const { logIn, sent, clock } = await setUp();
    clock.advance(24 * HOUR);
    await logIn();
    clock.advance(-24 * HOUR);
    await sent();
    await logIn();
    assert.deepEqual(await sent(), [NEW_DEVICE]);
  });

  test("is not sent if what it tells did not happen", async () => {
    const { app, sent, services, user } = await setUp();
    await createClient(app).login("alice", "wrong");
    assert.equal(await endSessions(services, OPERATOR, user), 0);
    await setActive(services.db, user.id, false);
    await createClient(app).login("alice", PASSWORD);
    assert.deepEqual(await sent(), []);
  });

  test("costs a login two statements, a login from a known browser or without mail none", async () => {
    const logins = async (environment: Record<string, string>) => {
      const database = await openNotingDatabase();
      const { logIn } = await setUp({}, environment, database);
      const browser: Client[] = [];
      const asStranger = await database.statementsOf(async () => void browser.push(await logIn()));
      const asKnown = await database.statementsOf(() => logIn(OURS, browser[0]));
      await database.close();
      return { asStranger, asKnown };
    };
    const [without, withMail] = [await logins({}), await logins(MAIL)];
    const added = withMail.asStranger.filter((statement) => /"(notices|mails)"/.test(statement));
    assert.equal(added.length, 2);
    assert.deepEqual(
      withMail.asStranger.filter((statement) => !added.includes(statement)),
      without.asStranger,
    );
    assert.deepEqual(withMail.asKnown, without.asKnown);
  });
});

describe("the notice of a new password", () => {
  test("is sent to the user who changes it", async () => {
    const { logIn, sent, deliver } = await setUp();
    const client = await logIn();
    assert.deepEqual(await sent(), [NEW_DEVICE]);
    const json = { current_password: PASSWORD, new_password: "k7#qz!pv-9" };
    const headers = { ...OURS, "User-Agent": FIREFOX };
    assert.equal((await client.send("POST", "/password/change/", { json, headers })).status, 204);
    const [mail] = await deliver();
    assert.equal(`${mail?.to}: ${mail?.subject}`, PASSWORD_CHANGED);
    assert.match(mail?.text ?? "", /Firefox on Linux/);
  });

  test("is sent to a user whose password an operator changes, without a device", async () => {
    const { services, user, deliver } = await setUp();
    await changePassword(services, OPERATOR, user, anyPassword("another horse"));
    const [mail] = await deliver();
    assert.equal(`${mail?.to}: ${mail?.subject}`, PASSWORD_CHANGED);
    assert.doesNotMatch(mail?.text ?? "", /Device|IP address/);
  });
});

describe("the notice of ended sessions", () => {
  test("is sent if an operator ends them, and not if the user does", async () => {
    const { logIn, sent, services, user } = await setUp();
    const client = await logIn();
    await logIn();
    assert.deepEqual(await sent(), [NEW_DEVICE]);
    assert.equal((await client.send("DELETE", "/sessions/", { headers: OURS })).status, 204);
    await client.send("POST", "/logout/", { headers: OURS });
    assert.deepEqual(await sent(), []);
    await logIn(OURS, client);
    await endSessions(services, OPERATOR, user);
    assert.deepEqual(await sent(), [SESSIONS_ENDED]);
  });
});

describe("the language of a notice", () => {
  test("is as before the login that a notice tells of: a thief does not choose it", async () => {
    const test = await setUp();
    await test.logIn({ ...OURS, "Accept-Language": "it" });
    assert.deepEqual(await test.sent(), [NEW_DEVICE]);
    await changePassword(test.services, OPERATOR, { ...test.user, language: "it" }, anyPassword("another horse"));
    assert.match((await test.sent())[0] ?? "", /La tua password su Postern/);
  });

  test("is that of the first login, if none was known", async () => {
    const test = await setUp({ language: "" });
    await test.logIn({ ...OURS, "Accept-Language": "it" });
    const [mail] = await test.deliver();
    assert.equal(mail?.language, "it");
    assert.match(mail?.subject ?? "", /Nuovo accesso/);
  });

  test("is English if none is known, also in the header Content-Language", async () => {
    const test = await setUp({ language: "" });
    await test.logIn();
    assert.equal((await test.deliver())[0]?.language, "en");
  });
});
