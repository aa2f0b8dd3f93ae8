import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { listEvents } from "../db/events.ts";
import { findUser } from "../db/users.ts";
import { createClient } from "./support/client.ts";
import { createSignupApp, FORM, OPEN, OURS, PASSWORD, signUp } from "./support/sign-up.ts";
import { createTestApp, MAIL, tokenIn } from "./support/test-app.ts";

const ADA = "ada@example.com";

describe("a person signs up", () => {
  test("with a mailed link: the account is made then, with a proved address, and the person is logged in", async () => {
    const test = await createSignupApp();
    const { services, client, clock } = test;
    assert.equal((await test.ask(ADA)).status, 202);
    assert.equal(await findUser(services.db, "ada"), null);
    const [mail] = await test.deliver();
    assert(mail);
    assert.equal(mail.to, ADA);
    assert.match(mail.text, /http:\/\/postern\.test\/signup\/confirm\/\?token=[a-z2-7]{32}\n/);
    clock.advance(60);
    const answer = await test.confirm(tokenIn(mail), {}, client);
    assert.deepEqual([answer.status, await answer.text()], [201, ""]);
    const profile = await (await client.get("/profile/")).json();
    assert.deepEqual(profile, { username: "ada", email: ADA, first_name: "", last_name: "" });
    const user = await findUser(services.db, "ada");
    assert.deepEqual(
      [user?.emailProvedAt, user?.language, user?.isStaff, user?.isSuperuser],
      [clock.now, "en", false, false],
    );
    const events = await listEvents(services.db, { afterId: 0, subject: `user:${user?.id}`, since: null }, 100);
    const told = events.map(({ kind, actor, detail }) => [kind, actor, detail]);
    assert.deepEqual(told, [
      ["signed_up", "nobody", "signup"],
      ["login", `user:${user?.id}`, ""],
    ]);
    assert.equal((await createClient(test.app).login("ada", PASSWORD)).status, 202);
  });

  test("in a browser without script, in Italian", async () => {
    const test = await createSignupApp();
    const browser = createClient(test.app);
    const headers = { ...FORM, "Accept-Language": "it" };
    const form = await (await browser.get("/signup/", headers)).text();
    assert.match(form, /<h1>Crea un account su Postern<\/h1>/);
    const body = String(new URLSearchParams({ email: "Ada@Example.COM" }));
    const sent = await browser.send("POST", "/signup/", { headers, body });
    assert.equal(sent.status, 202);
    assert.match(await sent.text(), /Ada@Example\.COM/);
    const [mail] = await test.deliver();
    assert(mail);
    // The spelling before the @ is the server's of the recipient alone.
    assert.equal(mail.to, "Ada@example.com");
    assert.equal(mail.subject, "Crea il tuo account su Postern");
    const page = await browser.get(`/signup/confirm/?token=${tokenIn(mail)}`, headers);
    assert.equal(page.headers.get("referrer-policy"), "no-referrer");
    const text = await page.text();
    assert.match(text, /Ada@example\.com/);
    assert.match(text, /192\.0\.2\.1/);
    assert.match(text, /Almeno 8 caratteri/);
    const [, token = ""] = /name="token" value="([a-z2-7]{32})"/.exec(text) ?? [];
    const fields = String(new URLSearchParams({ token, username: "ａda", password: PASSWORD }));
    const done = await browser.send("POST", "/signup/confirm/", { headers, body: fields });
    assert.deepEqual([done.status, done.headers.get("location")], [303, "/profile/"]);
    assert.match(await (await browser.get("/profile/", headers)).text(), /Ada@example\.com/);
    assert.equal((await findUser(test.services.db, "ada"))?.language, "it");
  });

  test("also if another user has the address unproved, and is the one who has proved it then", async () => {
    const test = await createSignupApp();
    const token = tokenIn(await test.mailTo(ADA));
    await test.addUser({ username: "imported", email: ADA, password: PASSWORD });
    assert.equal((await test.confirm(token)).status, 201);
    assert((await findUser(test.services.db, "ada"))?.emailProvedAt);
    assert.equal((await findUser(test.services.db, "imported"))?.emailProvedAt, null);
  });

  test("over a session, which ends", async () => {
    const test = await createSignupApp();
    await test.addUser({ username: "alice", password: PASSWORD });
    await test.client.login("alice", PASSWORD);
    const token = tokenIn(await test.mailTo(ADA));
    const old = createClient(test.app);
    for (const [name, value] of test.client.cookies) old.cookies.set(name, value);
    assert.equal((await test.confirm(token, {}, test.client)).status, 201);
    assert.equal((await old.get("/profile/")).status, 403);
    const { username } = await (await test.client.get("/profile/")).json();
    assert.equal(username, "ada");
  });
});

describe("the form behind the link", () => {
  test("names every error by its field, and the link still works", async () => {
    const test = await createSignupApp();
    await test.addUser({ username: "taken", password: PASSWORD });
    const token = tokenIn(await test.mailTo(ADA));
    const errorsOf = async (fields: Record<string, unknown>) => {
      const answer = await test.confirm(token, fields);
      assert.equal(answer.status, 400);
      return answer.json();
    };
    assert.deepEqual(await errorsOf({ username: "taken", password: "k7#qz!" }), {
      username: ["That username is already taken."],
      password: ["This password is too short. It must contain at least 8 characters."],
    });
    assert.deepEqual(await errorsOf({ username: "", password: "ada@example.com" }), {
      username: ["This field may not be blank."],
    });
    assert.deepEqual(await errorsOf({ password: "ada@example" }), {
      password: ["The password is too similar to the email address."],
    });
    for (const username of ["bob@example.com", "ada@example.com.evil", "@", "x＠example.com"]) {
      assert.deepEqual(await errorsOf({ username }), {
        username: ["A username with an @ must be your own email address."],
      });
    }
    assert.equal((await test.confirm(token, { username: "ADA@example.com" })).status, 201);
  });

  test("shows a browser its errors, with the username and without the password", async () => {
    const test = await createSignupApp();
    const token = tokenIn(await test.mailTo(ADA));
    const body = String(new URLSearchParams({ token, username: "<b>", password: "hunter2" }));
    const answer = await createClient(test.app).send("POST", "/signup/confirm/", { headers: FORM, body });
    const text = await answer.text();
    assert.equal(answer.status, 400);
    assert.match(text, /Use only letters, numbers/);
    assert.match(text, /value="&lt;b&gt;"/);
    assert(!text.includes("hunter2"));
    assert(text.includes(`name="token" value="${token}"`));
  });

  for (const [how, user] of [
    ["has proved the address", { username: "other", email: "ADA@example.com", emailProvedAt: 1 }],
    ["got it as the username", { username: "Ada@example.com" }],
  ] as const) {
    test(`says so if another user ${how} meanwhile`, async () => {
      const test = await createSignupApp();
      const token = tokenIn(await test.mailTo(ADA));
      await test.addUser({ ...user, password: PASSWORD });
      const answer = await test.confirm(token);
      assert.equal(answer.status, 400);
      assert.deepEqual(await answer.json(), { email: ["This email address belongs to an account already."] });
      const body = String(new URLSearchParams({ token, username: "ada", password: PASSWORD }));
      const page = await createClient(test.app).send("POST", "/signup/confirm/", { headers: FORM, body });
      assert.match(await page.text(), /Log in, or ask for a new password/);
    });
  }
});

describe("sign-up", () => {
  const REQUESTS = [
    ["GET", "/signup/", ""],
    ["POST", "/signup/", "email=ada%40example.com"],
    ["GET", "/signup/confirm/?token=TOKEN", ""],
    ["POST", "/signup/confirm/", `token=TOKEN&username=ada&password=${encodeURIComponent(PASSWORD)}`],
    ["OPTIONS", "/signup/", ""],
  ] as const;

  const SETTINGS = { closed: { ...MAIL }, "without mail": {} };

  for (const [name, environment] of Object.entries(SETTINGS)) {
    test(`does not exist if it is ${name}`, async () => {
      const open = await createSignupApp();
      const token = tokenIn(await open.mailTo(ADA));
      const stored = await open.services.db.selectFrom("one_time_tokens").selectAll().execute();
      const { app, services } = await createTestApp(environment);
      await services.db.insertInto("one_time_tokens").values(stored).execute();
      for (const [method, path, body] of REQUESTS) {
        const given = body === "" ? {} : { body: body.replace("TOKEN", token) };
        for (const headers of [FORM, { ...OURS, "Content-Type": FORM["Content-Type"] }]) {
          const answer = await createClient(app).send(method, path.replace("TOKEN", token), { headers, ...given });
          assert(
            answer.status === 404 || (answer.status === 405 && method === "GET"),
            `${method} ${path} ${answer.status}`,
          );
        }
      }
      const login = await (await createClient(app).get("/login/", FORM)).text();
      assert(!login.includes("/signup/"));
    });
  }

  test("by invitation alone takes no link of the time when it was open", async () => {
    const open = await createSignupApp();
    const token = tokenIn(await open.mailTo(ADA));
    const stored = await open.services.db.selectFrom("one_time_tokens").selectAll().execute();
    const invited = await createSignupApp({ ...MAIL, POSTERN_SIGNUP: "invite" });
    await invited.services.db.insertInto("one_time_tokens").values(stored).execute();
    assert.equal((await invited.ask(ADA)).status, 404);
    const answer = await invited.confirm(token);
    assert.equal(answer.status, 400);
    assert.deepEqual(Object.keys(await answer.json()), ["token"]);
  });

  test("has a link on the login page if it is open", async () => {
    const { app } = await createTestApp(OPEN);
    assert.match(await (await createClient(app).get("/login/", FORM)).text(), /<a href="\/signup\/">/);
  });

  test("of a second person with the same address mails a link for a new password", async () => {
    const test = await createSignupApp();
    await signUp(test, ADA);
    const mail = await test.mailTo("ADA@EXAMPLE.COM");
    // To the stored spelling.
    assert.equal(mail.to, ADA);
    assert.match(mail.text, /password\/reset\/confirm\/\?token=/);
    assert.match(mail.subject, /You already have an account/);
  });
});
