import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createClient } from "./support/client.ts";
import { createGuessedApp, guess, RIGHT } from "./support/guesses.ts";

const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const PAGE = { "Sec-Fetch-Mode": "navigate", Accept: "text/html" };

interface Shown {
  id: string;
  browser: string | null;
  system: string | null;
  created_at: string;
  last_used_at: string;
  is_current: boolean;
  trusted_until: string | null;
}

/** Alice with a browser that has just logged in, and one that logged in a day before. */
async function setUp() {
  const app = await createGuessedApp();
  const browse = (userAgent: string) => {
    const client = createClient(app.app);
    const login = () => {
      const headers = { "Sec-Fetch-Site": "same-origin", "User-Agent": userAgent };
      return client.send("POST", "/login/", { json: { username: "alice", password: RIGHT }, headers });
    };
    const forget = (id: string) =>
      client.send("DELETE", `/devices/${id}/`, { headers: { "X-CSRFToken": client.cookies.get("csrftoken") ?? "" } });
    const list = async (): Promise<Shown[]> => (await client.get("/devices/")).json();
    return { ...client, login, forget, list };
  };
  const other = browse("curl/8.5.0");
  await other.login();
  app.clock.advance(24 * 3600);
  const own = browse(FIREFOX);
  await own.login();
  return { ...app, browse, own, other };
}

describe("the list of known devices", () => {
  test("names each device, the last used first, and marks this browser", async () => {
    const { own } = await setUp();
    const [first, second, ...rest] = await own.list();
    assert.deepEqual(rest, []);
    assert.deepEqual(
      { ...first, id: "" },
      {
        id: "",
        browser: "Firefox",
        system: "Linux",
        created_at: "2026-01-02T00:00:00.000Z",
        last_used_at: "2026-01-02T00:00:00.000Z",
        is_current: true,
        trusted_until: null,
      },
    );
    assert.deepEqual([second?.browser, second?.system, second?.is_current], ["curl", null, false]);
  });

  test("shows the first and the last login, although each login changes the cookie", async () => {
    const { own, clock } = await setUp();
    clock.advance(3600);
    const before = own.cookies.get("devicecookie");
    await own.login();
    assert.notEqual(own.cookies.get("devicecookie"), before);
    const [first, ...rest] = await own.list();
    assert.equal(rest.length, 1);
    assert.deepEqual(
      [first?.created_at, first?.last_used_at, first?.is_current],
      ["2026-01-02T00:00:00.000Z", "2026-01-02T01:00:00.000Z", true],
    );
  });

  test("has at most ten entries, shows no id, and belongs to one user", async () => {
    const { browse, own, services, addUser, app } = await setUp();
    for (let time = 0; time < 12; time++) await browse(FIREFOX).login();
    await own.login();
    const list = await own.list();
    assert.equal(list.length, 10);
    const ids = await services.db.selectFrom("devices").select("id").execute();
    for (const { id } of ids) assert(!JSON.stringify(list).includes(id.slice(0, 20)));
    await addUser({ username: "bob", password: RIGHT });
    const bob = createClient(app);
    await bob.login("bob", RIGHT);
    assert.equal((await (await bob.get("/devices/")).json()).length, 1);
    assert.equal((await createClient(app).get("/devices/")).status, 403);
  });
});

describe("a device that is forgotten", () => {
  test("counts as a stranger; its session goes on, and the trail records it", async () => {
    const app = await setUp();
    const { own, other, services } = app;
    const [, second] = await own.list();
    assert.equal((await own.forget(second?.id ?? "")).status, 204);
    assert.deepEqual((await own.list()).length, 1);
    assert.equal((await other.get("/profile/")).status, 200);
    await guess(app, "alice", 11);
    assert.equal((await other.login()).status, 429);
    assert.equal((await own.login()).status, 202);
    const events = await services.db
      .selectFrom("events")
      .select(["actor", "subject"])
      .where("kind", "=", "device_forgotten")
      .execute();
    const alice = `user:${app.alice.id}`;
    assert.deepEqual(
      events.map((row) => ({ ...row })),
      [{ actor: alice, subject: alice }],
    );
  });

  test("may be this browser, whose cookie is then expired", async () => {
    const { own } = await setUp();
    const [first] = await own.list();
    const response = await own.forget(first?.id ?? "");
    assert.equal(response.status, 204);
    assert.match(response.headers.getSetCookie().join(), /^devicecookie=""; .*Max-Age=0/);
    assert.equal(own.cookies.has("devicecookie"), false);
    assert.equal((await own.get("/profile/")).status, 200);
  });

  test("must be one of the user's own: any other is a 404, and nothing changes", async () => {
    const { own, app, addUser, services } = await setUp();
    await addUser({ username: "bob", password: RIGHT });
    const bob = createClient(app);
    await bob.login("bob", RIGHT);
    const [theirs]: Shown[] = await (await bob.get("/devices/")).json();
    for (const id of [theirs?.id ?? "", "0".repeat(20), "x", own.cookies.get("devicecookie") ?? ""]) {
      assert.equal((await own.forget(id)).status, 404);
    }
    const [first] = await own.list();
    assert.equal((await own.send("DELETE", `/devices/${first?.id}/`, { headers: {} })).status, 403, "another site's");
    assert.equal((await services.db.selectFrom("devices").select("id").execute()).length, 3);
    assert.equal((await own.forget(first?.id ?? "")).status, 204);
    assert.equal((await own.forget(first?.id ?? "")).status, 404, "twice");
  });

  test("is forgotten by a form on the sessions page, which lists all devices", async () => {
    const { own } = await setUp();
    assert.equal((await own.get("/devices/", PAGE)).headers.get("location"), "/sessions/");
    const [, second] = await own.list();
    const text = await (await own.get("/sessions/", PAGE)).text();
    assert.match(text, /Known devices/);
    assert.match(text, new RegExp(`action="/devices/${second?.id}/"`));
    const [, token = ""] = /name="csrfmiddlewaretoken" value="(\w+)"/.exec(text) ?? [];
    const headers = { ...PAGE, "Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin" };
    const body = `csrfmiddlewaretoken=${token}`;
    const response = await own.send("POST", `/devices/${second?.id}/`, { headers, body });
    assert.deepEqual([response.status, response.headers.get("location")], [303, "/sessions/?done=device"]);
    const after = await (await own.get("/sessions/?done=device", PAGE)).text();
    assert.match(after, /The device is forgotten\./);
    assert(!after.includes(second?.id ?? ""));
  });
});
