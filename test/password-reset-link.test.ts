import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { listEventsOf } from "../db/events.ts";
import { findUserById, type User } from "../db/users.ts";
import { OPERATOR } from "../lib/audit/actor.ts";
import { activate, deactivate } from "../lib/users/activation.ts";
import { changePassword } from "../lib/users/change-password.ts";
import { type Client, createClient } from "./support/client.ts";
import { anyPassword, createTestApp, MAIL, type TestApp, tokenIn } from "./support/test-app.ts";

const OURS = { "Sec-Fetch-Site": "same-origin" };
const BROWSER = { ...OURS, "Sec-Fetch-Mode": "navigate", Accept: "text/html" };
const PATH = "/password/reset/confirm/";
const INVALID_LINK = { token: ["This link is not valid any more. Ask for a new one."] };
const NEW = "cyan giraffe umbrella";
const MINUTE = 60;

type Stage = TestApp & { user: User; client: Client };

async function setUp(environment: Record<string, string> = {}): Promise<Stage> {
  const test = await createTestApp({ ...MAIL, ...environment });
  const input = { username: "alice", email: "Alice@example.com", password: "right horse" };
  return { ...test, user: await test.addUser(input), client: createClient(test.app) };
}

/** Asks for a link. @returns its token */
async function askForLink({ client, deliver }: Pick<Stage, "client" | "deliver">): Promise<string> {
  assert.equal((await client.post("/password/reset/", { username: "alice" }, OURS)).status, 202);
  const mail = (await deliver()).at(-1);
  assert(mail);
  return tokenIn(mail);
}

const set = (client: Client, token: unknown, new_password: unknown = NEW) =>
  client.post(PATH, { token, new_password }, OURS);

const show = ({ client }: Stage, token: string) => client.get(`${PATH}?token=${token}`, BROWSER);

async function assertDead(stage: Stage, token: string): Promise<void> {
  const answer = await set(createClient(stage.app), token);
  assert.deepEqual([answer.status, await answer.json()], [400, INVALID_LINK]);
  const page = await show(stage, token);
  assert.equal(page.status, 400);
  assert.match(await page.text(), /This link no longer works.*href="\/password\/reset\/"/s);
}

const statusOfLogin = async ({ app }: TestApp, password: string) =>
  (await createClient(app).login("alice", password)).status;

describe("the link for a new password", () => {
  test("sets the password, ends every session, forgets every device, and logs in", async () => {
    const stage = await setUp();
    const others = [createClient(stage.app), createClient(stage.app)];
    for (const other of others) await other.login("alice", "right horse");
    assert.equal((await stage.services.db.selectFrom("devices").selectAll().execute()).length, 2);
    const answer = await set(stage.client, await askForLink(stage));
    assert.deepEqual([answer.status, await answer.text()], [204, ""]);
    assert.equal((await stage.client.get("/profile/")).status, 200);
    for (const other of others) assert.equal((await other.get("/profile/")).status, 403);
    const devices = await stage.services.db.selectFrom("devices").selectAll().execute();
    assert.equal(devices.length, 1, "only the browser of the link is known");
    assert.deepEqual([await statusOfLogin(stage, "right horse"), await statusOfLogin(stage, NEW)], [400, 202]);
  });

  test("tells the owner that the password was changed", async () => {
    const stage = await setUp();
    await set(stage.client, await askForLink(stage));
    const subjects = (await stage.deliver()).map(({ to, subject }) => `${to}: ${subject}`);
    assert.deepEqual(subjects, ["Alice@example.com: Your password at Postern was changed"]);
  });

  test("records it, without the password", async () => {
    const stage = await setUp();
    await set(stage.client, await askForLink(stage));
    const trail = await listEventsOf(stage.services.db, `user:${stage.user.id}`, { before: null, limit: 10 });
    const deeds = trail.map(({ kind, actor }) => [kind, actor]).reverse();
    assert.deepEqual(deeds.slice(1), [
      ["reset_requested", "nobody"],
      ["password_reset", "nobody"],
      ["login", `user:${stage.user.id}`],
    ]);
    assert(!JSON.stringify(trail).includes(NEW));
  });

  test("works once", async () => {
    const stage = await setUp();
    const token = await askForLink(stage);
    assert.equal((await set(stage.client, token)).status, 204);
    await assertDead(stage, token);
  });

  test("works for one of many clients that use it at once", async () => {
    const stage = await setUp();
    const token = await askForLink(stage);
    const passwords = Array.from({ length: 6 }, (_, index) => `${NEW} ${index}`);
    const answers = await Promise.all(passwords.map((one) => set(createClient(stage.app), token, one)));
    const statuses = answers.map(({ status }) => status);
    assert.deepEqual(statuses.toSorted(), [204, 400, 400, 400, 400, 400]);
    const winner = passwords[statuses.indexOf(204)] ?? "";
    assert.equal(await statusOfLogin(stage, winner), 202);
    assert.equal((await stage.services.db.selectFrom("sessions").selectAll().execute()).length, 2);
  });

  test("shows the account, the time and the place of the request, and changes nothing however often it is opened", async () => {
    const stage = await setUp();
    const firefox = { "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0" };
    await stage.client.post("/password/reset/", { username: "alice" }, { ...OURS, ...firefox });
    const [mail] = await stage.deliver();
    assert(mail);
    const token = tokenIn(mail);
    stage.clock.advance(5 * MINUTE);
    const contentOf = async () => ({
      users: await stage.services.db.selectFrom("users").selectAll().execute(),
      tokens: await stage.services.db.selectFrom("one_time_tokens").selectAll().execute(),
      events: await stage.services.db.selectFrom("events").selectAll().execute(),
    });
    const before = await contentOf();
    for (const method of ["GET", "GET", "HEAD", "OPTIONS", "PUT"]) {
      for (const headers of [BROWSER, {}]) {
        const scanner = createClient(stage.app, "postern.test", "203.0.113.9");
        const { status } = await scanner.send(method, `${PATH}?token=${token}&new_password=${NEW}`, { headers });
        assert(status < 500, `${method} ${status}`);
      }
    }
    const page = await (await show(stage, token)).text();
    for (const part of ["<dd>alice</dd>", "5 minutes ago", "Firefox on Linux", "192.0.2.1", `value="${token}"`]) {
      assert(page.includes(part), part);
    }
    assert(!page.includes("203.0.113.9"));
    assert.deepEqual(await contentOf(), before);
    assert.equal((await set(stage.client, token)).status, 204);
  });

  test("is dead after 30 minutes", async () => {
    const stage = await setUp();
    const token = await askForLink(stage);
    stage.clock.advance(30 * MINUTE - 1);
    assert.equal((await show(stage, token)).status, 200);
    stage.clock.advance(1);
    await assertDead(stage, token);
  });

  test("is dead after a second request, whose link works", async () => {
    const stage = await setUp();
    const first = await askForLink(stage);
    const second = await askForLink(stage);
    await assertDead(stage, first);
    assert.equal((await set(stage.client, second)).status, 204);
  });

  test("is not used up by a password that breaks the rules", async () => {
    const stage = await setUp();
    const token = await askForLink(stage);
    for (const weak of ["", "short", "password", "alice@example.com", "a\0bcdefghijk", null, [NEW]]) {
      const answer = await set(stage.client, token, weak);
      assert.equal(answer.status, 400, JSON.stringify(weak));
      assert.deepEqual(Object.keys(await answer.json()), ["new_password"]);
    }
    assert.equal((await stage.client.post(PATH, { token }, OURS)).status, 400);
    assert.equal((await set(stage.client, token)).status, 204);
  });

  test("with junk in place of the token is no link", async () => {
    const stage = await setUp();
    await askForLink(stage);
    for (const junk of [null, 1, true, {}, [], ["x"], { token: "x" }, "", "\0", "\ud800", "a".repeat(60_000)]) {
      const answer = await set(stage.client, junk);
      assert.deepEqual([answer.status, await answer.json()], [400, INVALID_LINK], JSON.stringify(junk)?.slice(0, 20));
    }
    for (const body of ["[]", "null", '"x"', "1"]) {
      const headers = { ...OURS, "Content-Type": "application/json" };
      assert.equal((await stage.client.send("POST", PATH, { headers, body })).status, 400, body);
    }
    for (const query of ["", "?token=", "?token=%00", "?token=%ff", "?token=a&token=b", "?token[]=a"]) {
      assert.equal((await stage.client.get(PATH + query, BROWSER)).status, 400, query);
    }
  });

  test("of another purpose is no link", async () => {
    const stage = await setUp();
    const token = await askForLink(stage);
    for (const purpose of ["email_change", "not_me", "email_undo", "signup", "invite", "setup"] as const) {
      await stage.services.db.updateTable("one_time_tokens").set({ purpose }).execute();
      await assertDead(stage, token);
    }
  });

  test("gives a password to an account without one", async () => {
    const stage = await setUp();
    await stage.services.db.updateTable("users").set({ password: "!unusable" }).execute();
    assert.equal((await set(stage.client, await askForLink(stage))).status, 204);
    assert.equal(await statusOfLogin(stage, NEW), 202);
  });

  test("logs in to its own account, also in a browser where another user is logged in", async () => {
    const stage = await setUp();
    await stage.addUser({ username: "bob", email: "bob@example.com", password: "right horse" });
    const token = await askForLink(stage);
    const bobs = createClient(stage.app);
    await bobs.login("bob", "right horse");
    assert.equal((await set(bobs, token)).status, 204);
    const { username } = await (await bobs.get("/profile/")).json();
    assert.equal(username, "alice", "the link says whose password it sets, and the browser is that user's then");
    assert.equal((await createClient(stage.app).login("bob", "right horse")).status, 202);
  });

  test("lets the owner in again after strangers have used up their attempts", async () => {
    const stage = await setUp();
    for (let count = 0; count < 11; count++) await statusOfLogin(stage, "wrong");
    assert.equal(await statusOfLogin(stage, "right horse"), 429);
    assert.equal((await set(stage.client, await askForLink(stage))).status, 204);
    assert.equal(await statusOfLogin(stage, NEW), 202);
  });
});

describe("the address of a link for a new password", () => {
  const provedAt = async ({ services, user }: Stage) => (await findUserById(services.db, user.id))?.emailProvedAt;

  test("is proved by its use", async () => {
    const stage = await setUp();
    const token = await askForLink(stage);
    assert.equal(await provedAt(stage), null);
    stage.clock.advance(MINUTE);
    await set(stage.client, token);
    assert.equal(await provedAt(stage), stage.clock.now);
  });

  test("is not proved if another user has proved it", async () => {
    const stage = await setUp();
    const token = await askForLink(stage);
    await stage.addUser({ username: "bob", email: "alice@example.com", password: "right horse", emailProvedAt: 1 });
    assert.equal((await set(stage.client, token)).status, 204);
    assert.equal(await provedAt(stage), null);
  });

  test("is not proved if the account has another one by now", async () => {
    const stage = await setUp();
    const token = await askForLink(stage);
    await stage.services.db.updateTable("users").set({ email: "new@example.com" }).execute();
    assert.equal((await set(stage.client, token)).status, 204);
    assert.equal(await provedAt(stage), null);
  });
});

describe("a link for a new password is void", () => {
  test("after the password was changed, also if its mail is sent later", async () => {
    const stage = await setUp();
    const token = await askForLink(stage);
    await stage.client.post("/password/reset/", { username: "alice" }, OURS);
    await changePassword(stage.services, OPERATOR, stage.user, anyPassword("another horse"));
    await assertDead(stage, token);
    assert.deepEqual(
      (await stage.deliver()).filter(({ text }) => text.includes(PATH)),
      [],
    );
  });

  test("after another one was used, also if its mail is sent later", async () => {
    const stage = await setUp();
    const token = await askForLink(stage);
    await stage.client.post("/password/reset/", { username: "alice" }, OURS);
    assert.equal((await set(stage.client, token)).status, 204);
    assert.deepEqual(
      (await stage.deliver()).filter(({ text }) => text.includes(PATH)),
      [],
    );
  });

  test("while the user is inactive, and afterwards", async () => {
    const stage = await setUp();
    const token = await askForLink(stage);
    await stage.services.db.updateTable("users").set({ is_active: 0 }).execute();
    await assertDead(stage, token);
    await stage.services.db.updateTable("users").set({ is_active: 1 }).execute();
    assert.equal((await show(stage, token)).status, 200);
    await deactivate(stage.services, OPERATOR, stage.user);
    await activate(stage.services, OPERATOR, stage.user);
    await assertDead(stage, token);
  });

  test("if the user is deactivated while the new password is hashed", async () => {
    const stage = await setUp();
    const token = await askForLink(stage);
    const { hasher } = stage.services;
    stage.services.hasher = {
      ...hasher,
      hash: async (...sent) => {
        await deactivate(stage.services, OPERATOR, stage.user);
        return hasher.hash(...sent);
      },
    };
    assert.equal((await set(stage.client, token)).status, 400);
    assert.deepEqual(await stage.services.db.selectFrom("sessions").selectAll().execute(), []);
  });
});
