import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { setActive, type User } from "../db/users.ts";
import { OPERATOR } from "../lib/audit/actor.ts";
import { deactivate } from "../lib/users/activation.ts";
import { changePassword } from "../lib/users/change-password.ts";
import { type Client, createClient } from "./support/client.ts";
import { repeats } from "./support/effort.ts";
import { anyPassword, createTestApp, type TestApp } from "./support/test-app.ts";

const DAY_MS = 86_400_000;

interface ModelSession {
  start: number;
  seen: number;
}

/** One account and two browsers, and the rules that say which session is alive. */
class Model {
  password = 0;
  isActive = true;
  firstName = "";
  readonly sessions: (ModelSession | null)[] = [null, null];

  isAlive(browser: number, now: number): boolean {
    return this.isLive(this.sessions[browser] ?? null, now);
  }

  /** Whether a session is alive. A browser may hold an ended one. */
  isLive(session: ModelSession | null, now: number): boolean {
    if (session === null || !this.sessions.includes(session)) return false;
    return now < session.start + 14 * DAY_MS && now < session.seen + 7 * DAY_MS;
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
  /** Requests without their body so far. */
  held: Held[];
}

interface Held {
  /** The session in the request's cookie. */
  session: ModelSession | null;
  firstName: string;
  sendBody: () => void;
  response: Promise<Response>;
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
  await changePassword(test.services, OPERATOR, user, anyPassword(String(++model.password)));
  model.endAll();
};

const shutOut: Step = async ({ model, test, user }) => {
  await deactivate(test.services, OPERATOR, user);
  model.isActive = false;
  model.endAll();
};

const letIn: Step = async ({ model, test, user }) => {
  await setActive(test.services.db, user.id, true);
  model.isActive = true;
};

/** Sends the head of a profile change. The server looks the session up before the body arrives. */
const sendHead =
  (browser: number): Step =>
  async ({ model, test, browsers, held }) => {
    const firstName = `name ${held.length} of ${model.password}`;
    const asked = Promise.withResolvers<void>();
    const sent = Promise.withResolvers<void>();
    const body = new ReadableStream(
      {
        pull: async (controller) => {
          asked.resolve();
          await sent.promise;
          controller.enqueue(new TextEncoder().encode(JSON.stringify({ first_name: firstName })));
          controller.close();
        },
      },
      { highWaterMark: 0 },
    );
    const headers = { "Content-Type": "application/json", "Sec-Fetch-Site": "same-origin" };
    const client = browsers[browser] ?? assert.fail();
    const response = client.send("PATCH", "/profile/", { body, headers });
    const session = model.isAlive(browser, test.clock.now) ? (model.sessions[browser] ?? null) : null;
    if (session !== null) session.seen = test.clock.now;
    await Promise.race([asked.promise, response]);
    held.push({ session, firstName, sendBody: sent.resolve, response });
  };

/** Sends the body of the oldest request. The change succeeds if the session is alive now. */
const sendBody: Step = async ({ model, test, held }) => {
  const late = held.shift();
  if (late === undefined) return;
  const isLive = model.isLive(late.session, test.clock.now);
  late.sendBody();
  assert.equal((await late.response).status, isLive ? 200 : 403);
  if (isLive) model.firstName = late.firstName;
};

/** Both browsers request the profile, which updates the last use of their sessions. */
async function look({ model, test, browsers }: World): Promise<void> {
  for (const [browser, client] of browsers.entries()) {
    const isAlive = model.isAlive(browser, test.clock.now);
    const response = await client.get("/profile/");
    assert.equal(response.status, isAlive ? 200 : 403);
    if (isAlive) assert.equal((await response.json()).first_name, model.firstName);
    Object.assign(model.sessions[browser] ?? {}, isAlive ? { seen: test.clock.now } : {});
  }
}

const browser = fc.integer({ min: 0, max: 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: browser.map(login) },
  { weight: 1, arbitrary: browser.map(logout) },
  { weight: 3, arbitrary: fc.integer({ min: 61, max: 8 * 86_400 }).map(wait) },
  { weight: 2, arbitrary: fc.constantFrom(change, shutOut, letIn) },
  { weight: 2, arbitrary: browser.map(sendHead) },
  { weight: 2, arbitrary: fc.constant(sendBody) },
);

test("any sequence of logins, logouts, waits, changes and late bodies is answered as in the model", {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const test = await createTestApp({ POSTERN_BODY_TIMEOUT_SECONDS: "60", POSTERN_IDLE_TIMEOUT_SECONDS: "120" });
      const user = await test.addUser({ username: "alice", password: "0" });
      const browsers = [createClient(test.app), createClient(test.app)];
      const world: World = { model: new Model(), test, user, browsers, held: [] };
      for (const take of steps) {
        await take(world);
        await look(world);
      }
      while (world.held.length > 0) await sendBody(world);
      await test.close();
    }),
    { numRuns: repeats(500) },
  );
});
