import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EVENT_KINDS } from "../db/schema.ts";
import { OPERATOR } from "../lib/audit/actor.ts";
import { LANGUAGES } from "../lib/pages/messages/messages.ts";
import { deactivate } from "../lib/users/activation.ts";
import { type Client, createClient } from "./support/client.ts";
import { createTestApp } from "./support/test-app.ts";

const PASSWORD = "right horse";
const OURS = { "Sec-Fetch-Site": "same-origin" };
const BROWSER = { "Sec-Fetch-Mode": "navigate", Accept: "text/html" };

interface Activity {
  next: string | null;
  results: { at: string; event: string; device: string | null; address: string | null; by: string }[];
}

async function setUp() {
  const test = await createTestApp();
  const user = await test.addUser({ username: "alice", password: PASSWORD });
  const client = createClient(test.app);
  const loggedIn = await client.send("POST", "/login/", {
    json: { username: "alice", password: PASSWORD },
    headers: { "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0" },
  });
  assert.equal(loggedIn.status, 202);
  return { ...test, user, client };
}

async function read(client: Client, query = ""): Promise<Activity> {
  const response = await client.get(`/activity/${query}`);
  assert.equal(response.status, 200);
  return JSON.parse(await response.text());
}

describe("GET /activity/", () => {
  test("lists the events of the user's account, newest first", async () => {
    const { client, clock } = await setUp();
    const at = new Date(clock.now).toISOString();
    const login = { at, event: "login", device: "Firefox on Linux", address: "192.0.2.1", by: "you" };
    const made = { at, event: "user_made", device: null, address: null, by: "operator" };
    assert.deepEqual(await read(client), { next: null, results: [login, made] });
  });

  test("lists the actions of others without their names", async () => {
    const { app, addUser, client } = await setUp();
    const shared = createClient(app);
    await shared.login("alice", PASSWORD);
    await addUser({ username: "bob", password: PASSWORD });
    await shared.login("bob", PASSWORD);
    await createClient(app).login("alice", "wrong");
    const { results } = await read(client);
    assert.deepEqual(
      results.slice(0, 2).map(({ event, by }) => [event, by]),
      [
        ["login_failed", "nobody"],
        ["sessions_ended", "other"],
      ],
    );
  });

  test("lists no event about another user", async () => {
    const { app, addUser, client } = await setUp();
    await addUser({ username: "bob", password: PASSWORD });
    const bob = createClient(app);
    await bob.login("bob", PASSWORD);
    assert.equal((await read(bob)).results.length, 2);
    assert.equal((await read(client)).results.length, 2);
    assert.equal((await createClient(app).get("/activity/")).status, 403);
    assert.equal((await createClient(app).get("/activity/", BROWSER)).status, 303);
  });

  test("lists each event once over its pages, also while events are added", async () => {
    const { client } = await setUp();
    const edit = (first_name: string) => client.send("PATCH", "/profile/", { headers: OURS, json: { first_name } });
    for (let count = 0; count < 118; count++) await edit(`Alice ${count}`);
    const first = await read(client);
    await edit("Alice again");
    const second = await read(client, `?cursor=${first.next}`);
    const third = await read(client, `?cursor=${second.next}`);
    const counts = [first, second, third].map(({ results }) => results.length);
    assert.deepEqual([...counts, third.next], [50, 50, 20, null]);
    assert.equal(third.results.at(-1)?.event, "user_made");
    assert.deepEqual((await read(client, "?cursor=1")).results, []);
    assert.deepEqual(await read(client, "?cursor="), await read(client));
  });

  test("denies a malformed cursor, and answers any other with the events below it", async () => {
    const { client } = await setUp();
    for (const cursor of ["x", "-1", "1.5", "1e3", "9".repeat(16), "%00", "%ff", "1%20or%201=1", "0x10", "٣"]) {
      const response = await client.get(`/activity/?cursor=${cursor}`);
      assert.deepEqual([response.status, await response.json()], [400, { cursor: ["Invalid cursor."] }], cursor);
      assert.equal((await client.get(`/activity/?cursor=${cursor}`, BROWSER)).status, 400, cursor);
    }
    assert.equal((await read(client, `?cursor=${"9".repeat(15)}`)).results.length, 2);
    assert.deepEqual(await read(client, "?cursor=0"), { next: null, results: [] });
  });

  test("is a page for a browser, in its language, with a link to older events", async () => {
    const { app, client, user, services } = await setUp();
    await createClient(app).send("POST", "/login/", {
      json: { username: "alice", password: "wrong" },
      headers: { "User-Agent": "<b>x" },
    });
    const english = await (await client.get("/activity/", BROWSER)).text();
    assert.match(
      english,
      /<h1>Activity<\/h1>[\s\S]*Wrong password[\s\S]*192\.0\.2\.1[\s\S]*Logged in[\s\S]*Account created/,
    );
    assert.match(english, /Firefox on Linux/);
    assert.match(english, /<a href="\/activity\/" aria-current="page">Activity<\/a>/);
    assert.match(english, /<a href="\/password\/change\/">/);
    assert(!english.includes("<b>x") && !english.includes("Older"));
    const edit = (first_name: string) => client.send("PATCH", "/profile/", { headers: OURS, json: { first_name } });
    for (let count = 0; count < 50; count++) await edit(`Alice ${count}`);
    const italian = await (await client.get("/activity/", { ...BROWSER, "Accept-Language": "it" })).text();
    assert.match(italian, /<h1>Attività<\/h1>[\s\S]*Dati cambiati[\s\S]*href="\/activity\/\?cursor=4">Meno recenti/);
    await deactivate(services, OPERATOR, user);
    assert.equal((await client.get("/activity/")).status, 403);
  });

  test("has a text for every kind of event in every language", () => {
    for (const words of Object.values(LANGUAGES))
      assert.deepEqual(Object.keys(words.events).sort(), [...EVENT_KINDS].sort());
  });
});
