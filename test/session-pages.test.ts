import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Client, createClient } from "./support/client.ts";
import { addSessions, watchRows } from "./support/many-sessions.ts";
import { createTestApp } from "./support/test-app.ts";

const PASSWORD = "right horse";
const OWN = { "Sec-Fetch-Site": "same-origin" };
const BROWSER = { "Sec-Fetch-Mode": "navigate", Accept: "text/html" };
const FORM = { ...BROWSER, ...OWN, "Content-Type": "application/x-www-form-urlencoded" };

interface Listed {
  id: string;
  user_agent: string;
  last_seen_at: string;
  is_current: boolean;
}

/** A user with this number of sessions beside the client's own. */
async function setUp(count: number, environment: Record<string, string> = {}) {
  const test = await createTestApp(environment);
  const user = await test.addUser({ username: "alice", password: PASSWORD });
  const client = createClient(test.app);
  await client.login("alice", PASSWORD);
  await addSessions(test.services.db, user.id, count, test.clock.now);
  return { ...test, user, client };
}

async function read(client: Client, target: string): Promise<{ sessions: Listed[]; next: string | null }> {
  const response = await client.get(target);
  assert.equal(response.status, 200, target);
  const [, next = null] = /^<(.*)>; rel="next"$/.exec(response.headers.get("link") ?? "") ?? [];
  return { sessions: JSON.parse(await response.text()), next };
}

async function readAll(client: Client): Promise<Listed[][]> {
  const pages: Listed[][] = [];
  for (let target: string | null = "/sessions/"; target !== null; ) {
    const { sessions, next }: Awaited<ReturnType<typeof read>> = await read(client, target);
    pages.push(sessions);
    target = next;
  }
  return pages;
}

describe("GET /sessions/", () => {
  test("gives a program 100 sessions at once, without a next page", async () => {
    const { client } = await setUp(99);
    const { sessions, next } = await read(client, "/sessions/");
    assert.deepEqual([sessions.length, next], [100, null]);
  });

  test("gives more of them on pages, each once, the last used first", async () => {
    const { client } = await setUp(345);
    const pages = await readAll(client);
    assert.deepEqual(
      pages.map((page) => page.length),
      [100, 100, 100, 46],
    );
    const all = pages.flat();
    assert.equal(new Set(all.map(({ id }) => id)).size, 346);
    assert.equal(new Set(all.map(({ user_agent }) => user_agent)).size, 346);
    const instants = all.map(({ last_seen_at }) => last_seen_at);
    assert.deepEqual(instants, instants.toSorted().reverse());
  });

  test("reads only the rows of one page", async () => {
    const { client, services } = await setUp(1000);
    const rows = watchRows();
    services.db = services.db.withPlugin(rows);
    const [first = [], ...others] = await readAll(client);
    await client.get("/sessions/", BROWSER);
    await client.send("DELETE", `/sessions/${first.at(-1)?.id}/`, { headers: OWN });
    assert(others.length === 10 && rows.most > 0 && rows.most <= 101, String(rows.most));
  });

  test("begins with the requesting session, although others were used later, and repeats it on no other page", async () => {
    const { client, clock, services, user } = await setUp(0);
    clock.advance(59); // Less than the step of `last_seen_at`.
    await addSessions(services.db, user.id, 150, clock.now);
    const pages = await readAll(client);
    assert.deepEqual(
      pages.map((page) => page.findIndex((session) => session.is_current)),
      [0, -1],
    );
    assert.equal(pages[0]?.[0]?.last_seen_at, new Date(clock.now - 59_000).toISOString());
  });

  test("continues after a page whose last session has ended meanwhile", async () => {
    const { client } = await setUp(150);
    const first = await read(client, "/sessions/");
    const last = first.sessions.at(-1)?.id;
    assert.equal((await client.send("DELETE", `/sessions/${last}/`, { headers: OWN })).status, 204);
    const second = await read(client, first.next ?? "");
    assert.equal(second.sessions.length, 51);
  });

  test("denies a malformed cursor, and answers any other with the sessions after it", async () => {
    const { client } = await setUp(150);
    const name = "0".repeat(20);
    const wrong = ["x", "1", "-1.x", ".", `1.${name}0`, `${"9".repeat(16)}.${name}`, `1.5.${name}`, `1e3.${name}`];
    wrong.push(
      `1.${name.slice(1)}G`,
      "%00",
      "%ff",
      `1.${name}%0a`,
      "1.%27%20or%201=1",
      `٣.${name}`,
      `1.${"A".repeat(20)}`,
    );
    for (const cursor of wrong) {
      const response = await client.get(`/sessions/?cursor=${cursor}`);
      assert.deepEqual([response.status, await response.json()], [400, { cursor: ["Invalid cursor."] }], cursor);
      assert.equal((await client.get(`/sessions/?cursor=${cursor}`, BROWSER)).status, 400, cursor);
    }
    const length = async (cursor: string) => (await read(client, `/sessions/?cursor=${cursor}`)).sessions.length;
    assert.deepEqual([await length(`0.${name}`), await length(`${"9".repeat(15)}.${name}`)], [0, 100]);
    assert.deepEqual(await read(client, "/sessions/?cursor="), await read(client, "/sessions/"));
  });

  test("links to the next page in the same format, and exposes the header to scripts of trusted origins", async () => {
    const { client } = await setUp(150, { POSTERN_TRUSTED_ORIGINS: "https://app.example.com" });
    const response = await client.get("/sessions/?format=json&x=<y>", { Origin: "https://app.example.com" });
    assert.match(
      response.headers.get("link") ?? "",
      /^<\/sessions\/\?format=json&cursor=\d+\.[0-9a-f]{20}>; rel="next"$/,
    );
    assert.equal(response.headers.get("access-control-expose-headers"), "Link, Retry-After, X-Request-Id");
  });

  test("shows no session of another user, also with a cursor or a name from that user", async () => {
    const { app, client, addUser } = await setUp(150);
    await addUser({ username: "bob", password: PASSWORD });
    const bob = createClient(app);
    await bob.login("bob", PASSWORD);
    const { sessions, next } = await read(client, "/sessions/");
    assert.equal((await read(bob, next ?? "")).sessions.length, 0);
    assert.equal((await bob.send("DELETE", `/sessions/${sessions[5]?.id}/`, { headers: OWN })).status, 404);
    assert.equal((await read(client, "/sessions/")).sessions.length, 100);
  });

  test("is a page with a link to older sessions, which can be ended there too", async () => {
    const { client } = await setUp(150);
    const first = await (await client.get("/sessions/", BROWSER)).text();
    const [, href = ""] = /<a class="button quiet" href="([^"]+)">Older<\/a>/.exec(first) ?? [];
    assert.match(href, /^\/sessions\/\?cursor=/);
    const second = await (await client.get(href, BROWSER)).text();
    assert.equal(second.match(/<li>/g)?.length, 51);
    assert(
      second.includes("Log out all other devices") && !second.includes("Older") && !second.includes("This device"),
    );
    const [, action = ""] = /action="(\/sessions\/[0-9a-f]{20}\/)"/.exec(second) ?? [];
    const ended = await client.send("POST", action, { headers: FORM, body: "" });
    assert.equal(ended.headers.get("location"), "/sessions/?done=session");
    assert.equal((await (await client.get(href, BROWSER)).text()).match(/<li>/g)?.length, 50);
  });

  test("offers to end the others only if there are others", async () => {
    const { client } = await setUp(0);
    assert(!(await (await client.get("/sessions/", BROWSER)).text()).includes("Log out all other devices"));
  });
});

describe("a session's name", () => {
  test("is a 404 unless it is complete and exact", async () => {
    const { client, services } = await setUp(3);
    const { sessions } = await read(client, "/sessions/");
    const id = sessions[2]?.id ?? "";
    const keys = (await services.db.selectFrom("sessions").select("id").execute()).map((row) => row.id);
    const names = [id.slice(1), `${id}0`, id.toUpperCase().replace(/^\d+$/, ""), "%00", "%25", "..", "'", ...keys];
    for (const name of names) {
      const response = await client.send("DELETE", `/sessions/${name}/`, { headers: OWN });
      assert([404, 405].includes(response.status), `${name}: ${response.status}`);
    }
    assert.equal((await read(client, "/sessions/")).sessions.length, 4);
    assert.equal((await client.send("DELETE", `/sessions/${id}/`, { headers: OWN })).status, 204);
    assert.equal((await client.send("DELETE", `/sessions/${id}/`, { headers: OWN })).status, 404);
  });

  test("finds no expired session", async () => {
    const { client, clock, user, services } = await setUp(3);
    const { sessions } = await read(client, "/sessions/");
    clock.advance(86_400); // The other sessions have expired.
    const response = await client.send("DELETE", `/sessions/${sessions[1]?.id}/`, { headers: OWN });
    assert.equal(response.status, 404);
    const rows = services.db.selectFrom("sessions").select("id").where("user_id", "=", user.id);
    assert.equal((await rows.execute()).length, 4);
  });
});

describe("GET /activity/", () => {
  test("has the next page in the same header", async () => {
    const { client } = await setUp(0);
    for (let count = 0; count < 60; count++) {
      await client.send("PATCH", "/profile/", { headers: OWN, json: { first_name: `Alice ${count}` } });
    }
    const first = await client.get("/activity/");
    const { next } = await first.json();
    assert.equal(first.headers.get("link"), `</activity/?cursor=${next}>; rel="next"`);
    assert.equal((await client.get(`/activity/?cursor=${next}`)).headers.get("link"), null);
  });
});
