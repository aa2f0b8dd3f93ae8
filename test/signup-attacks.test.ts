import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OPERATOR } from "../lib/audit/actor.ts";
import { deactivate } from "../lib/users/activation.ts";
import { createClient } from "./support/client.ts";
import { createSignupApp, FORM, OPEN, OURS, PASSWORD, type SignupApp, signUp } from "./support/sign-up.ts";
import { openNotingDatabase } from "./support/statements.ts";
import { tokenIn } from "./support/test-app.ts";

const ADA = "ada@example.com";

const count = async ({ services }: SignupApp, table: "users" | "mails" | "sessions") =>
  (await services.db.selectFrom(table).selectAll().execute()).length;

/** Everything that is stored, but for the counters of the throttle. */
async function contents({ services }: SignupApp): Promise<string> {
  const tables = ["users", "mails", "one_time_tokens", "sessions", "events", "devices"] as const;
  const rows = await Promise.all(tables.map((table) => services.db.selectFrom(table).selectAll().execute()));
  return JSON.stringify(rows);
}

describe("a stranger who asks for links", () => {
  test("learns from no answer, and from no work, whether an address has an account", async () => {
    const noting = await openNotingDatabase();
    const test = await createSignupApp(OPEN, noting);
    await signUp(test, ADA);
    const bob = await test.addUser({ username: "bob", email: "bob@example.com", password: PASSWORD });
    await deactivate(test.services, OPERATOR, bob);
    const seen = new Map<string, string[]>();
    for (const email of [ADA, "bob@example.com", "eve@example.com", "Ada@Example.com"]) {
      for (const headers of [OURS, FORM]) {
        const body = headers === FORM ? { body: String(new URLSearchParams({ email })) } : { json: { email } };
        let answer = new Response();
        const statements = await noting.statementsOf(async () => {
          answer = await createClient(test.app).send("POST", "/signup/", { headers, ...body });
        });
        const told = { ...Object.fromEntries(answer.headers), "x-request-id": "" };
        const text = (await answer.text()).replaceAll(email, "ADDRESS");
        const what = JSON.stringify([answer.status, told, text, statements]);
        seen.set(JSON.stringify(headers), [...(seen.get(JSON.stringify(headers)) ?? []), what]);
      }
    }
    for (const answers of seen.values()) assert.equal(new Set(answers).size, 1, answers.join("\n"));
    const recipients = (await test.deliver()).map(({ to, subject }) => `${to} ${subject.slice(0, 11)}`);
    assert.deepEqual([...new Set(recipients)].sort(), [`${ADA} You already`, "eve@example.com Create your"]);
  });

  test("gets a validation error for everything that is no plain address, and no mail is stored", async () => {
    const test = await createSignupApp();
    const local = "a".repeat(65);
    const odd: unknown[] = [
      ...["", "ada", "@example.com", "ada@", "a@b@example.com", "ada@example.com,bob@example.com"],
      ...["ada@example.com;bob@example.com", "ada,bob@example.com", "<ada@example.com>", "Ada <ada@example.com>"],
      ...[
        "ada@example.com\r\nBcc: bob@example.com",
        "ada\n@example.com",
        "ada@example.com%0ABcc:x",
        "ada\0@example.com",
      ],
      ...['"ada"@example.com', '"a b"@example.com', '"a\\"@evil.example"@example.com', "ada@[127.0.0.1]", "ada@::1"],
      ...["ada @example.com", "ada@exam ple.com", "ada..b@example.com", ".ada@example.com", "ada@.com", "ada@a..com"],
      ...["ada@-a.com", "ada@a-.com", "ada@a_b.com", "(x)ada@example.com", "ada:bob;@example.com", "ada@example.com."],
      ...["ada\u202e@example.com", "ada@exam\u200bple.com", "ada@ｅxample.com", "ada@example。com", "ada@ⓔxample.com"],
      ...[`${local}@example.com`, `${"a".repeat(60)}@${"b.".repeat(129)}com`, `a@${"b".repeat(64)}.com`],
      ...["\ud800@example.com", null, ["ada@example.com"], { email: ADA }, true, 7],
    ];
    for (const email of odd) {
      // Another network for each: the throttle must not answer in the place of the rule.
      const answer = await test.ask(email, createClient(test.app, "postern.test", `198.51.100.${odd.indexOf(email)}`));
      assert.equal(answer.status, 400, JSON.stringify(email));
      assert.deepEqual(Object.keys(await answer.json()), ["email"], JSON.stringify(email));
    }
    assert.equal(await count(test, "mails"), 0);
  });

  test("sends each mail to the one address that was typed", async () => {
    const test = await createSignupApp();
    for (const [typed, stored] of [
      [" Ada.L+x=1@Example.COM ", "Ada.L+x=1@example.com"],
      ["o'neil/a&b@example.com", "o'neil/a&b@example.com"],
      ["jo@bücher.example", "jo@bücher.example"],
      ["jo@BÜCHER.example", "jo@bücher.example"],
      ["jo@例え.example", "jo@例え.example"],
      [`${"a".repeat(64)}@${"b".repeat(63)}.example`, `${"a".repeat(64)}@${"b".repeat(63)}.example`],
    ] as const) {
      assert.equal((await test.mailTo(typed)).to, stored);
    }
  });

  test("writes no text of an own choice into the mail", async () => {
    const test = await createSignupApp();
    const client = createClient(test.app);
    const userAgent = "buy-now.example/1.0 (call 555)";
    await client.post("/signup/", { email: ADA }, { ...OURS, "User-Agent": userAgent });
    const [mail] = await test.deliver();
    assert(mail);
    assert.doesNotMatch(mail.text + mail.html, /buy-now|555/);
    assert.match(mail.text, /IP address: 192\.0\.2\.1/);
  });

  test("is throttled by recipient, by network and in all, and the answer is the same for every recipient", async () => {
    const test = await createSignupApp();
    await signUp(test, ADA);
    let place = 0;
    const stranger = () => createClient(test.app, "postern.test", `198.${place >> 8}.${place++ & 255}.1`);
    const until429 = async (ask: (turn: number) => Promise<Response>) => {
      for (let turn = 0; ; turn++) {
        const answer = await ask(turn);
        if (answer.status === 429) return { turn, body: await answer.text(), wait: answer.headers.get("retry-after") };
        assert.equal(answer.status, 202);
      }
    };
    // One mail to ada has been counted already.
    const known = await until429((turn) => test.ask(turn % 2 === 0 ? ADA : "ADA@example.com", stranger()));
    const unknown = await until429(() => test.ask("eve@example.com", stranger()));
    assert.deepEqual({ ...known, turn: known.turn + 1 }, unknown);
    assert.equal(unknown.turn, 5);
    const network = await until429((turn) =>
      test.ask(`a${turn}@example.com`, createClient(test.app, "postern.test", "203.0.113.9")),
    );
    assert.equal(network.turn, 20);
    const inAll = await until429((turn) => test.ask(`b${turn}@example.com`, stranger()));
    assert(inAll.turn > 900 && inAll.turn < 1000, String(inAll.turn));
  });
});

describe("a link of a sign-up", () => {
  test("is not used by a scanner that fetches every link twice", async () => {
    const test = await createSignupApp();
    const mail = await test.mailTo(ADA);
    const before = await contents(test);
    const scanner = createClient(test.app);
    for (const target of [mail.text, mail.html].flatMap((part) => [
      ...part.matchAll(/http:\/\/postern\.test(\/[^\s"<]*)/g),
    ])) {
      for (const method of ["GET", "HEAD", "GET", "HEAD", "OPTIONS"]) {
        await scanner.send(method, target[1] ?? "", { headers: { "Sec-Fetch-Mode": "navigate" } });
        await scanner.send(method, target[1] ?? "");
      }
    }
    assert.equal(await contents(test), before);
    assert.equal((await test.confirm(tokenIn(mail))).status, 201);
  });

  test("makes one account, however many clicks come at once", async () => {
    for (const nameOf of [() => "ada", (index: number) => `ada${index}`]) {
      const test = await createSignupApp();
      const token = tokenIn(await test.mailTo(ADA));
      const answers = await Promise.all(
        Array.from({ length: 6 }, (_, index) => test.confirm(token, { username: nameOf(index) })),
      );
      const statuses = answers.map(({ status }) => status).sort();
      assert.deepEqual(statuses, [201, 400, 400, 400, 400, 400]);
      for (const answer of answers) {
        if (answer.status === 400) assert.deepEqual(Object.keys(await answer.json()), ["token"]);
      }
      assert.deepEqual([await count(test, "users"), await count(test, "sessions")], [1, 1]);
      assert.equal((await test.confirm(token, { username: "again" })).status, 400);
    }
  });

  test("gives one account to two links of one address, and to two addresses that differ in case", async () => {
    const test = await createSignupApp();
    const [first, second] = [tokenIn(await test.mailTo(ADA)), tokenIn(await test.mailTo("ADA@example.com"))];
    assert.equal((await test.confirm(first)).status, 400);
    assert.equal((await test.confirm(second)).status, 201);
    assert.equal(await count(test, "users"), 1);
  });

  test("proves its own address, whatever the form says, and gives no rights", async () => {
    const test = await createSignupApp();
    const token = tokenIn(await test.mailTo(ADA));
    const more = {
      email: "root@example.com",
      is_staff: true,
      is_superuser: true,
      groups: ["admins"],
      id: 1,
      subject: "x",
    };
    assert.equal((await test.confirm(token, more)).status, 201);
    const [user] = await test.services.db.selectFrom("users").selectAll().execute();
    assert.deepEqual([user?.email, user?.is_staff, user?.is_superuser], [ADA, 0, 0]);
  });

  test("is no link of any other purpose, and no other link is one of a sign-up", async () => {
    const test = await createSignupApp();
    const token = tokenIn(await test.mailTo(ADA));
    const { db } = test.services;
    const before = await db.selectFrom("users").selectAll().execute();
    for (const purpose of ["setup", "password_reset", "email_change", "email_undo", "not_me"] as const) {
      await db.updateTable("one_time_tokens").set({ purpose }).execute();
      const answer = await test.confirm(token);
      assert.equal(answer.status, 400, purpose);
      assert.deepEqual(Object.keys(await answer.json()), ["token"]);
    }
    await db.updateTable("one_time_tokens").set({ purpose: "signup" }).execute();
    for (const path of ["/password/reset/confirm/", "/email/confirm/", "/not-me/", "/setup/"]) {
      const answer = await createClient(test.app).post(
        path,
        { token, password: PASSWORD, new_password: PASSWORD },
        OURS,
      );
      assert(answer.status >= 400, path);
    }
    assert.deepEqual(await db.selectFrom("users").selectAll().execute(), before);
    assert.equal((await test.confirm(token)).status, 201);
  });

  test("expires after a day", async () => {
    const test = await createSignupApp();
    const token = tokenIn(await test.mailTo(ADA));
    test.clock.advance(24 * 3600);
    assert.equal((await test.confirm(token)).status, 400);
    assert.equal(await count(test, "users"), 0);
  });

  test("tells of few usernames whether they are taken", async () => {
    const test = await createSignupApp();
    await test.addUser({ username: "alice", password: PASSWORD });
    const token = tokenIn(await test.mailTo(ADA));
    const statuses: number[] = [];
    for (let turn = 0; turn < 25; turn++) statuses.push((await test.confirm(token, { username: "alice" })).status);
    assert.equal(statuses.filter((status) => status === 400).length, 20);
    assert.equal((await test.confirm(token)).status, 429);
    test.clock.advance(180);
    assert.equal((await test.confirm(token)).status, 201);
  });

  test("is denied to a form of another site", async () => {
    const test = await createSignupApp();
    const token = tokenIn(await test.mailTo(ADA));
    const fields = { token, username: "ada", password: PASSWORD };
    for (const headers of [
      { "Sec-Fetch-Site": "cross-site" },
      { Origin: "https://evil.example" },
      { Origin: "null" },
    ]) {
      assert.equal(
        (await createClient(test.app).post("/signup/confirm/", fields, headers as Record<string, string>)).status,
        403,
      );
      assert.equal(
        (await createClient(test.app).post("/signup/", { email: ADA }, headers as Record<string, string>)).status,
        403,
      );
    }
    assert.equal(await count(test, "users"), 0);
  });

  for (const token of ["", "x", "a".repeat(32), "\0", ["x"], null, {}, "a".repeat(60_000)]) {
    test(`is none with the token ${JSON.stringify(token).slice(0, 20)}`, async () => {
      const test = await createSignupApp();
      const fields = { token, username: "ada", password: PASSWORD };
      const answer = await createClient(test.app).post("/signup/confirm/", fields, OURS);
      assert.equal(answer.status, 400);
      const query = new URLSearchParams({ token: String(token).slice(0, 1000) });
      assert.equal((await createClient(test.app).get(`/signup/confirm/?${query}`, FORM)).status, 400);
    });
  }
});
