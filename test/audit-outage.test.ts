import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createClient } from "./support/client.ts";
import { createTestApp, type TestApp } from "./support/test-app.ts";

const OURS = { "Sec-Fetch-Site": "same-origin" };

const PASSWORD = "right horse";

async function setUp() {
  const test = await createTestApp();
  await test.addUser({ username: "alice", password: PASSWORD });
  return { ...test, client: createClient(test.app) };
}

async function kindsOf({ services }: TestApp): Promise<string[]> {
  return (await services.db.selectFrom("events").select("kind").orderBy("id").execute()).map(({ kind }) => kind);
}

describe("an event and its change", () => {
  /** Runs `work` while a table is missing. */
  async function without(test: TestApp, table: "events" | "sessions", work: () => Promise<unknown>): Promise<void> {
    const { schema } = test.services.db;
    await schema.alterTable(table).renameTo("elsewhere").execute();
    await work().finally(() => schema.alterTable("elsewhere").renameTo(table).execute());
  }

  test("are both stored, or neither is", async () => {
    const test = await setUp();
    await without(test, "sessions", async () => {
      assert.equal((await test.client.login("alice", PASSWORD)).status, 500);
    });
    assert.deepEqual(await kindsOf(test), ["user_made"]);
    await test.client.login("alice", PASSWORD);
    await without(test, "events", async () => {
      assert.equal((await test.client.post("/logout/", {}, OURS)).status, 500);
      assert.equal((await createClient(test.app).login("alice", PASSWORD)).status, 500);
    });
    assert.deepEqual(await kindsOf(test), ["user_made", "login"]);
    assert.equal((await test.client.get("/profile/")).status, 200);
    const sessions: unknown[] = JSON.parse(await (await test.client.get("/sessions/")).text());
    assert.equal(sessions.length, 1);
  });
});
