import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { listEvents } from "../db/events.ts";
import type { User } from "../db/users.ts";
import { OPERATOR } from "../lib/audit/actor.ts";
import { deactivate } from "../lib/users/activation.ts";
import { createClient } from "./support/client.ts";
import { openNotingDatabase } from "./support/statements.ts";
import { createTestApp, MAIL, type TestApp } from "./support/test-app.ts";

const OURS = { "Sec-Fetch-Site": "same-origin" };
const BROWSER = { ...OURS, "Sec-Fetch-Mode": "navigate", Accept: "text/html" };
const HOUR = 3600;

async function setUp(environment: Record<string, string> = {}): Promise<TestApp & { user: User }> {
  const test = await createTestApp({ ...MAIL, ...environment });
  const input = { username: "alice", email: "Alice@example.com", password: "right horse" };
  return { ...test, user: await test.addUser(input) };
}

/** Each request comes from a network of its own. */
let requests = 0;
const nextAddress = () => `10.${++requests >> 8}.${requests & 255}.1`;

function ask({ app }: Pick<TestApp, "app">, json: unknown, headers: Record<string, string> = OURS): Promise<Response> {
  return createClient(app, "postern.test", nextAddress()).post("/password/reset/", json, headers);
}

const wireOf = async (response: Response) => {
  const headers = [...response.headers].filter(([name]) => name !== "x-request-id");
  return { status: response.status, body: await response.text(), headers };
};

const recipients = async (test: TestApp) => (await test.deliver()).map(({ to }) => to);

describe("a request for a new password", () => {
  test("by username or by address sends a link to the stored spelling of the address", async () => {
    const test = await setUp();
    for (const typed of ["alice", "ａｌｉｃｅ", " alice ", "alice@example.com", "ALICE@EXAMPLE.COM"]) {
      const answer = await ask(test, { username: typed });
      assert.deepEqual([answer.status, await answer.text()], [202, ""], typed);
      const [mail, ...others] = await test.deliver();
      assert.equal(mail?.to, "Alice@example.com", typed);
      assert.deepEqual(others, []);
      assert.match(mail?.text ?? "", /^http:\/\/postern\.test\/password\/reset\/confirm\/\?token=[a-z2-7]{32}$/m);
      test.clock.advance(HOUR);
    }
  });

  test("may name the address `email`, as front ends made for dj-rest-auth do", async () => {
    const test = await setUp();
    assert.equal((await ask(test, { email: "alice@example.com" })).status, 202);
    assert.deepEqual(await recipients(test), ["Alice@example.com"]);
  });

  test("is answered alike, by the same statements, for every name and address", async () => {
    const noting = await openNotingDatabase();
    const test = await createTestApp({ ...MAIL }, noting);
    await test.addUser({ username: "alice", email: "alice@example.com", password: "right horse", emailProvedAt: 1 });
    await test.addUser({ username: "bob", email: "bob@example.com", password: "right horse", language: "it" });
    await test.addUser({ username: "addressless", password: "right horse" });
    const input = { username: "retired", email: "retired@example.com", password: "right horse" };
    await deactivate(test.services, OPERATOR, await test.addUser(input));
    for (const username of ["twin1", "twin2"]) {
      await test.addUser({ username, email: "twins@example.com", password: "right horse" });
    }
    await test.deliver();
    const seen: unknown[] = [];
    const names = ["alice", "bob", "addressless", "retired", "unknown"];
    const addresses = ["alice@example.com", "retired@example.com", "twins@example.com", "unknown@example.com"];
    for (const username of [...names, ...addresses]) {
      const statements = await noting.statementsOf(async () => {
        seen.push(await wireOf(await ask(test, { username })));
      });
      seen.push(statements);
    }
    const [wire, statements] = seen;
    assert.equal((statements as string[]).filter((text) => /^(insert|update|select)/.test(text)).length > 8, true);
    for (const [index, one] of seen.entries()) assert.deepEqual(one, index % 2 === 0 ? wire : statements);
    assert.deepEqual(await recipients(test), ["alice@example.com", "bob@example.com", "alice@example.com"]);
  });

  test("is recorded for its account, and never with the text that was typed", async () => {
    const test = await setUp();
    await ask(test, { username: "ALICE@example.com" });
    await ask(test, { username: "hunter2-hunter2" });
    const all = await listEvents(test.services.db, { afterId: 0, subject: null, since: null }, 10);
    const events = all.filter(({ kind }) => kind === "reset_requested");
    assert.deepEqual(
      events.map(({ kind, actor, detail }) => [kind, actor, detail]),
      [
        ["reset_requested", "nobody", ""],
        ["reset_requested", "nobody", ""],
      ],
    );
    assert.equal(events[0]?.subject, `user:${test.user.id}`);
    assert.match(events[1]?.subject ?? "", /^unknown:\d+$/);
    const outbox = await test.services.db.selectFrom("mails").selectAll().execute();
    assert.doesNotMatch(JSON.stringify([events, outbox]), /hunter2|ALICE@/);
  });

  test("by a name that is the proved address of another user goes to that user", async () => {
    const test = await setUp();
    const victim = { username: "carol", email: "carol@example.com", password: "right horse", emailProvedAt: 1 };
    await test.addUser(victim);
    await test.addUser({ username: "mallory", email: "mallory@example.com", password: "right horse" });
    // As an import may have stored it. Postern itself gives no such name.
    const mallory = test.services.db.updateTable("users").where("username", "=", "mallory");
    await mallory.set({ username: "carol@example.com" }).execute();
    await ask(test, { username: "carol@example.com" });
    assert.deepEqual(await recipients(test), ["carol@example.com"]);
  });

  test("of an address that two users have and neither has proved sends nothing", async () => {
    const test = await setUp();
    await test.addUser({ username: "twin", email: "alice@EXAMPLE.com", password: "right horse" });
    await ask(test, { username: "alice@example.com" });
    assert.deepEqual(await recipients(test), []);
    await ask(test, { username: "twin" });
    assert.deepEqual(await recipients(test), ["alice@example.com"]);
  });

  test("changes the case of ASCII letters alone (CVE-2019-19844)", async () => {
    const test = await setUp();
    await test.addUser({ username: "mike", email: "mike@example.org", password: "right horse" });
    for (const username of ["m\u0131ke@example.org", "mi\u212ae@example.org", "mike@example.org\u0301"]) {
      await ask(test, { username });
    }
    assert.deepEqual(await recipients(test), []);
    await ask(test, { username: "MIKE@EXAMPLE.ORG" });
    assert.deepEqual(await recipients(test), ["mike@example.org"]);
  });

  test("speaks the user's language, else that of the request", async () => {
    const test = await setUp();
    await test.addUser({ username: "bruno", email: "b@example.it", password: "right horse", language: "it" });
    await ask(test, { username: "alice" }, { ...OURS, "Accept-Language": "it-CH" });
    await ask(test, { username: "bruno" }, { ...OURS, "Accept-Language": "en" });
    const [first, second] = await test.deliver();
    assert.deepEqual([first?.language, second?.language], ["it", "it"]);
  });

  test("has links of the public URL alone, whatever the request names as its host", async () => {
    const test = await setUp();
    const forged = {
      "X-Forwarded-Host": "evil.example",
      Forwarded: "host=evil.example",
      Origin: "http://postern.test",
    };
    assert.equal((await ask(test, { username: "alice" }, forged)).status, 202);
    assert.equal((await createClient(test.app, "evil.example").post("/password/reset/", ALICE, OURS)).status, 400);
    const mails = await test.deliver();
    assert.equal(mails.length, 1);
    assert.doesNotMatch(JSON.stringify(mails), /evil/);
  });

  test("with junk is a validation error, and sends nothing", async () => {
    const test = await setUp();
    const junk = ["", " ", null, [], {}, true, "a\0b", "\ud800", "x".repeat(255), `${"x".repeat(320)}@example.com`];
    for (const username of junk) {
      const answer = await ask(test, { username });
      assert.equal(answer.status, 400, JSON.stringify(username));
      assert.deepEqual(Object.keys(await answer.json()), ["username"]);
    }
    assert.deepEqual(await (await ask(test, {})).json(), { username: ["This field is required."] });
    const typed = ["alice@example.com\r\nBcc: m@evil.example", "alice@example.com,m@evil.example", '"a b"@example.com'];
    for (const username of typed) assert.equal((await ask(test, { username })).status, 202);
    assert.deepEqual(await test.deliver(), []);
  });

  test("from another site is denied", async () => {
    const test = await setUp();
    assert.equal((await ask(test, ALICE, { "Sec-Fetch-Site": "cross-site" })).status, 403);
    assert.deepEqual(await test.deliver(), []);
  });

  test("does not exist without a mail server, and the login has no link to it", async () => {
    const test = await createTestApp();
    const client = createClient(test.app);
    for (const path of ["/password/reset/", "/password/reset/sent/"]) {
      for (const method of ["GET", "HEAD", "POST", "OPTIONS", "PUT"]) {
        for (const headers of [OURS, BROWSER]) assert.equal((await client.send(method, path, { headers })).status, 404);
      }
    }
    assert.doesNotMatch(await (await client.get("/login/", BROWSER)).text(), /password\/reset/);
    const { app } = await setUp();
    assert.match(await (await createClient(app).get("/login/", BROWSER)).text(), /href="\/password\/reset\/"/);
  });
});

const ALICE = { username: "alice" };

describe("requests for a new password are limited", () => {
  const statusesOf = async (test: TestApp, names: string[]) => {
    const statuses: number[] = [];
    for (const username of names) statuses.push((await ask(test, { username })).status);
    return statuses;
  };

  test("for each typed name, whether or not a user has it", async () => {
    const test = await setUp();
    for (const name of ["alice", "unknown"]) {
      assert.deepEqual(await statusesOf(test, Array(6).fill(name)), [202, 202, 202, 202, 202, 429]);
      const answer = await ask(test, { username: name.toUpperCase() });
      assert.deepEqual([answer.status, answer.headers.get("retry-after")], [429, "720"]);
    }
    assert.equal((await test.deliver()).length, 5);
    test.clock.advance(720);
    assert.deepEqual(await statusesOf(test, ["alice", "alice"]), [202, 429]);
  });

  test("for each account, silently, whichever of its names is typed", async () => {
    const test = await setUp();
    const names = ["alice", "ａlice", "aｌice", "alice@example.com"];
    const statuses = await statusesOf(test, Array(5).fill(names).flat());
    assert.deepEqual(statuses, Array(20).fill(202));
    assert.equal((await test.deliver()).length, 5);
    test.clock.advance(720);
    await ask(test, { username: "alice" });
    assert.equal((await test.deliver()).length, 1);
  });

  test("for each network", async () => {
    const test = await setUp();
    const client = createClient(test.app, "postern.test", "10.200.0.1");
    const statuses: number[] = [];
    for (let count = 0; count < 21; count++) {
      statuses.push((await client.post("/password/reset/", { username: `user${count}` }, OURS)).status);
    }
    assert.deepEqual(statuses, [...Array(20).fill(202), 429]);
    assert.equal((await ask(test, { username: "user20" })).status, 202);
  });

  test("in all", async () => {
    const test = await setUp();
    for (let count = 0; count < 1000; count++) await ask(test, { username: `user${count}` });
    assert.deepEqual(await statusesOf(test, ["alice", "unknown"]), [429, 429]);
  });

  test("unless the throttle is off", async () => {
    const test = await setUp({ POSTERN_THROTTLE: "off" });
    assert.deepEqual(await statusesOf(test, Array(8).fill("alice")), Array(8).fill(202));
    assert.equal((await test.deliver()).length, 8);
  });
});
