import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { transaction } from "../db/open.ts";
import { OPERATOR, SYSTEM } from "../lib/audit/actor.ts";
import { hashToken } from "../lib/crypto/token.ts";
import { enqueue } from "../lib/mail/enqueue.ts";
import { createGroup } from "../lib/users/groups.ts";
import { type Client, createClient } from "./support/client.ts";
import { createTestApp, MAIL, type NewUser, type TestApp, tokenIn } from "./support/test-app.ts";

const PASSWORD = "right horse";
const OURS = { "Sec-Fetch-Site": "same-origin" };
const BROWSER = { ...OURS, "Sec-Fetch-Mode": "navigate" };
const PATH = "/account/export/";

async function setUp(given: Partial<NewUser> = {}, environment: Record<string, string> = {}) {
  const test = await createTestApp(environment);
  const user = await test.addUser({ username: "alice", password: PASSWORD, ...given });
  const client = createClient(test.app);
  assert.equal((await client.login(user.username, PASSWORD)).status, 202);
  return { ...test, user, client };
}

interface Exported {
  profile: Record<string, unknown>;
  groups: string[];
  devices: Record<string, unknown>[];
  mails: Record<string, unknown>[];
  links: Record<string, unknown>[];
  sessions: Record<string, unknown>[];
  events: { number: number; event: string; by: string }[];
}

async function download(client: Client): Promise<Exported> {
  const answer = await client.get(PATH);
  assert.equal(answer.status, 200);
  return JSON.parse(await answer.text());
}

/** Stores this number of events of a user, below the ones that the application has recorded. */
async function storeEvents({ services }: TestApp, userId: number, count: number): Promise<void> {
  const common = { subject: `user:${userId}`, actor: "nobody", kind: "login_failed", at: 1_767_225_600_000 } as const;
  const texts = { address: "192.0.2.9", browser: "Firefox", system: "Linux", request_id: "x", detail: "" };
  for (let first = 0; first < count; first += 1000) {
    const rows = Array.from({ length: Math.min(1000, count - first) }, (_, index) => {
      return { ...common, ...texts, number: -1 - first - index, previous: "", hash: `made up ${first + index}` };
    });
    await services.db.insertInto("events").values(rows).execute();
  }
}

describe("the export of an account", () => {
  test("has everything that is stored about it", async () => {
    const given = { email: "alice@example.com", firstName: "Alice", isStaff: true };
    const scene = await setUp(given, MAIL);
    const { services, user, client } = scene;
    const group = await createGroup(services, OPERATOR, "editors");
    assert(typeof group !== "string");
    await services.db.insertInto("user_groups").values({ user_id: user.id, group_id: group.id }).execute();
    await services.db.insertInto("notices").values({ user_id: user.id, kind: "new_device", sent_at: 0 }).execute();
    await createClient(scene.app).login("alice", PASSWORD);
    const change = { headers: OURS, json: { email: "alice@new.example" } };
    assert.equal((await client.send("PATCH", "/profile/", change)).status, 202);
    await scene.deliver();
    await transaction(services.db, (db) =>
      enqueue(db, services, SYSTEM, { purpose: "password_reset", user, language: "it" }),
    );
    const exported = await download(client);
    assert.deepEqual(Object.keys(exported), [
      ...[
        "exported_at",
        "profile",
        "groups",
        "second_factors",
        "devices",
        "notices",
        "mails",
        "links",
        "pending_logins",
      ],
      ...["sessions", "events"],
    ]);
    const { profile, groups, devices, mails, links, sessions, events } = exported;
    assert.deepEqual(
      [profile["username"], profile["email"], profile["first_name"], profile["is_staff"], profile["is_superuser"]],
      ["alice", "alice@example.com", "Alice", true, false],
    );
    assert.deepEqual([groups, devices.length, sessions.length], [["editors"], 2, 2]);
    assert.deepEqual(sessions.filter((session) => session["is_current"]).length, 1);
    assert.deepEqual(
      mails.map((mail) => [mail["purpose"], mail["language"]]),
      [["password_reset", "it"]],
    );
    const pending = links.find(({ purpose }) => purpose === "email_change");
    assert.equal(pending?.["email"] ?? pending?.["sent_to"], "alice@new.example");
    assert.deepEqual(events.map(({ event }) => event).toReversed(), [
      "user_made",
      "login",
      "login",
      "email_change_requested",
      "exported",
    ]);
    assert.deepEqual([events[0]?.by, events.at(-1)?.by], ["you", "operator"]);
  });

  test("has no secret, and nothing of another account", async () => {
    const scene = await setUp({ email: "alice@example.com" }, MAIL);
    const { services, client } = scene;
    await scene.addUser({ username: "bobby", email: "bob@example.com", password: PASSWORD });
    await client.send("PATCH", "/profile/", { headers: OURS, json: { email: "alice@new.example" } });
    const [mail] = await scene.deliver();
    assert(mail);
    const text = await (await client.get(PATH)).text();
    const cookies = [...client.cookies.values()];
    const secrets = [tokenIn(mail), ...cookies].flatMap((token) => [
      token,
      hashToken(token),
      hashToken(token).slice(0, 20),
    ]);
    const rows = await Promise.all([
      services.db.selectFrom("users").select("password as secret").execute(),
      services.db.selectFrom("sessions").select("id as secret").execute(),
      services.db.selectFrom("devices").select("id as secret").execute(),
      services.db.selectFrom("one_time_tokens").select("id as secret").execute(),
      services.db.selectFrom("events").select("hash as secret").execute(),
      services.db.selectFrom("events").select("mac as secret").execute(),
    ]);
    assert(rows.every((some) => some.length > 0));
    for (const secret of [...secrets, ...rows.flat().map(({ secret }) => secret), "bob", "argon2"]) {
      assert(!text.includes(secret), secret);
    }
  });

  test("is a file for browsers and programs, whatever letters the username has", async () => {
    for (const [username, plain, encoded] of [
      ["alice", "alice", "alice"],
      ["a.b@x+y-z_1", "a.b@x+y-z_1", "a.b%40x%2By-z_1"],
      ["zoë马", "zo__", "zo%C3%AB%E9%A9%AC"],
      ["w".repeat(150), "w".repeat(50), "w".repeat(50)],
    ] as const) {
      const { client } = await setUp({ username });
      for (const headers of [{}, BROWSER, { Accept: "text/html" }]) {
        const answer = await client.get(PATH, headers);
        assert.equal(answer.headers.get("content-type"), "application/json");
        assert.equal(answer.headers.get("cache-control"), "no-store");
        assert.equal(
          answer.headers.get("content-disposition"),
          `attachment; filename="account-${plain}-2026-01-01.json"; filename*=UTF-8''account-${encoded}-2026-01-01.json`,
        );
        JSON.parse(await answer.text());
      }
    }
  });

  test("has a harmless file name also if an import has stored any username", async () => {
    const { services, client } = await setUp();
    const username = 'a"; filename="x.exe"\r\nSet-Cookie: a=b\u0001/../\\\u202e';
    await services.db.updateTable("users").set({ username }).execute();
    const answer = await client.get(PATH);
    assert.equal(answer.status, 200);
    assert.match(
      answer.headers.get("content-disposition") ?? "",
      /^attachment; filename="[\w.@+-]+\.json"; filename\*=UTF-8''[\w.%-]+\.json$/,
    );
    assert.deepEqual(answer.headers.getSetCookie(), []);
  });

  test("needs a live session, and no page of another site can cause it", async () => {
    const { app, client, services } = await setUp();
    assert.equal((await createClient(app).get(PATH)).status, 403);
    const toLogin = await createClient(app).get(PATH, BROWSER);
    // Not back to the download: the browser would stay at the form of the login.
    assert.deepEqual([toLogin.status, toLogin.headers.get("location")], [303, "/login/?next=%2F"]);
    const foreign = { "Sec-Fetch-Site": "cross-site" };
    assert.equal((await client.get(PATH, foreign)).status, 403);
    assert.equal((await client.get(PATH, { ...foreign, "Sec-Fetch-Mode": "navigate" })).status, 403);
    const events = await services.db.selectFrom("events").select("kind").execute();
    assert(!events.some(({ kind }) => kind === "exported"));
  });

  test("is limited by user, and HEAD neither counts nor is recorded", async () => {
    const scene = await setUp();
    const { client, clock, services } = scene;
    for (let count = 0; count < 10; count++) {
      const head = await client.send("HEAD", PATH);
      assert.deepEqual([head.status, await head.text()], [200, ""]);
      assert.match(head.headers.get("content-disposition") ?? "", /^attachment/);
    }
    const other = createClient(scene.app, "postern.test", "198.51.100.7");
    await other.login("alice", PASSWORD);
    for (let count = 0; count < 6; count++) await download(count % 2 === 0 ? client : other);
    const denied = await other.get(PATH);
    assert.deepEqual([denied.status, denied.headers.get("retry-after")], [429, "600"]);
    assert.equal((await client.get(PATH, BROWSER)).status, 429);
    clock.advance(600);
    await download(client);
    const events = await services.db.selectFrom("events").select("kind").where("kind", "=", "exported").execute();
    assert.equal(events.length, 7);
  });
});

describe("the export of an account with 20,000 events", () => {
  test("has each event once, newest first, while others are recorded", async () => {
    const scene = await setUp();
    const { client, user } = scene;
    await storeEvents(scene, user.id, 20_000);
    const answer = await client.get(PATH);
    assert(answer.body);
    const decoder = new TextDecoder();
    let [text, parts, longest] = ["", 0, 0];
    for await (const part of answer.body) {
      if (parts++ === 5) assert.equal((await createClient(scene.app).login("alice", PASSWORD)).status, 202);
      longest = Math.max(longest, part.byteLength);
      text += decoder.decode(part, { stream: true });
    }
    const { events }: Exported = JSON.parse(text);
    assert.deepEqual(
      events.map(({ number }) => number),
      [3, 2, 1, ...Array.from({ length: 20_000 }, (_, index) => -1 - index)],
    );
    assert(parts > 40 && longest < 200_000, `${parts} parts, ${longest} bytes`);
  });

  test("reads no further than the client has read, and breaks off if the database does", async () => {
    const scene = await setUp();
    const { client, user, services, logged } = scene;
    await storeEvents(scene, user.id, 20_000);
    const answer = await client.get(PATH);
    const reader = answer.body?.getReader();
    assert(reader);
    const decoder = new TextDecoder();
    let text = decoder.decode((await reader.read()).value);
    await services.db.schema.alterTable("events").renameTo("elsewhere").execute();
    await assert.rejects(async () => {
      for (;;) text += decoder.decode((await reader.read()).value);
    });
    assert.throws(() => JSON.parse(text));
    assert.match(text, /"sessions":\[/);
    assert.match(logged.join(""), /unexpected_error/);
    await services.db.schema.alterTable("elsewhere").renameTo("events").execute();
  });
});
