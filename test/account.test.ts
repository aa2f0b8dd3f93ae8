import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findCredentials, listUsers } from "../db/users.ts";
import { inviteFirstUser } from "../lib/users/invite-first-user.ts";
import { createClient } from "./support/client.ts";
import { createTestApp } from "./support/test-app.ts";

const BROWSER = { "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin", Accept: "text/html,*/*;q=0.8" };
const FORM = { ...BROWSER, "Content-Type": "application/x-www-form-urlencoded" };
const OWN = { "Sec-Fetch-Site": "same-origin" };
const PASSWORD = "right horse";

async function setUp(environment: Record<string, string> = {}) {
  const test = await createTestApp(environment);
  const user = await test.addUser({ username: "alice", password: PASSWORD, email: "alice@example.com" });
  const client = createClient(test.app);
  const send = (path: string, fields: Record<string, string>) =>
    client.send("POST", path, { headers: FORM, body: new URLSearchParams(fields).toString() });
  return { ...test, user, client, send };
}

describe("the set-up of the first user", () => {
  const fields = { username: "root", email: "", password: "k7#qz!pv-9" };

  async function begin() {
    const test = await createTestApp();
    const link = (await inviteFirstUser(test.services)) ?? "";
    const send = (password = fields.password) =>
      createClient(test.app).send("POST", link, {
        headers: FORM,
        body: new URLSearchParams({ ...fields, password }).toString(),
      });
    const look = () => createClient(test.app).get(link, BROWSER);
    return { ...test, link, send, look };
  }

  test("creates one superuser, even if many clients send the form at once, and is a 404 from then on", async () => {
    const { send, look, services } = await begin();
    assert.equal((await look()).status, 200);
    const answers = await Promise.all(Array.from({ length: 5 }, () => send()));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [303, 404, 404, 404, 404]);
    assert.deepEqual(
      (await listUsers(services.db, { after: null, limit: 100 })).map(({ isSuperuser }) => isSuperuser),
      [true],
    );
    assert.equal((await look()).status, 404);
    assert.equal(await inviteFirstUser(services), null);
  });

  test("logs the new user in, and a validation error leaves the link valid", async () => {
    const { send } = await begin();
    assert.equal((await send("short")).status, 400);
    const made = await send();
    assert.equal(made.headers.get("location"), "/profile/");
    assert(made.headers.getSetCookie().some((line) => line.startsWith("sessionid=")));
  });

  test("is a 404 after 30 minutes, after another way created a user, and with another token", async () => {
    const { look, clock, link, app } = await begin();
    clock.advance(30 * 60 - 1);
    assert.equal((await look()).status, 200);
    clock.advance(1);
    assert.equal((await look()).status, 404);
    assert.equal((await createClient(app).get(`${link.slice(0, -1)}_`, BROWSER)).status, 404);
    const other = await begin();
    await other.addUser({ username: "alice", password: PASSWORD });
    assert.equal((await other.look()).status, 404);
    assert.equal((await other.send()).status, 404);
  });
});

describe("the link of the set-up", () => {
  test("is never in the log", async () => {
    const { services, app, logged } = await createTestApp();
    const link = (await inviteFirstUser(services)) ?? "";
    const token = link.split("=")[1] ?? "";
    assert.match(token, /^\w{20,}$/);
    const fields = { username: "root", email: "", password: "k7#qz!pv-9" };
    const body = (password: string) => new URLSearchParams({ ...fields, password }).toString();
    const client = createClient(app);
    const statuses = [
      await client.get(link, BROWSER),
      await client.get(`${link}&token=x`, BROWSER),
      await client.send("POST", link, { headers: FORM, body: body("short") }),
      await client.send("POST", link, { headers: FORM, body: "%" }),
      await client.get(link),
      await client.send("POST", link, { headers: FORM, body: body(fields.password) }),
      await client.get(link, BROWSER),
    ].map(({ status }) => status);
    assert.deepEqual(statuses, [200, 404, 400, 400, 404, 303, 404]);
    assert(logged.length >= statuses.length);
    for (const secret of [token, fields.password]) assert(!logged.join("\n").includes(secret));
  });
});

describe("PATCH /profile/", () => {
  test("changes all sent fields or none, and never the username or a read-only field", async () => {
    const { client, services } = await setUp();
    await client.login("alice", PASSWORD);
    const patch = (json: unknown) => client.send("PATCH", "/profile/", { json, headers: OWN });
    const done = await patch({ first_name: " Ada ", username: "root", is_superuser: true, email: "a@EXAMPLE.com" });
    const profile = { username: "alice", email: "a@example.com", first_name: "Ada", last_name: "" };
    assert.deepEqual([done.status, await done.json()], [200, profile]);
    const denied = await patch({ first_name: "x".repeat(151), last_name: "Byron", email: "no address" });
    assert.deepEqual(
      [denied.status, await denied.json()],
      [
        400,
        {
          first_name: ["Ensure this field has no more than 150 characters."],
          email: ["Enter a valid email address."],
        },
      ],
    );
    assert.deepEqual(await (await client.get("/profile/")).json(), profile);
    for (const json of [null, [], "x", { email: null }, { last_name: {} }])
      assert.equal((await patch(json)).status, 400);
    assert.deepEqual(
      [(await patch({})).status, (await findCredentials(services.db, "alice"))?.user.isSuperuser],
      [200, false],
    );
  });
});

describe("POST /password/change/", () => {
  test("needs the current password, validates the new one, and leaves one session under a new token", async () => {
    const { app, client } = await setUp();
    const other = createClient(app);
    for (const one of [other, client]) await one.login("alice", PASSWORD);
    const before = new Map(client.cookies);
    const change = (current_password: string, new_password: string) =>
      client.send("POST", "/password/change/", {
        json: { current_password, new_password },
        headers: { "Sec-Fetch-Site": "same-origin" },
      });
    const wrong = await change("wrong", "k7#qz!pv-9");
    assert.deepEqual(await wrong.json(), {
      current_password: ["Your old password was entered incorrectly. Please enter it again."],
    });
    assert.equal((await change(PASSWORD, "alice123")).status, 400);
    assert.equal((await other.get("/profile/")).status, 200);
    assert.equal((await change(PASSWORD, "k7#qz!pv-9")).status, 204);
    assert.deepEqual([(await client.get("/profile/")).status, (await other.get("/profile/")).status], [200, 403]);
    const stale = createClient(app);
    for (const [name, value] of before) stale.cookies.set(name, value);
    assert.equal((await stale.get("/profile/")).status, 403);
    assert.equal((await createClient(app).login("alice", "k7#qz!pv-9")).status, 202);
  });
});

describe("two password changes at the same time", () => {
  test("do not both succeed: the first one ends the session of the second", async () => {
    const { app, client } = await setUp();
    const other = createClient(app);
    for (const one of [client, other]) await one.login("alice", PASSWORD);
    const change = (one: typeof client, new_password: string) =>
      one.send("POST", "/password/change/", {
        json: { current_password: PASSWORD, new_password },
        headers: { "Sec-Fetch-Site": "same-origin" },
      });
    const wanted = ["k7#qz!pv-9", "w3+rt=mb/5"];
    const answers = await Promise.all([change(client, "k7#qz!pv-9"), change(other, "w3+rt=mb/5")]);
    assert.deepEqual(answers.map(({ status }) => status).sort(), [204, 403]);
    const logins = await Promise.all(wanted.map((password) => createClient(app).login("alice", password)));
    assert.deepEqual(
      logins.map(({ status }) => status === 202),
      answers.map(({ status }) => status === 204),
    );
    const profiles = await Promise.all([client, other].map((one) => one.get("/profile/")));
    assert.deepEqual(profiles.map(({ status }) => status).sort(), [200, 403]);
  });
});

describe("GET and DELETE /sessions/", () => {
  test("give a program the address, the times and the device of each session", async () => {
    const { client, clock } = await setUp();
    const headers = { "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0" };
    await client.post("/login/", { username: "alice", password: PASSWORD }, headers);
    clock.advance(3600);
    const [session] = await (await client.get("/sessions/")).json();
    assert.match(session.id, /^[0-9a-f]{20}$/);
    assert.deepEqual(session, {
      id: session.id,
      browser: "Firefox",
      system: "Linux",
      user_agent: headers["User-Agent"],
      address: "192.0.2.1",
      created_at: "2026-01-01T00:00:00.000Z",
      last_seen_at: "2026-01-01T01:00:00.000Z",
      is_current: true,
    });
    assert.equal((await client.send("DELETE", `/sessions/${session.id}/`, { headers: OWN })).status, 204);
    assert.equal(client.cookies.has("sessionid"), false);
    assert.equal((await client.get("/sessions/")).status, 403);
  });

  test("name a session by neither its token nor its row's key, and end only sessions of the same user", async () => {
    const { app, client, addUser, services } = await setUp();
    await addUser({ username: "bob", password: PASSWORD });
    const [phone, bob] = [createClient(app), createClient(app)];
    for (const [one, name] of [
      [client, "alice"],
      [phone, "alice"],
      [bob, "bob"],
    ] as const)
      await one.login(name, PASSWORD);
    const list = async (one: typeof client): Promise<{ id: string; is_current: boolean }[]> =>
      (await one.get("/sessions/")).json();
    const end = async (one: typeof client, path: string) =>
      (await one.send("DELETE", path, { headers: { "Sec-Fetch-Site": "same-origin" } })).status;
    const [listed, bobs] = [await list(client), await list(bob)];
    assert.deepEqual(listed.map((session) => session.is_current).sort(), [false, true]);
    const keys = (await services.db.selectFrom("sessions").select("id").execute()).map(({ id }) => id);
    for (const { id } of listed)
      assert(!keys.some((key) => key.includes(id)) && !client.cookies.get("sessionid")?.includes(id));
    assert.equal(await end(client, `/sessions/${bobs[0]?.id}/`), 404);
    assert.equal(await end(client, "/sessions/nothing/"), 404);
    assert.equal(await end(client, `/sessions/${listed.find((session) => !session.is_current)?.id}/`), 204);
    assert.deepEqual([(await phone.get("/profile/")).status, (await bob.get("/profile/")).status], [403, 200]);
    await phone.login("alice", PASSWORD);
    assert.equal(await end(client, "/sessions/"), 204);
    assert.deepEqual([(await phone.get("/profile/")).status, (await client.get("/profile/")).status], [403, 200]);
  });
});

describe("the well-known addresses", () => {
  test("lead to the password form, name the security contact, and keep search engines out", async () => {
    const { client } = await setUp({ POSTERN_SECURITY_CONTACT: "mailto:security@example.com" });
    const change = await client.get("/.well-known/change-password");
    assert.deepEqual([change.status, change.headers.get("location")], [302, "/password/change/"]);
    const probe = "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200";
    assert.equal((await client.get(probe)).status, 404);
    const security = await (await client.get("/.well-known/security.txt")).text();
    assert.equal(security, "Contact: mailto:security@example.com\nExpires: 2026-04-01T00:00:00.000Z\n");
    assert.equal(await (await client.get("/robots.txt")).text(), "User-agent: *\nDisallow: /\n");
    const silent = await setUp();
    assert.equal((await silent.client.get("/.well-known/security.txt")).status, 404);
  });
});
