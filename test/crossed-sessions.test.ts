import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { sealTrail } from "../db/event-seal.ts";
import { migrate } from "../db/migrate.ts";
import { openDatabase } from "../db/open.ts";
import { type Client, createClient } from "./support/client.ts";
import { usePostgres } from "./support/postgres.ts";
import { TEST_KEYS } from "./support/secret-key.ts";
import { createTestApp, type TestApp } from "./support/test-app.ts";

const PROCESSES = { timeout: 60_000 };

const PASSWORD = "right horse";

/** Enough for a deadlock in nearly every run, if the users were locked in another order. */
const ROUNDS = 10;

const NAMES = ["alice", "bobby"] as const;

/** Both clients as browsers of their users. */
async function logBothIn({ app }: TestApp): Promise<[Client, Client]> {
  const clients: [Client, Client] = [createClient(app), createClient(app)];
  for (const [index, client] of clients.entries()) await client.login(NAMES[index] ?? "", PASSWORD);
  return clients;
}

const sessionOf = (client: Client) => client.cookies.get("sessionid") ?? assert.fail("no session");

describe("on Postgres, two requests at once do not wait for each other if", () => {
  const postgres = usePostgres(PROCESSES);
  let url = "";
  before(async () => {
    url = await postgres.createDatabase("crossed");
  }, PROCESSES);

  /** Both users exist. Each request has a connection of its own. */
  async function inApp(work: (test: TestApp) => Promise<void>): Promise<void> {
    const db = await openDatabase(url, { mayCreate: false, poolSize: 4 });
    await migrate(db);
    await sealTrail(db, TEST_KEYS.audit, 0);
    const test = await createTestApp({ POSTERN_THROTTLE: "off" }, { db, close: () => db.destroy() });
    await db.deleteFrom("users").execute();
    for (const username of NAMES) await test.addUser({ username, password: PASSWORD });
    await work(test).finally(test.close);
  }

  test("each logs a user in and presents a session of the other's", PROCESSES, async () => {
    await inApp(async (test) => {
      for (let round = 0; round < ROUNDS; round++) {
        const [alice, bobby] = await logBothIn(test);
        const [hers, his] = [sessionOf(alice), sessionOf(bobby)];
        alice.cookies.set("sessionid", his);
        bobby.cookies.set("sessionid", hers);
        const answers = await Promise.all([alice.login("alice", PASSWORD), bobby.login("bobby", PASSWORD)]);
        assert.deepEqual(
          answers.map(({ status }) => status),
          [202, 202],
        );
        for (const old of [hers, his]) {
          const { status } = await createClient(test.app).get("/profile/", { Cookie: `sessionid=${old}` });
          assert.equal(status, 403);
        }
      }
    });
  });

  test("each logs out and presents sessions of both", PROCESSES, async () => {
    await inApp(async (test) => {
      for (let round = 0; round < ROUNDS; round++) {
        const pairs = await Promise.all([logBothIn(test), logBothIn(test)]);
        const logouts = pairs.map((pair) => {
          const Cookie = pair.map((client) => `sessionid=${sessionOf(client)}`).join("; ");
          return createClient(test.app).post("/logout/", {}, { Cookie, "Sec-Fetch-Site": "same-origin" });
        });
        for (const { status } of await Promise.all(logouts)) assert.equal(status, 204);
      }
      assert.deepEqual(await test.services.db.selectFrom("sessions").selectAll().execute(), []);
    });
  });
});
