import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Client, createClient } from "./support/client.ts";
import { createTestApp, type TestApp } from "./support/test-app.ts";

// A browser sends every cookie with a matching domain and path (RFC 6265 §5.4). Several can have one name: one of this
// host, one that a sibling set for the whole domain, one of another application under a path.

const SAME_ORIGIN = { "Sec-Fetch-Site": "same-origin" };
const DEAD = "z".repeat(32);

async function setUp(environment: Record<string, string> = {}) {
  const test = await createTestApp(environment);
  const ids = new Map<string, number>();
  for (const username of ["alice", "bob"]) {
    ids.set(username, (await test.addUser({ username, password: "right horse" })).id);
  }
  const host = environment["PUBLIC_URL"] === undefined ? "postern.test" : new URL(environment["PUBLIC_URL"]).host;
  const logIn = async (username: string) => {
    const client = createClient(test.app, host);
    assert.equal((await client.login(username, "right horse")).status, 202);
    return client.cookies.get("sessionid") ?? client.cookies.get("__Host-sessionid") ?? assert.fail("no session");
  };
  const anyone = createClient(test.app, host);
  const ask = (method: string, target: string, cookie: string, headers = {}) =>
    createClient(test.app, host).send(method, target, { headers: { Cookie: cookie, ...SAME_ORIGIN, ...headers } });
  return { ...test, ids, anyone, logIn, ask };
}

const tokens = (...values: string[]) => values.map((value) => `sessionid=${value}`).join("; ");

async function countSessions({ services }: TestApp): Promise<number> {
  return (await services.db.selectFrom("sessions").select("id").execute()).length;
}

async function eventsOf({ services }: TestApp): Promise<string[]> {
  const rows = await services.db.selectFrom("events").select(["kind", "subject"]).orderBy("id").execute();
  return rows.map(({ kind, subject }) => `${kind} ${subject}`);
}

describe("two session cookies of one name", () => {
  test("authenticate the user of the first live session, and no cookie is deleted", async () => {
    const { ask, logIn } = await setUp();
    const [alice, bob] = [await logIn("alice"), await logIn("bob")];
    const cases: [string, string][] = [
      [tokens(alice, DEAD), "alice"],
      [tokens(DEAD, alice), "alice"],
      [tokens("short", alice), "alice"],
      [tokens("", alice, ""), "alice"],
      [tokens(alice, bob), "alice"],
      [tokens(bob, alice), "bob"],
      [tokens(DEAD, "junk of another application", bob), "bob"],
    ];
    for (const [cookie, username] of cases) {
      const response = await ask("GET", "/profile/", cookie);
      assert.equal(response.status, 200, cookie);
      assert.equal((await response.json()).username, username);
      assert.deepEqual(response.headers.getSetCookie(), []);
    }
  });

  test("are deleted if no session is alive", async () => {
    const { ask } = await setUp();
    const response = await ask("GET", "/profile/", tokens(DEAD, "y".repeat(32)));
    assert.equal(response.status, 403);
    assert.equal(response.headers.getSetCookie().length, 1);
    assert.match(response.headers.getSetCookie()[0] ?? "", /^sessionid="";/);
  });

  for (const names of [
    ["alice", "alice"],
    ["alice", "bob"],
  ]) {
    test(`are both ended by a logout, with sessions of ${names.join(" and ")}`, async () => {
      const test = await setUp();
      const [first = "", second = ""] = [await test.logIn(names[0] ?? ""), await test.logIn(names[1] ?? "")];
      for (const cookie of [tokens(first, second)]) {
        assert.equal((await test.ask("POST", "/logout/", cookie)).status, 204);
      }
      for (const token of [first, second])
        assert.equal((await test.ask("GET", "/profile/", tokens(token))).status, 403);
      assert.equal(await countSessions(test), 0);
      const logouts = (await eventsOf(test)).filter((event) => event.startsWith("logout"));
      assert.deepEqual(logouts.sort(), names.map((name) => `logout user:${test.ids.get(name)}`).sort());
    });
  }

  test("are both ended by a login, in any order", async () => {
    for (const order of [0, 1]) {
      const test = await setUp();
      const [first, second] = [await test.logIn("alice"), await test.logIn("bob")];
      const cookie = order === 0 ? tokens(first, DEAD, second) : tokens(second, first);
      const client = createClient(test.app);
      const json = { username: "alice", password: "right horse" };
      const response = await client.send("POST", "/login/", { json, headers: { Cookie: cookie, ...SAME_ORIGIN } });
      assert.equal(response.status, 202);
      assert.equal(await countSessions(test), 1);
      assert.equal((await client.get("/profile/")).status, 200);
    }
  });

  test("are looked up at most 200 times, more than a browser stores for a domain", async () => {
    const { ask, logIn } = await setUp();
    const alice = await logIn("alice");
    const dead = Array.from({ length: 300 }, (_, index) => index.toString(2).replaceAll("0", "a").replaceAll("1", "b"));
    const shaped = dead.map((text) => text.padStart(32, "c"));
    assert.equal((await ask("GET", "/profile/", tokens(...shaped.slice(0, 199), alice))).status, 200);
    assert.equal((await ask("GET", "/profile/", tokens(...shaped.slice(0, 200), alice))).status, 403);
    assert.equal((await ask("GET", "/profile/", tokens(...dead, alice))).status, 200, "no token has this format");
    assert.equal((await ask("POST", "/logout/", tokens(...shaped))).status, 204);
  });

  test("are ended by a logout, also beside many planted ones", async () => {
    const planted = Array.from({ length: 180 }, (_, index) => `${index}`.replace(/./g, "p$&x").replace(/[0189]/g, "q"));
    const values = planted.map((text, index) => `${text}${"abcdefghij"[index % 10]}`.padStart(32, "w"));
    for (const [environment, cookie] of [
      [{}, (token: string) => tokens(...values, token)],
      [
        { PUBLIC_URL: "https://postern.test" },
        (token: string) =>
          `${tokens(...values, ...values.map((value) => `m${value.slice(1)}`))}; __Host-sessionid=${token}`,
      ],
    ] as const) {
      const test = await setUp(environment);
      const token = await test.logIn("alice");
      assert.equal((await test.ask("POST", "/logout/", cookie(token))).status, 204);
      assert.equal(await countSessions(test), 0);
    }
  });
});

describe("a session cookie under the name with or without its prefix", () => {
  const HTTPS = { PUBLIC_URL: "https://postern.test" };

  test("authenticates only under the configured name, because a sibling host can set the plain one", async () => {
    const { ask, logIn } = await setUp(HTTPS);
    const alice = await logIn("alice");
    assert.equal((await ask("GET", "/profile/", `__Host-sessionid=${alice}`)).status, 200);
    for (const name of ["sessionid", "__Secure-sessionid", "__host-sessionid", "__Host-sessionid2"]) {
      assert.equal((await ask("GET", "/profile/", `${name}=${alice}`)).status, 403, name);
    }
  });

  test("is ended by a logout and by a login", async () => {
    for (const name of ["sessionid", "__Secure-sessionid", "__Host-sessionid"]) {
      const test = await setUp(HTTPS);
      const [own, variant] = [await test.logIn("alice"), await test.logIn("bob")];
      const cookie = `${name}=${variant}; __Host-sessionid=${own}`;
      assert.equal((await test.ask("POST", "/logout/", cookie)).status, 204);
      assert.equal(await countSessions(test), 0, name);
    }
    const test = await setUp();
    const token = await test.logIn("alice");
    assert.equal((await test.ask("POST", "/logout/", `__Host-sessionid=${token}`)).status, 204);
    assert.equal(await countSessions(test), 0, "after PUBLIC_URL was unset");
  });
});

describe("two cookies of another name", () => {
  test("csrftoken: the one of the session counts, in any place", async () => {
    const { anyone, ask } = await setUp();
    await anyone.login("alice", "right horse");
    const [session = "", csrf = ""] = ["sessionid", "csrftoken"].map((name) => anyone.cookies.get(name));
    const foreign = "a".repeat(64);
    const send = (cookie: string, header: string) =>
      ask("DELETE", "/sessions/", `sessionid=${session}; ${cookie}`, { "X-CSRFToken": header, "Sec-Fetch-Site": "" });
    for (const cookie of [`csrftoken=${csrf}; csrftoken=${foreign}`, `csrftoken=${foreign}; csrftoken=${csrf}`]) {
      assert.equal((await send(cookie, csrf)).status, 204, cookie);
      assert.equal((await send(cookie, foreign)).status, 403, cookie);
    }
    assert.equal((await send(`csrftoken=${foreign}; csrftoken=${foreign}`, csrf)).status, 403);
  });

  test("devicecookie: the one of a known device counts, in any place", async () => {
    const { anyone, app } = await setUp();
    await anyone.login("alice", "right horse");
    const known = anyone.cookies.get("devicecookie") ?? assert.fail("no device cookie");
    const guess = (client: Client, cookie: string, password: string) =>
      client.send("POST", "/login/", {
        json: { username: "alice", password },
        headers: { ...SAME_ORIGIN, ...(cookie === "" ? {} : { Cookie: cookie }) },
      });
    const stranger = createClient(app, "postern.test", "198.51.100.7");
    while ((await guess(stranger, "", "wrong")).status !== 429);
    for (const cookie of [
      `devicecookie=${known}; devicecookie=${DEAD}`,
      `devicecookie=${DEAD}; devicecookie=${known}`,
    ]) {
      assert.equal((await guess(createClient(app), cookie, "wrong")).status, 400, cookie);
    }
  });
});
