import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OPERATOR } from "../lib/audit/actor.ts";
import type { Message } from "../lib/mail/transport.ts";
import { activate, deactivate } from "../lib/users/activation.ts";
import { changePassword } from "../lib/users/change-password.ts";
import { editUser } from "../lib/users/edit-user.ts";
import { type Client, createClient } from "./support/client.ts";
import { anyPassword, createTestApp, MAIL, type TestApp, tokenIn } from "./support/test-app.ts";

const OURS = { "Sec-Fetch-Site": "same-origin" };
const BROWSER = { "Sec-Fetch-Mode": "navigate", ...OURS, Accept: "text/html,*/*;q=0.8" };
const FORM = { ...BROWSER, "Content-Type": "application/x-www-form-urlencoded" };

const PASSWORD = "right horse";
const OLD = "Alice@example.com";
const NEW = "alice@new.example";
const NAMES = { username: "alice", email: OLD, first_name: "", last_name: "" };

async function setUp(environment: Record<string, string> = MAIL) {
  const test = await createTestApp(environment);
  const emailProvedAt = test.clock.now;
  const user = await test.addUser({ username: "alice", email: OLD, emailProvedAt, password: PASSWORD });
  const client = createClient(test.app);
  await client.login("alice", PASSWORD);
  await test.deliver(); // The notice about a new device.
  await test.services.db.deleteFrom("one_time_tokens").execute();
  return { ...test, user, client };
}

const patch = (client: Client, json: Record<string, string>) =>
  client.send("PATCH", "/profile/", { headers: OURS, json });

const confirm = ({ app }: TestApp, token: string) => createClient(app).post("/email/confirm/", { token }, OURS);

/** Asks for a new address. @returns the mail that went out */
async function ask(test: TestApp & { client: Client }, email = NEW): Promise<Message> {
  assert.equal((await patch(test.client, { email })).status, 202);
  return (await test.deliver()).at(-1) ?? assert.fail("no mail");
}

async function profileOf({ client }: { client: Client }): Promise<{ email: string }> {
  return (await client.get("/profile/")).json();
}

async function kindsOf({ services }: TestApp): Promise<string[]> {
  const rows = await services.db.selectFrom("events").select("kind").orderBy("id").execute();
  return rows.map(({ kind }) => kind);
}

describe("a new address", () => {
  test("changes at once without mail, as ever", async () => {
    const test = await setUp({});
    const answer = await patch(test.client, { email: "New@EXAMPLE.com" });
    assert.deepEqual([answer.status, await answer.json()], [200, { ...NAMES, email: "New@example.com" }]);
    for (const path of ["/email/confirm/", "/email/prove/"])
      assert.equal((await test.client.post(path, { token: "a" }, OURS)).status, 404);
  });

  test("does not count before its link is used, and everything else does at once", async () => {
    const test = await setUp();
    const answer = await patch(test.client, { email: "Alice@NEW.example", first_name: "Al" });
    assert.equal(answer.status, 202);
    assert.deepEqual(await answer.json(), { ...NAMES, first_name: "Al", pending_email: "Alice@new.example" });
    assert.deepEqual(await profileOf(test), { ...NAMES, first_name: "Al" });
    assert.deepEqual((await kindsOf(test)).slice(-2), ["user_changed", "email_change_requested"]);
    const [mail, ...others] = await test.deliver();
    assert.deepEqual([mail?.to, others], ["Alice@new.example", []]);
    assert.match(mail?.text ?? "", /\/email\/confirm\/\?token=/);
  });

  test("counts once its link is used, without a session, and makes none", async () => {
    const test = await setUp();
    const token = tokenIn(await ask(test));
    test.clock.advance(60);
    const stranger = createClient(test.app);
    const answer = await stranger.post("/email/confirm/", { token }, OURS);
    assert.deepEqual([answer.status, await answer.text(), [...stranger.cookies]], [204, "", []]);
    assert.equal((await profileOf(test)).email, NEW);
    const row = await test.services.db.selectFrom("users").select("email_proved_at").executeTakeFirst();
    assert.equal(row?.email_proved_at, test.clock.now);
    assert.equal((await kindsOf(test)).at(-1), "email_changed");
    const again = await confirm(test, token);
    assert.deepEqual([again.status, Object.keys(await again.json())], [400, ["token"]]);
  });

  test("sends the former one a mail with a link, and every link for a password that this one got is void", async () => {
    const test = await setUp();
    await test.client.post("/password/reset/", { username: "alice" }, OURS);
    await test.deliver();
    await confirm(test, tokenIn(await ask(test)));
    const [mail, ...others] = await test.deliver();
    assert.deepEqual([mail?.to, others], [OLD, []]);
    assert.match(mail?.text ?? "", /New address: alice@new\.example\n[\s\S]*\/not-me\/\?token=/);
    const tokens = await test.services.db.selectFrom("one_time_tokens").select("purpose").execute();
    assert.deepEqual(
      tokens.map(({ purpose }) => purpose),
      ["email_undo"],
    );
  });

  test("is verified for applications from then on", async () => {
    const test = await setUp();
    const identity = async (): Promise<Record<string, unknown>> => (await test.client.get("/auth/")).json();
    const { email, email_verified } = await identity();
    assert.deepEqual([email, email_verified], [OLD, true]);
    await editUser(test.services, OPERATOR, test.user, { email: "typed@example.com" });
    assert.equal((await identity())["email_verified"], false);
    await confirm(test, tokenIn(await ask(test)));
    const proved = await identity();
    assert.deepEqual([proved["email"], proved["email_verified"]], [NEW, true]);
  });

  test("is proved by one of two uses of its link at once", async () => {
    const test = await setUp();
    const token = tokenIn(await ask(test));
    const statuses = await Promise.all([1, 2, 3].map(async () => (await confirm(test, token)).status));
    assert.deepEqual(statuses.toSorted(), [204, 400, 400]);
    assert.equal((await test.deliver()).length, 1);
  });

  test("is not proved by a program that opens every link of a mail", async () => {
    const test = await setUp();
    const token = tokenIn(await ask(test));
    for (let visit = 0; visit < 2; visit++) {
      const page = await createClient(test.app).get(`/email/confirm/?token=${token}`, BROWSER);
      assert.equal(page.status, 200);
      const text = await page.text();
      for (const fact of ["alice", OLD, NEW, "192.0.2.1"]) assert(text.includes(fact), fact);
    }
    assert.equal((await profileOf(test)).email, OLD);
    assert.equal((await confirm(test, token)).status, 204);
  });

  test("by a form is the same, and leads on with a notice", async () => {
    const test = await setUp();
    const send = (path: string, fields: Record<string, string>, client = test.client) =>
      client.send("POST", path, { headers: FORM, body: String(new URLSearchParams(fields)) });
    const sent = await send("/profile/", { first_name: "Al", last_name: "", email: NEW });
    assert.deepEqual([sent.status, sent.headers.get("location")], [303, "/profile/?done=emailLink"]);
    assert.match(
      await (await test.client.get("/profile/", BROWSER)).text(),
      /sent a link to alice@new\.example\. Until/,
    );
    const token = tokenIn((await test.deliver())[0] ?? assert.fail());
    const stranger = createClient(test.app);
    const confirmed = await send("/email/confirm/", { token }, stranger);
    assert.deepEqual([confirmed.status, confirmed.headers.get("location")], [303, "/login/?done=emailConfirmed"]);
    assert.match(await (await test.client.get("/profile/", BROWSER)).text(), /alice@new\.example is confirmed/);
    assert.match(await (await send("/email/confirm/", { token }, stranger)).text(), /This link no longer works/);
  });

  test("takes the place of one that was asked for before, sent or not", async () => {
    const test = await setUp();
    const first = tokenIn(await ask(test, "one@new.example"));
    await patch(test.client, { email: "two@new.example" });
    const third = tokenIn(await ask(test, "three@new.example"));
    assert.equal((await confirm(test, first)).status, 400);
    assert.equal((await confirm(test, third)).status, 204);
    assert.equal((await profileOf(test)).email, "three@new.example");
  });

  test("needs proof also if only the case of its letters differs, but not if it is the stored one", async () => {
    const test = await setUp();
    const same = await patch(test.client, { email: "Alice@EXAMPLE.com" });
    assert.deepEqual([same.status, await same.json()], [200, NAMES]);
    assert.deepEqual(await test.deliver(), []);
    assert.equal((await ask(test, "alice@example.com")).to, "alice@example.com");
    const row = await test.services.db.selectFrom("users").select("email_proved_at").executeTakeFirst();
    assert(row?.email_proved_at);
  });

  test("that is empty replaces the stored one at once, and the stored one gets a mail", async () => {
    const test = await setUp();
    const pending = tokenIn(await ask(test));
    const answer = await patch(test.client, { email: "" });
    assert.deepEqual([answer.status, await answer.json()], [200, { ...NAMES, email: "" }]);
    const [mail] = await test.deliver();
    assert.equal(mail?.to, OLD);
    assert.match(mail?.text ?? "", /\/not-me\/\?token=/);
    assert.equal((await confirm(test, pending)).status, 400);
  });
});

describe("a link to a new address is void", () => {
  const VOIDED: Record<
    string,
    (test: TestApp & { client: Client; user: Parameters<typeof deactivate>[2] }) => unknown
  > = {
    "after the password was changed": ({ services, user }) =>
      changePassword(services, OPERATOR, user, anyPassword("other horse")),
    "after an operator set another address": ({ services, user }) =>
      editUser(services, OPERATOR, user, { email: "set@example.com" }),
    "after the user was deactivated, also if the user is activated again": async ({ services, user }) => {
      await deactivate(services, OPERATOR, user);
      await activate(services, OPERATOR, user);
    },
    "after a day": ({ clock }) => clock.advance(24 * 60 * 60),
  };

  for (const [when, work] of Object.entries(VOIDED)) {
    test(when, async () => {
      const test = await setUp();
      const sent = tokenIn(await ask(test));
      await work(test);
      assert.equal((await confirm(test, sent)).status, 400);
      assert(!(await test.deliver()).some(({ text }) => text.includes(NEW)));
    });
  }

  test("before its mail went out", async () => {
    const test = await setUp();
    await patch(test.client, { email: NEW });
    await changePassword(test.services, OPERATOR, test.user, anyPassword("other horse"));
    assert(!(await test.deliver()).some(({ to }) => to === NEW));
  });

  test("and so is the link of a former address, after an operator set another one", async () => {
    const test = await setUp();
    await confirm(test, tokenIn(await ask(test)));
    await test.deliver();
    await editUser(test.services, OPERATOR, test.user, { email: "set@example.com" });
    assert.deepEqual(await test.services.db.selectFrom("one_time_tokens").select("purpose").execute(), []);
  });
});

describe("an address that is not proved", () => {
  test("can be proved by a link to it", async () => {
    const test = await setUp();
    await test.services.db.updateTable("users").set({ email_proved_at: null }).execute();
    const answer = await test.client.post("/email/prove/", {}, OURS);
    assert.deepEqual([answer.status, await answer.json()], [202, { ...NAMES, pending_email: OLD }]);
    const [mail] = await test.deliver();
    assert.equal((await confirm(test, tokenIn(mail ?? assert.fail()))).status, 204);
    assert.deepEqual(await test.deliver(), [], "there is no former address");
    const again = await test.client.post("/email/prove/", {}, OURS);
    assert.deepEqual([again.status, await again.json()], [200, NAMES]);
  });

  test("is not there to prove without an address", async () => {
    const test = await setUp();
    await test.services.db.updateTable("users").set({ email: "", email_proved_at: null }).execute();
    const answer = await test.client.post("/email/prove/", {}, OURS);
    assert.deepEqual([answer.status, await answer.json()], [400, { email: ["This field is required."] }]);
  });
});
