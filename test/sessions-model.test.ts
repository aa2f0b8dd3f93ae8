import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { setActive, type User } from "../db/users.ts";
import { changePassword, deactivate } from "../lib/account/credentials.ts";
import { type Client, createClient } from "./support/client.ts";
import { anyPassword, createTestApp, type TestApp } from "./support/test-app.ts";

const DAY_MS = 86_400_000;

/** One account, two browsers, and the ten lines that say which of them is let in. */
class Model {
  password = 0;
  isActive = true;
  readonly sessions: ({ start: number; seen: number } | null)[] = [null, null];

  isAlive(browser: number, now: number): boolean {
    const session = this.sessions[browser];
    return session != null && now < session.start + 14 * DAY_MS && now < session.seen + 7 * DAY_MS;
  }

  endAll(): void {
    this.sessions.fill(null);
  }
}

interface World {
  model: Model;
  test: TestApp;
  user: User;
  browsers: Client[];
}

type Step = (world: World) => Promise<void>;

const login =
  (browser: number): Step =>
  async ({ model, test, browsers }) => {
    const response = await browsers[browser]?.login("alice", String(model.password));
    assert.equal(response?.status, model.isActive ? 202 : 400);
    if (model.isActive) model.sessions[browser] = { start: test.clock.now, seen: test.clock.now };
  };

const logout =
  (browser: number): Step =>
  async ({ model, browsers }) => {
    const response = await browsers[browser]?.post("/logout/", {}, { "Sec-Fetch-Site": "same-origin" });
    assert.equal(response?.status, 204);
    model.sessions[browser] = null;
  };

const wait =
  (seconds: number): Step =>
  async ({ test }) =>
    test.clock.advance(seconds);

const change: Step = async ({ model, test, user }) => {
  await changePassword(test.services, user, anyPassword(String(++model.password)), null);
  model.endAll();
};

const shutOut: Step = async ({ model, test, user }) => {
  await deactivate(test.services, user);
  model.isActive = false;
  model.endAll();
};

const letIn: Step = async ({ model, test, user }) => {
  await setActive(test.services.db, user.id, true);
  model.isActive = true;
};

/** Both browsers ask for the profile, which counts as use of their sessions. */
async function look({ model, test, browsers }: World): Promise<void> {
  for (const [browser, client] of browsers.entries()) {
    const isAlive = model.isAlive(browser, test.clock.now);
    assert.equal((await client.get("/profile/")).status, isAlive ? 200 : 403);
    Object.assign(model.sessions[browser] ?? {}, isAlive ? { seen: test.clock.now } : {});
  }
}

const browser = fc.integer({ min: 0, max: 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: browser.map(login) },
  { weight: 1, arbitrary: browser.map(logout) },
  { weight: 3, arbitrary: fc.integer({ min: 61, max: 8 * 86_400 }).map(wait) },
  { weight: 2, arbitrary: fc.constantFrom(change, shutOut, letIn) },
);

test("any sequence of logins, logouts, waits and changes lets in whom the model lets in", {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const test = await createTestApp();
      const user = await test.addUser({ username: "alice", password: "0" });
      const world = { model: new Model(), test, user, browsers: [createClient(test.app), createClient(test.app)] };
      for (const take of steps) {
        await take(world);
        await look(world);
      }
      await test.close();
    }),
    { numRuns: 500 },
  );
});
