import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { listEventsOf } from "../db/events.ts";
import { migrate } from "../db/migrate.ts";
import { type Db, openDatabase, transaction } from "../db/open.ts";
import { setPassword, type User } from "../db/users.ts";
import { OPERATOR, SYSTEM } from "../lib/audit/actor.ts";
import { enqueue } from "../lib/mail/enqueue.ts";
import { deactivate } from "../lib/users/activation.ts";
import { changePassword } from "../lib/users/change-password.ts";
import { type Client, createClient } from "./support/client.ts";
import { usePostgres } from "./support/postgres.ts";
import { anyPassword, createTestApp, MAIL, type NewUser, type TestApp } from "./support/test-app.ts";

const PASSWORD = "right horse";
const ON = { POSTERN_ACCOUNT_DELETION: "on" };
const OURS = { "Sec-Fetch-Site": "same-origin" };
const BROWSER = { ...OURS, "Sec-Fetch-Mode": "navigate" };
const SUPERUSER = { isStaff: true, isSuperuser: true };

interface Scene extends TestApp {
  user: User;
  client: Client;
}

async function setUp(given: Partial<NewUser> = {}, environment: Record<string, string> = ON): Promise<Scene> {
  const test = await createTestApp(environment);
  return { ...test, ...(await addMember(test, "alice", given)) };
}

async function addMember(test: TestApp, username: string, given: Partial<NewUser> = {}) {
  const user = await test.addUser({ username, password: PASSWORD, ...given });
  const client = createClient(test.app);
  assert.equal((await client.login(username, PASSWORD)).status, 202);
  return { user, client };
}

const remove = (client: Client, password = PASSWORD) => client.post("/account/delete/", { password }, OURS);

async function usernames(db: Db): Promise<string[]> {
  return (await db.selectFrom("users").select("username").orderBy("username").execute()).map((row) => row.username);
}

async function kindsOf({ services }: TestApp, { id }: User): Promise<string[]> {
  const events = await listEventsOf(services.db, `user:${id}`, { before: null, limit: 100 });
  return events.map(({ kind }) => kind).reverse();
}

const LAST = { non_field_errors: ["This is the last active superuser. Make another user a superuser first."] };
const WRONG = { password: ["Your old password was entered incorrectly. Please enter it again."] };

describe("an account that its user deletes", () => {
  test("is gone at once, with every session, device, link and waiting mail, and no other account is", async () => {
    const scene = await setUp({ email: "alice@example.com" }, { ...ON, ...MAIL });
    const { app, services, user, client } = scene;
    const { db } = services;
    const bob = await addMember(scene, "bob");
    const other = createClient(app);
    await other.login("alice", PASSWORD);
    for (const [one, isSent] of [
      [user, true],
      [user, false],
      [bob.user, false],
    ] as const) {
      await transaction(db, (db) =>
        enqueue(db, services, SYSTEM, { purpose: "password_reset", user: one, language: "" }),
      );
      if (isSent) assert.equal((await scene.deliver()).length, 1);
    }
    const answer = await remove(client);
    assert.deepEqual([answer.status, await answer.text()], [204, ""]);
    assert.deepEqual([...client.cookies.keys()], []);
    for (const one of [client, other]) assert.equal((await one.get("/profile/")).status, 403);
    assert.equal((await createClient(app).login("alice", PASSWORD)).status, 400);
    assert.equal((await bob.client.get("/profile/")).status, 200);
    assert.deepEqual(await usernames(db), ["bob"]);
    for (const table of ["sessions", "devices", "mails"] as const) {
      const rows = await db.selectFrom(table).select("user_id").execute();
      assert.deepEqual(new Set(rows.map((row) => row.user_id)), new Set([bob.user.id]), table);
    }
    assert.deepEqual(await db.selectFrom("one_time_tokens").selectAll().execute(), []);
    const deleted = (await listEventsOf(db, `user:${user.id}`, { before: null, limit: 1 }))[0];
    assert.deepEqual([deleted?.kind, deleted?.actor], ["user_deleted", `user:${user.id}`]);
  });

  test("needs its password, and guesses at it are limited as at the login", async () => {
    const scene = await setUp();
    const { client, services, user } = scene;
    for (const password of ["", " ", "wrong", `${PASSWORD} `]) {
      const answer = await remove(client, password);
      assert.equal(answer.status, 400, JSON.stringify(password));
      if (password !== "") assert.deepEqual(await answer.json(), WRONG);
    }
    assert.deepEqual(await (await client.post("/account/delete/", {}, OURS)).json(), {
      password: ["This field is required."],
    });
    const statuses: number[] = [];
    for (let count = 0; count < 12; count++) statuses.push((await remove(client, "wrong")).status);
    assert.equal(statuses.at(-1), 429);
    assert.equal((await remove(client)).status, 429);
    assert.equal((await kindsOf(scene, user)).at(-1), "login_throttled");
    assert.deepEqual(await usernames(services.db), ["alice"]);
    assert.equal((await client.get("/profile/")).status, 200);
  });

  test("is deleted in the name of its own session alone", async () => {
    const scene = await setUp();
    const bob = await addMember(scene, "bob", { password: PASSWORD });
    assert.equal((await remove(createClient(scene.app))).status, 403);
    const body = { password: PASSWORD, username: "alice", user_id: scene.user.id, id: scene.user.id };
    assert.equal((await bob.client.post("/account/delete/?username=alice", body, OURS)).status, 204);
    assert.deepEqual(await usernames(scene.services.db), ["alice"]);
  });

  test("is not deleted by a page of another site, by an old browser without the token, or by a GET", async () => {
    const { client, services } = await setUp();
    for (const headers of [
      { "Sec-Fetch-Site": "cross-site" },
      { "Sec-Fetch-Site": "same-site" },
      { Origin: "https://evil.example" },
      {},
    ]) {
      assert.equal((await client.post("/account/delete/", { password: PASSWORD }, headers)).status, 403);
    }
    assert.equal((await client.get(`/account/delete/?password=${encodeURIComponent(PASSWORD)}`, BROWSER)).status, 200);
    assert.deepEqual(await usernames(services.db), ["alice"]);
  });

  test("cannot be deleted, and has no page or link for it, without the setting", async () => {
    const { app, client, services } = await setUp({}, {});
    for (const headers of [OURS, BROWSER]) {
      for (const one of [client, createClient(app)]) {
        assert.equal((await one.get("/account/delete/", headers)).status, 404);
        assert.equal(
          (await one.send("POST", "/account/delete/", { headers, json: { password: PASSWORD } })).status,
          404,
        );
      }
    }
    assert.doesNotMatch(await (await client.get("/profile/", BROWSER)).text(), /account\/delete/);
    assert.deepEqual(await usernames(services.db), ["alice"]);
  });

  test("stays if it has no password, or if the password changed while it was checked", async () => {
    const { client, services, user } = await setUp();
    const { check } = services.hasher;
    services.hasher.check = async (...given) => {
      const result = await check(...given);
      await setPassword(services.db, user.id, "!none");
      return result;
    };
    const late = await remove(client);
    assert.deepEqual([late.status, await late.json()], [400, WRONG]);
    const none = await remove(client);
    assert.equal(none.status, 400);
    assert.deepEqual(await none.json(), {
      non_field_errors: ["This account has no password. Ask an administrator to delete it."],
    });
    assert.match(await (await client.get("/account/delete/", BROWSER)).text(), /Your account has no password\./);
    assert.deepEqual(await usernames(services.db), ["alice"]);
  });

  test("leaves no wait for a later user of the same name", async () => {
    const scene = await setUp();
    const thief = createClient(scene.app);
    for (let count = 0; count < 10; count++) await thief.login("alice", "wrong");
    assert.equal((await remove(scene.client)).status, 204);
    await scene.addUser({ username: "alice", password: "another horse" });
    assert.equal((await createClient(scene.app).login("alice", "another horse")).status, 202);
  });
});

describe("a superuser", () => {
  test("who is the last active one cannot delete the account", async () => {
    const scene = await setUp(SUPERUSER);
    const inactive = await addMember(scene, "inactive", SUPERUSER);
    await deactivate(scene.services, OPERATOR, inactive.user);
    const answer = await remove(scene.client);
    assert.deepEqual([answer.status, await answer.json()], [400, LAST]);
    const page = await scene.client.get("/account/delete/", BROWSER);
    assert.match(await page.text(), /You are the last active superuser\./);
    await addMember(scene, "bob", SUPERUSER);
    assert.equal((await remove(scene.client)).status, 204);
    assert.deepEqual(await usernames(scene.services.db), ["bob", "inactive"]);
  });
});

describe("a browser", () => {
  test("gets the form again with its error, and after the deletion the login with a notice", async () => {
    const { client } = await setUp();
    const headers = { ...BROWSER, "Content-Type": "application/x-www-form-urlencoded" };
    const send = (password: string) =>
      client.send("POST", "/account/delete/", { headers, body: String(new URLSearchParams({ password })) });
    const wrong = await send("wrong");
    assert.equal(wrong.status, 400);
    assert.match(await wrong.text(), /This is not your current password\./);
    const done = await send(PASSWORD);
    assert.deepEqual([done.status, done.headers.get("location")], [303, "/login/?done=deleted"]);
    assert.match(await (await client.get("/login/?done=deleted", BROWSER)).text(), /Your account is deleted\./);
  });
});

function atOnce(kind: string, open: () => Promise<{ db: Db; close: () => Promise<void> } | undefined>): void {
  test(`of two requests at once, one deletes the account, on ${kind}`, async () => {
    const app = await createTestApp({ ...ON, POSTERN_THROTTLE: "off" }, await open());
    const { client, user } = await addMember(app, "alice");
    const other = createClient(app.app);
    await other.login("alice", PASSWORD);
    const statuses = (await Promise.all([client, client, other].map((one) => remove(one)))).map(({ status }) => status);
    assert.deepEqual(statuses.toSorted(), [204, 403, 403]);
    assert.equal((await kindsOf(app, user)).filter((kind) => kind === "user_deleted").length, 1);
    await app.close();
  });

  test(`of two superusers at once, one stays, on ${kind}`, async () => {
    const app = await createTestApp(ON, await open());
    for (let round = 0; round < 5; round++) {
      await app.services.db.deleteFrom("users").execute();
      const members = [await addMember(app, "alice", SUPERUSER), await addMember(app, "bob", SUPERUSER)];
      const answers = await Promise.all(members.map(({ client }) => remove(client)));
      assert.deepEqual(answers.map(({ status }) => status).toSorted(), [204, 400]);
      assert.equal((await usernames(app.services.db)).length, 1);
    }
    await app.close();
  });

  test(`a deletion and a new password at once leave no session, on ${kind}`, async () => {
    const app = await createTestApp(ON, await open());
    const { client, user } = await addMember(app, "alice");
    const change = changePassword(app.services, OPERATOR, user, anyPassword("another horse"));
    const [answer] = await Promise.all([remove(client), change]);
    assert([204, 400, 403].includes(answer.status), String(answer.status));
    assert.deepEqual(await app.services.db.selectFrom("sessions").selectAll().execute(), []);
    await app.close();
  });
}

describe("at the same time", () => {
  const postgres = usePostgres({ timeout: 120_000 });
  let db: Db;
  before(async () => {
    db = await openDatabase(await postgres.createDatabase("deletion"), { mayCreate: false, poolSize: 5 });
    await migrate(db);
  });
  after(() => db.destroy());
  atOnce("SQLite", async () => undefined);
  atOnce("Postgres", async () => ({
    db,
    close: () =>
      db
        .deleteFrom("users")
        .execute()
        .then(() => {}),
  }));
});
