import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { listApplied, migrate } from "../db/migrate.ts";
import { type Db, openDatabase } from "../db/open.ts";
import { type Client, createClient } from "./support/client.ts";
import { until } from "./support/poll.ts";
import { usePostgres } from "./support/postgres.ts";
import { createTestApp } from "./support/test-app.ts";

// The minimum on Postgres. `bun run test:postgres` runs the other tests there.

const PROCESSES = { timeout: 60_000 };

const status = async (client: Client) => (await client.get("/profile/")).status;

describe("on Postgres", () => {
  const postgres = usePostgres(PROCESSES);
  let url = "";
  let db: Db;
  before(async () => {
    url = await postgres.createDatabase("postern");
    db = await openDatabase(url, { mayCreate: false, poolSize: 3 });
  }, PROCESSES);
  after(() => db.destroy(), PROCESSES);

  async function setUp(username: string) {
    const app = await createTestApp({}, { db, close: async () => {} });
    const user = await app.addUser({ username, password: "right horse" });
    const client = createClient(app.app);
    assert.equal((await client.login(username, "right horse")).status, 202);
    return { ...app, user, client };
  }

  test("ten processes that migrate at the same time migrate once", PROCESSES, async () => {
    const opening = Array.from({ length: 10 }, () => openDatabase(url, { mayCreate: false, poolSize: 1 }));
    const databases = await Promise.all(opening);
    const applied = await Promise.all(databases.map(migrate));
    const names = (await listApplied(databases[0] ?? assert.fail())).map(({ name }) => name);
    assert(names.length > 1);
    assert.deepEqual(
      applied.filter((once) => once.length > 0),
      [names],
    );
    await Promise.all(databases.map((database) => database.destroy()));
  });

  test("a login opens the profile, and a logout closes it", PROCESSES, async () => {
    const { client } = await setUp("alice");
    const profile = await client.get("/profile/");
    assert.equal(await profile.text(), '{"username":"alice","email":"","first_name":"","last_name":""}');
    assert.equal((await client.post("/logout/", {}, { "Sec-Fetch-Site": "same-origin" })).status, 204);
    assert.equal(await status(client), 403);
    assert.equal((await client.login("alice", "wrong horse")).status, 400);
  });

  test("a session expires", PROCESSES, async () => {
    const { client, clock } = await setUp("carol");
    clock.advance(7 * 86_400 - 1);
    assert.equal(await status(client), 200);
    clock.advance(7 * 86_400);
    assert.equal(await status(client), 403);
  });

  test("a password change ends the other sessions", PROCESSES, async () => {
    const { client, app } = await setUp("bob");
    const other = createClient(app);
    await other.login("bob", "right horse");
    const json = { current_password: "right horse", new_password: "k7#qz!pv-9" };
    assert.equal(
      (await client.send("POST", "/password/change/", { json, headers: { "Sec-Fetch-Site": "same-origin" } })).status,
      204,
    );
    assert.deepEqual([await status(client), await status(other)], [200, 403]);
    assert.equal((await other.login("bob", "right horse")).status, 400);
  });

  test("an outage is answered 503 with Retry-After, and the node recovers by itself", PROCESSES, async () => {
    const { client, app, logged } = await setUp("dora");
    const stranger = createClient(app);
    await postgres.whileStopped(async () => {
      for (const answer of [await client.get("/profile/"), await stranger.login("dora", "right horse")]) {
        assert.deepEqual([answer.status, answer.headers.get("retry-after")], [503, "5"]);
        // The session is not known to be invalid, so the browser must keep its cookie.
        assert.deepEqual(answer.headers.getSetCookie(), []);
      }
    });
    await until("the profile is shown again", async () => (await status(client)) === 200);
    assert.equal((await stranger.login("dora", "right horse")).status, 202);
    assert(!logged.some((line) => line.includes("unexpected_error")));
  });
});
