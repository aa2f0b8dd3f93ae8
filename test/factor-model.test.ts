import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeBase32IgnorePadding } from "@oslojs/encoding";
import * as fc from "fast-check";
import type { User } from "../db/users.ts";
import { OPERATOR } from "../lib/audit/actor.ts";
import { activate, deactivate } from "../lib/users/activation.ts";
import { changePassword } from "../lib/users/change-password.ts";
import { type Client, createClient } from "./support/client.ts";
import { repeats } from "./support/effort.ts";
import { codeAt } from "./support/factors.ts";
import { anyPassword, createTestApp, type TestApp } from "./support/test-app.ts";

const OURS = { "Sec-Fetch-Site": "same-origin" };
const MINUTE = 60_000;
const DAY = 1440 * MINUTE;

interface ModelSession {
  start: number;
  seen: number;
  proved: number;
  /** Whether a second factor was proved. */
  mfa: boolean;
}

/** The password was right, and the second factor is missing. */
interface ModelPending {
  end: number;
  attempts: number;
}

/** The authenticator app, and the codes that it does not allow any more. */
interface ModelFactor {
  secret: Uint8Array;
  lastStep: number;
}

/** One account and two browsers. Its functions say how each request must be answered, and change the model accordingly. */
class Model {
  password = 0;
  isActive = true;
  factor: ModelFactor | null = null;
  recoveryCodes = new Set<string>();
  /** Those that were used, or whose factor was removed. */
  readonly deadCodes: string[] = [];
  readonly sessions: (ModelSession | null)[] = [null, null];
  /** What each browser has a cookie of, alive or not. */
  readonly cookies: (ModelPending | null)[] = [null, null];
  /** The live ones, oldest first. */
  pending: ModelPending[] = [];

  enterPassword(browser: number, isRight: boolean, now: number): number {
    if (!isRight || !this.isActive) return 400;
    if (this.factor === null) {
      this.sessions[browser] = { start: now, seen: now, proved: now, mfa: false };
      return 202;
    }
    const pending = { end: now + 10 * MINUTE, attempts: 0 };
    this.pending = [...this.pending.slice(-9), pending];
    this.cookies[browser] = pending;
    return 403;
  }

  enterCode(browser: number, code: string, now: number): number {
    const pending = this.cookies[browser];
    if (!pending || !this.pending.includes(pending) || now >= pending.end) return 403;
    pending.attempts++;
    if (this.useCode(code, now)) {
      this.pending = this.pending.filter((one) => one !== pending);
      this.cookies[browser] = null;
      this.sessions[browser] = { start: now, seen: now, proved: now, mfa: true };
      return 202;
    }
    if (pending.attempts === 5) this.pending = this.pending.filter((one) => one !== pending);
    return 400;
  }

  private useCode(code: string, now: number): boolean {
    if (this.recoveryCodes.delete(code)) {
      this.deadCodes.push(code);
      return true;
    }
    const step = this.factor && stepOf(this.factor, code, now);
    if (this.factor === null || step === null) return false;
    this.factor.lastStep = step;
    return true;
  }

  removeFactor(): void {
    this.factor = null;
    this.deadCodes.push(...this.recoveryCodes);
    this.recoveryCodes.clear();
  }

  isAlive(browser: number, now: number): boolean {
    const session = this.sessions[browser];
    return session != null && now < session.start + 14 * DAY && now < session.seen + 7 * DAY;
  }

  /** Whether the browser may change the factors. */
  isRecent(browser: number, now: number): boolean {
    const session = this.sessions[browser];
    const hasProved = this.factor === null || session?.mfa === true;
    return this.isAlive(browser, now) && hasProved && now - (session?.proved ?? 0) <= 10 * MINUTE;
  }

  endAll(): void {
    this.sessions.fill(null);
    this.pending = [];
  }
}

/** RFC 6238 §5.2: the step before, this one and the next. Each is used once, and none before it any more. */
function stepOf({ secret, lastStep }: ModelFactor, code: string, now: number): number | null {
  const current = Math.floor(now / 30_000);
  const allowed = [current - 1, current, current + 1].filter((step) => step > lastStep);
  return allowed.find((step) => codeAt(secret, step * 30_000) === code) ?? null;
}

interface World {
  model: Model;
  test: TestApp;
  user: User;
  browsers: Client[];
}

type Step = (world: World) => Promise<void>;

const browserOf = ({ browsers }: World, browser: number) => browsers[browser] ?? assert.fail("no browser");

const enterPassword =
  (browser: number, isRight: boolean): Step =>
  async (world) => {
    const { model, test } = world;
    const sent = isRight ? String(model.password) : "wrong";
    const { status } = await browserOf(world, browser).login("alice", sent);
    assert.equal(status, model.enterPassword(browser, isRight, test.clock.now), "password");
  };

/** A text that a person or a thief may type. @param choice selects one of several */
type CodeOf = (model: Model, now: number, choice: number) => string;

const CODES: Record<string, CodeOf> = {
  app: ({ factor }, now) => codeOfStep(factor, now, 0),
  "app, one step away": ({ factor }, now, choice) => codeOfStep(factor, now, choice % 2 === 0 ? 1 : -1),
  "app, two steps away": ({ factor }, now, choice) => codeOfStep(factor, now, choice % 2 === 0 ? 2 : -2),
  "app, used": ({ factor }) => codeOfStep(factor, (factor?.lastStep ?? 0) * 30_000, 0),
  recovery: ({ recoveryCodes }, _, choice) => [...recoveryCodes].at(choice % 10) ?? "none",
  "recovery, used": ({ deadCodes }, _, choice) => deadCodes.at(-1 - (choice % 10)) ?? "none",
  wrong: () => "abcd-efgh-ijkl-mnop",
};

function codeOfStep(factor: ModelFactor | null, now: number, steps: number): string {
  return factor === null ? "123456" : codeAt(factor.secret, now + steps * 30_000);
}

const enterCode =
  (browser: number, kind: string, choice: number): Step =>
  async (world) => {
    const { model, test } = world;
    const code = CODES[kind]?.(model, test.clock.now, choice) ?? assert.fail(kind);
    const { status } = await browserOf(world, browser).post("/login/second-factor/", { code }, OURS);
    assert.equal(status, model.enterCode(browser, code, test.clock.now), kind);
  };

/** Sets an authenticator app up, in place of one that is there. */
const addFactor =
  (browser: number): Step =>
  async (world) => {
    const { model, test } = world;
    const client = browserOf(world, browser);
    const begun = await client.post("/security/authenticator/", {}, OURS);
    const isAllowed = model.isRecent(browser, test.clock.now);
    assert.equal(begun.status, isAllowed ? 201 : 403, "set-up");
    if (!isAllowed) return;
    const { token, secret } = await begun.json();
    const key = decodeBase32IgnorePadding(secret);
    const code = codeAt(key, test.clock.now);
    const confirmed = await client.post("/security/authenticator/confirm/", { token, code }, OURS);
    assert.equal(confirmed.status, 201, "confirmation");
    const { recovery_codes } = await confirmed.json();
    assert.equal(recovery_codes === null, model.recoveryCodes.size > 0);
    for (const one of recovery_codes ?? []) model.recoveryCodes.add(one);
    model.factor = { secret: key, lastStep: Math.floor(test.clock.now / 30_000) };
    Object.assign(model.sessions[browser] ?? {}, { proved: test.clock.now, mfa: true });
  };

const removeFactor =
  (browser: number): Step =>
  async (world) => {
    const { model, test } = world;
    const { status } = await browserOf(world, browser).send("DELETE", "/security/authenticator/", { headers: OURS });
    const isAllowed = model.isRecent(browser, test.clock.now);
    assert.equal(status, !isAllowed ? 403 : model.factor === null ? 404 : 204, "removal");
    if (isAllowed) model.removeFactor();
  };

const logout =
  (browser: number): Step =>
  async (world) => {
    assert.equal((await browserOf(world, browser).post("/logout/", {}, OURS)).status, 204);
    world.model.sessions[browser] = null;
  };

const wait =
  (ms: number): Step =>
  async ({ test }) => {
    test.clock.now += ms;
  };

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
  await activate(test.services, OPERATOR, user);
  model.isActive = true;
};

/** The invariant: a browser reaches the profile if and only if it has taken every step. */
async function look({ model, test, browsers }: World): Promise<void> {
  for (const [browser, client] of browsers.entries()) {
    const isAlive = model.isAlive(browser, test.clock.now);
    assert.equal((await client.get("/profile/")).status, isAlive ? 200 : 403, "profile");
    Object.assign(model.sessions[browser] ?? {}, isAlive ? { seen: test.clock.now } : {});
  }
}

const browser = fc.integer({ min: 0, max: 1 });
const WAITS = [30_000, 60_000, 9 * MINUTE, 10 * MINUTE, 11 * MINUTE, DAY, 15 * DAY];
const waiting = fc.constantFrom(...WAITS).map(wait);
const changing = fc.constantFrom(change, shutOut, letIn, inTurn(shutOut, letIn));
const entering = (browser: number) =>
  fc.tuple(fc.constantFrom(...Object.keys(CODES)), fc.nat(9)).map(([kind, choice]) => enterCode(browser, kind, choice));
/** Both steps of a login, often with another step in between. */
const loggingIn = browser.chain((browser) =>
  fc
    .tuple(fc.option(fc.oneof(waiting, changing, entering(browser)), { freq: 1 }), entering(browser))
    .map(([between, code]) => inTurn(enterPassword(browser, true), between ?? wait(0), code)),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: loggingIn },
  { weight: 2, arbitrary: browser.map((browser) => enterPassword(browser, true)) },
  { weight: 1, arbitrary: browser.map((browser) => enterPassword(browser, false)) },
  { weight: 6, arbitrary: browser.chain(entering) },
  { weight: 3, arbitrary: browser.map(addFactor) },
  { weight: 1, arbitrary: browser.map(removeFactor) },
  { weight: 1, arbitrary: browser.map(logout) },
  { weight: 2, arbitrary: waiting },
  { weight: 1, arbitrary: changing },
);

/** Several steps as one. */
function inTurn(...steps: Step[]): Step {
  return async (world) => {
    for (const take of steps) await takeStep(world, take);
  };
}

async function takeStep(world: World, take: Step): Promise<void> {
  world.test.clock.now++; // No two pending logins have the same age.
  await take(world);
  await look(world);
}

test("any sequence of passwords, codes, factors, waits and changes is answered as in the model", {
  timeout: 240_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      const test = await createTestApp({ POSTERN_THROTTLE: "off" });
      const user = await test.addUser({ username: "alice", password: "0" });
      const browsers = [createClient(test.app), createClient(test.app)];
      const world: World = { model: new Model(), test, user, browsers };
      // Most sequences need a second factor.
      for (const take of [enterPassword(0, true), addFactor(0), ...steps]) await takeStep(world, take);
      await test.close();
    }),
    { numRuns: repeats(200) },
  );
});
