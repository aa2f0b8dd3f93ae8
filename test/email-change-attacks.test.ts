import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { deleteSessionsOfUser } from "../db/sessions.ts";
import { type Client, createClient } from "./support/client.ts";
import { openNotingDatabase } from "./support/statements.ts";
import { createTestApp, MAIL, type TestApp, tokenIn } from "./support/test-app.ts";

const OURS = { "Sec-Fetch-Site": "same-origin" };
const BROWSER = { "Sec-Fetch-Mode": "navigate", ...OURS, Accept: "text/html,*/*;q=0.8" };

const PASSWORD = "right horse";
const VICTIM = "victim@example.com";

/** Mallory, who is logged in, and a victim. */
async function setUp(database?: Parameters<typeof createTestApp>[1]) {
  const test = await createTestApp(MAIL, database);
  const mallory = await test.addUser({ username: "mallory", email: "mallory@example.com", password: PASSWORD });
  await test.addUser({ username: "victim", email: VICTIM, emailProvedAt: 1, password: PASSWORD });
  return { ...test, mallory, client: await loggedIn(test, "mallory") };
}

async function loggedIn({ app }: TestApp, username: string, address?: string): Promise<Client> {
  const client = createClient(app, "postern.test", address);
  assert.equal((await client.login(username, PASSWORD)).status, 202);
  return client;
}

const ask = (client: Client, email: string) => client.send("PATCH", "/profile/", { headers: OURS, json: { email } });

const confirm = ({ app }: TestApp, token: string) => createClient(app).post("/email/confirm/", { token }, OURS);

async function mailTo(test: TestApp, address: string) {
  return (await test.deliver()).findLast(({ to, text }) => to === address && text.includes("/email/confirm/"));
}

async function emailsOf({ services }: TestApp): Promise<string[]> {
  return (await services.db.selectFrom("users").select("email").orderBy("id").execute()).map(({ email }) => email);
}

describe("a request for another person's address", () => {
  test("has the same answer and runs the same statements as for an unknown one", async () => {
    const noting = await openNotingDatabase();
    const test = await setUp(noting);
    const observe = async (email: string) => {
      let answer: unknown;
      const statements = await noting.statementsOf(async () => {
        const response = await ask(test.client, email);
        answer = [response.status, JSON.stringify(await response.json()).replace(email, "…")];
      });
      return { answer, statements };
    };
    await observe("first@example.com");
    const known = await observe(VICTIM);
    assert.deepEqual(await observe("unknown@example.com"), known);
    await noting.close();
  });

  test("changes nothing if its owner has an account with it, and the owner learns no other account's name", async () => {
    const test = await setUp();
    await ask(test.client, "Victim@example.com");
    const mail = await mailTo(test, "Victim@example.com");
    const token = tokenIn(mail ?? assert.fail());
    const answer = await confirm(test, token);
    const text = "This email address belongs to another account.";
    assert.deepEqual([answer.status, await answer.json()], [400, { non_field_errors: [text] }]);
    assert.deepEqual(await emailsOf(test), ["mallory@example.com", VICTIM]);
    const headers = { ...BROWSER, "Content-Type": "application/x-www-form-urlencoded" };
    const body = String(new URLSearchParams({ token }));
    const page = await createClient(test.app).send("POST", "/email/confirm/", { headers, body });
    assert.equal(page.status, 400);
    assert.match(await page.text(), /role="alert"><p>This email address belongs to another account\./);
  });

  test("gives the person who follows its link no session, and shows whose account asks", async () => {
    const test = await setUp();
    await ask(test.client, "new-victim@example.com");
    const token = tokenIn((await mailTo(test, "new-victim@example.com")) ?? assert.fail());
    const page = await (await createClient(test.app).get(`/email/confirm/?token=${token}`, BROWSER)).text();
    assert.match(page, /If mallory is not your account, close this page\./);
    const person = await loggedIn(test, "victim");
    const before = new Map(person.cookies);
    assert.equal((await person.post("/email/confirm/", { token }, OURS)).status, 204);
    assert.deepEqual(person.cookies, before);
    assert.deepEqual(await emailsOf(test), ["new-victim@example.com", VICTIM]);
  });

  test("is denied if the text is more than one address", async () => {
    const test = await setUp();
    const texts = ["a@x.example\r\nBcc: b@x.example", "a@x.example, b@x.example", "a@x.example\0", "<a@x.example>"];
    for (const email of [...texts, `${"a".repeat(320)}@x.example`, '"a b"@x.example', "a@x@y.example"]) {
      const answer = await ask(test.client, email);
      assert.deepEqual([answer.status, Object.keys(await answer.json())], [400, ["email"]], email);
    }
    assert.equal(await mailTo(test, "a@x.example"), undefined);
  });
});

describe("requests for new addresses", () => {
  test("are limited for an account, also if they come at once and from many networks", async () => {
    const test = await setUp();
    const clients: Client[] = [];
    for (let place = 1; place <= 8; place++) clients.push(await loggedIn(test, "mallory", `198.51.100.${place}`));
    const answers = await Promise.all(clients.map((client, index) => ask(client, `to-${index}@example.com`)));
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [202, 202, 202, 202, 202, 429, 429, 429]);
    assert.equal((await test.client.post("/email/prove/", {}, OURS)).status, 429);
    const changed = await test.client.send("PATCH", "/profile/", { headers: OURS, json: { first_name: "M" } });
    assert.equal(changed.status, 200, "a change without a mail is not limited");
    assert.equal((await ask(await loggedIn(test, "victim"), "other@example.com")).status, 202);
    test.clock.advance(12 * 60);
    assert.equal((await test.client.post("/reauth/", { password: PASSWORD }, OURS)).status, 204);
    assert.equal((await ask(test.client, VICTIM)).status, 202);
  });

  test("are limited for a recipient, whichever users ask", async () => {
    const test = await setUp();
    const target = "target@example.com";
    for (let round = 0; round < 5; round++) assert.equal((await ask(test.client, target)).status, 202);
    assert.equal((await ask(await loggedIn(test, "victim"), target.toUpperCase())).status, 429);
  });

  test("and removals leave at most five links to former addresses, and never drop one of them", async () => {
    const test = await setUp();
    const { db } = test.services;
    const statuses: number[] = [];
    for (let round = 0; round < 8; round++) {
      await db
        .updateTable("users")
        .set({ email: `was-${round}@example.com` })
        .where("id", "=", test.mallory.id)
        .execute();
      statuses.push((await ask(test.client, "")).status);
      await test.deliver();
      test.clock.advance(60);
    }
    assert.deepEqual(statuses, [200, 200, 200, 200, 200, 429, 429, 429]);
    const links = await db.selectFrom("one_time_tokens").select("facts").where("purpose", "=", "email_undo").execute();
    assert.equal(links.length, 5);
    assert(links.some(({ facts }) => facts.includes("was-0@example.com")));
    test.clock.advance(7 * 24 * 60 * 60 - 60);
    const client = await loggedIn(test, "mallory");
    assert.equal((await ask(client, "")).status, 200);
  });
});

test("two users who prove one address at once: one gets it", async () => {
  const test = await setUp();
  await ask(test.client, "shared@example.com");
  const first = tokenIn((await mailTo(test, "shared@example.com")) ?? assert.fail());
  await ask(await loggedIn(test, "victim"), "Shared@example.com");
  const second = tokenIn((await mailTo(test, "Shared@example.com")) ?? assert.fail());
  const answers = await Promise.all([first, second].map((token) => confirm(test, token)));
  assert.deepEqual(answers.map(({ status }) => status).toSorted(), [204, 400]);
  const proved = await test.services.db.selectFrom("users").select("email").where("email_proved_at", ">", 1).execute();
  assert.equal(proved.length, 1);
});

test("a request whose body arrives after its session has ended sends no mail", async () => {
  for (const [method, path] of [
    ["PATCH", "/profile/"],
    ["POST", "/email/prove/"],
  ] as const) {
    const test = await setUp();
    await test.deliver();
    const [reading, late] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
      reading.resolve();
      await late.promise;
      controller.enqueue(new TextEncoder().encode(JSON.stringify({ email: "new@example.com" })));
      controller.close();
    };
    const body = new ReadableStream({ pull }, { highWaterMark: 0 });
    const headers = { ...OURS, "Content-Type": "application/json" };
    const answer = test.client.send(method, path, { headers, body });
    await reading.promise; // So the session was found.
    await test.services.db.transaction().execute((db) => deleteSessionsOfUser(db, test.mallory.id, null));
    late.resolve();
    assert.equal((await answer).status, 403, path);
    assert.deepEqual(await test.deliver(), []);
    assert.equal((await test.services.db.selectFrom("mails").select("id").execute()).length, 0);
  }
});
