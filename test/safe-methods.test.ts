import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Db } from "../db/open.ts";
import { ROUTES } from "../lib/routes.ts";
import { sessionName } from "../lib/session/session-name.ts";
import { createClient } from "./support/client.ts";
import { createTestApp } from "./support/test-app.ts";

const BROWSER = { "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "cross-site" };

/** An export is counted and recorded, and changes nothing else: test/export-account.test.ts. */
const PATHS = [...new Set(ROUTES.map(({ path }) => path))].filter((path) => path !== "/account/export/");

/** Every row that a request could change. */
async function contentOf(db: Db) {
  return {
    users: await db.selectFrom("users").selectAll().execute(),
    sessions: await db.selectFrom("sessions").selectAll().orderBy("id").execute(),
    devices: await db.selectFrom("devices").selectAll().orderBy("id").execute(),
    throttles: await db.selectFrom("throttles").selectAll().orderBy("key").execute(),
    events: await db.selectFrom("events").selectAll().orderBy("id").execute(),
  };
}

async function setUp() {
  const test = await createTestApp({ POSTERN_ACCOUNT_DELETION: "on" });
  await test.addUser({ username: "alice", password: "right horse" });
  const [client, other] = [createClient(test.app), createClient(test.app)];
  for (const one of [client, other]) assert.equal((await one.login("alice", "right horse")).status, 202);
  return { ...test, client, other };
}

describe("a safe method", () => {
  for (const method of ["GET", "HEAD", "OPTIONS"]) {
    test(`changes nothing: ${method} of every path, by a browser and by a program (ASVS 5.0 V3.5.3)`, async () => {
      const { client, other, services, close } = await setUp();
      const before = await contentOf(services.db);
      assert.equal(before.sessions.length, 2);
      const names = before.sessions.map(sessionName);
      for (const path of PATHS) {
        for (const name of names) {
          const query = "?username=alice&first_name=Changed&current_password=right+horse&new_password=k7%23qz!pv-9";
          for (const headers of [{}, BROWSER])
            await client.send(method, path.replace(/:\w+/, name) + query, { headers });
        }
      }
      assert.deepEqual(await contentOf(services.db), before);
      assert.equal((await other.get("/profile/")).status, 200);
      await close();
    });
  }
});

test("every page of a user who is logged in has the button to log out (ASVS 5.0 V7.4.4)", async () => {
  const { client, close } = await setUp();
  const headers = { "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin" };
  const pages: string[] = [];
  for (const path of PATHS) {
    const response = await client.get(path, headers);
    if (response.status !== 200 || !response.headers.get("content-type")?.startsWith("text/html")) continue;
    pages.push(path);
    assert.match(
      await response.text(),
      /<form method="post" action="\/logout\/">.*<button[^>]*>.*<span>Log out<\/span><\/button>/s,
      path,
    );
  }
  for (const path of ["/profile/", "/password/change/", "/sessions/", "/activity/"]) assert(pages.includes(path), path);
  await close();
});
