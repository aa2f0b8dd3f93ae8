import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { migrate } from "../db/migrate.ts";
import { openDatabase } from "../db/open.ts";
import { deleteUser } from "../db/users.ts";
import { OPERATOR } from "../lib/audit/actor.ts";
import { changePassword } from "../lib/users/change-password.ts";
import { endSessions } from "../lib/users/end-sessions.ts";
import { inviteFirstUser } from "../lib/users/invite-first-user.ts";
import { createClient } from "./support/client.ts";
import { usePostgres } from "./support/postgres.ts";
import { openNotingDatabase } from "./support/statements.ts";
import { anyPassword, createTestApp, MAIL, type TestApp } from "./support/test-app.ts";

const HOUR = 3600;
const OURS = { "Sec-Fetch-Site": "same-origin" };
const PASSWORD = "right horse";
const ALICE = { username: "alice", email: "alice@example.com", password: PASSWORD, emailProvedAt: 1 };

const FAILURES = "Many wrong passwords for your account at Postern";

async function setUp(database?: Parameters<typeof createTestApp>[1]) {
  const test = await createTestApp(MAIL, database);
  const user = await test.addUser(ALICE);
  return { ...test, user };
}

let networks = 0;

/** Logs in, each time from another network. */
const attempt = ({ app }: Pick<TestApp, "app">, username: string, password: string, headers = {}) =>
  createClient(app, "postern.test", `198.51.${++networks >> 8}.${networks & 255}`).send("POST", "/login/", {
    json: { username, password },
    headers: { ...OURS, ...headers },
  });

const subjects = async ({ deliver }: TestApp) => (await deliver()).map(({ subject }) => subject);

describe("the notice of wrong passwords", () => {
  test("is sent when a wait begins, not before, and names the last client", async () => {
    const test = await setUp();
    for (let time = 0; time < 9; time++) assert.equal((await attempt(test, "alice", "wrong")).status, 400);
    assert.deepEqual(await test.deliver(), []);
    await attempt(test, "alice", "wrong", { "User-Agent": "curl/8.5.0" });
    const [mail] = await test.deliver();
    assert.equal(mail?.subject, FAILURES);
    assert.match(mail?.text ?? "", /: curl\n/);
  });

  test("is no mail bomb: one an hour, however many networks guess", async () => {
    const test = await setUp();
    let sent = 0;
    for (let time = 0; time < 26 * 4; time++) {
      // As fast as the waits allow, and four at once.
      await Promise.all(Array.from({ length: 4 }, () => attempt(test, "alice", "wrong")));
      test.clock.advance(HOUR / 4);
      sent += (await subjects(test)).length;
    }
    assert(sent > 1 && sent <= 26, String(sent));
  });

  test("does not show whether a user has the name: the statements and the new rows are the same", async () => {
    const database = await openNotingDatabase();
    const test = await setUp(database);
    await test.addUser({ ...ALICE, username: "unproved", email: "bob@example.com", emailProvedAt: null });
    const fail = async (username: string, times: number) => {
      for (let time = 0; time < times; time++) await attempt(test, username, "wrong");
    };
    const work = async (username: string) => {
      const statements = await database.statementsOf(() => fail(username, 1));
      const mails = (await database.db.selectFrom("mails").select("id").execute()).length;
      await test.deliver();
      return { statements, mails };
    };
    for (const username of ["alice", "nobody", "unproved"]) await fail(username, 9);
    const known = await work("alice");
    assert.equal(known.mails, 1);
    assert.deepEqual(await work("nobody"), known);
    assert.deepEqual(await work("unproved"), known);
    test.clock.advance(30);
    assert.deepEqual(await work("alice"), known, "a second wait in the hour");
    await database.close();
  });
});

describe("a client's own words in a mail", () => {
  const device = async (userAgent: string) => {
    const test = await setUp();
    await attempt(test, "alice", PASSWORD, { "User-Agent": userAgent });
    const [mail] = await test.deliver();
    assert(mail);
    assert(!mail.html.includes("evil") && !mail.text.includes("evil"), mail.text);
    return /Device: (.*)/.exec(mail.text)?.[1] ?? "";
  };

  test("are no address that a mail program would make a link of", async () => {
    assert.equal(await device("evil.example/1.0"), "");
    assert.equal(await device("www.evil.example"), "");
    assert.equal(await device("Mozilla/5.0 (evil.example; call +391234567) evil.example/1.0 evil/2"), "Mozilla");
    assert.equal(await device("<img src=https://evil.example/x>"), "");
    assert.equal(await device("curl/8.5.0 (https://evil.example)"), "curl");
  });
});

test("the browser that uses the set-up link is known at its next login", async () => {
  const test = await createTestApp(MAIL);
  const link = (await inviteFirstUser(test.services)) ?? "";
  const client = createClient(test.app);
  const fields = { username: "root", email: "root@example.com", password: "k7#qz!pv-9" };
  const headers = {
    ...OURS,
    "Sec-Fetch-Mode": "navigate",
    Accept: "text/html",
    "Content-Type": "application/x-www-form-urlencoded",
  };
  const made = await client.send("POST", link, { headers, body: new URLSearchParams(fields).toString() });
  assert.equal(made.status, 303);
  await test.services.db.updateTable("users").set({ email_proved_at: 1 }).execute();
  await client.send("POST", "/logout/", { headers: OURS });
  assert.equal((await client.login("root", fields.password)).status, 202);
  assert.deepEqual(await test.deliver(), []);
  await createClient(test.app).login("root", fields.password);
  assert.equal((await test.deliver()).length, 1);
});

describe("on Postgres", () => {
  const PROCESSES = { timeout: 60_000 };
  const postgres = usePostgres(PROCESSES);
  let url = "";
  before(async () => {
    url = await postgres.createDatabase("notices");
  }, PROCESSES);

  test(
    "logins, failures, new passwords, ended sessions and a deletion at once neither deadlock nor fail",
    PROCESSES,
    async () => {
      const db = await openDatabase(url, { mayCreate: false, poolSize: 12 });
      await migrate(db);
      const close = () => db.destroy();
      for (let round = 0; round < 4; round++) {
        const test = await setUp({ db, close });
        const { services, user } = test;
        const work = Array.from({ length: 6 }, () => [
          attempt(test, "alice", PASSWORD),
          ...Array.from({ length: 4 }, () => attempt(test, "alice", "wrong")),
          endSessions(services, OPERATOR, user),
          changePassword(services, OPERATOR, user, anyPassword(PASSWORD)),
          test.deliver(),
        ]).flat();
        const done = await Promise.all([...work, deleteUser(db, user.id)]);
        const statuses = done.flatMap((answer) => (answer instanceof Response ? [answer.status] : []));
        assert(
          statuses.every((status) => [202, 400, 429].includes(status)),
          String(statuses),
        );
        assert.deepEqual(
          test.logged.filter((line) => /"level":"(error|warning)"/.test(line)),
          [],
        );
        await test.deliver();
        assert.deepEqual(await db.selectFrom("mails").selectAll().execute(), []);
        await db.deleteFrom("throttles").execute();
      }
      await close();
    },
  );
});
