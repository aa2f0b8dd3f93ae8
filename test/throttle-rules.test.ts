import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { Db } from "../db/open.ts";
import {
  type AttemptRule,
  deleteHeld,
  findHeld,
  giveAttemptBack,
  type Held,
  type RateRule,
  reserveAttempt,
  reserveRate,
} from "../db/throttles.ts";
import { ATTEMPTS, type Decision, decideAttempt, decideRate, NETWORK_FAILURES } from "../lib/throttle-rules.ts";
import { openTestDatabase, TEST_DATABASE_URL } from "./support/database.ts";

const LONG = { timeout: 240_000 };
const NUM_RUNS = TEST_DATABASE_URL === undefined ? 400 : 60;
const KEY = "account:test";

/** Small enough that random steps meet every case. */
const SMALL: AttemptRule = {
  steps: [
    { waitMs: 0, keepMs: 40_000 },
    { waitMs: 0, keepMs: 40_000 },
    { waitMs: 5000, keepMs: 90_000 },
    { waitMs: 10_000, keepMs: 90_000 },
  ],
  limit: 7,
};
const SMALL_RATE: RateRule = { limit: 4, periodMs: 20_000 };

type Step = { kind: "try" | "give back" | "succeed" } | { kind: "wait"; ms: number };

const steps = (longestMs: number): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom<Step>({ kind: "try" }) },
      { weight: 1, arbitrary: fc.constantFrom<Step>({ kind: "give back" }, { kind: "succeed" }) },
      // Both ways: a clock is put back as well.
      {
        weight: 3,
        arbitrary: fc.integer({ min: -longestMs, max: longestMs }).map((ms): Step => ({ kind: "wait", ms })),
      },
    ),
    { maxLength: 40 },
  );

/** Takes the steps in the database and in the plain function, side by side. */
async function compare(
  db: Db,
  taken: Step[],
  decide: (held: Held | null, now: number) => Decision,
  reserve: (now: number) => Promise<Held | null>,
): Promise<void> {
  let now = Date.UTC(2026, 0, 1);
  let expected: Held | null = null;
  let last: Held | null = null;
  await deleteHeld(db, [KEY]);
  for (const step of taken) {
    if (step.kind === "wait") now += step.ms;
    else if (step.kind === "succeed") {
      await deleteHeld(db, [KEY]);
      expected = null;
    } else if (step.kind === "try") {
      const decision = decide(expected, now);
      const stored = await reserve(now);
      last = stored && { ...stored }; // The rows of node:sqlite have no prototype.
      assert.deepEqual(last, "held" in decision ? decision.held : null);
      if ("held" in decision) expected = decision.held;
    } else if (last !== null) {
      await giveAttemptBack(db, KEY, last, now);
      if (expected !== null) expected = without(expected, last, now);
    }
  }
  const left = await findHeld(db, KEY);
  assert.deepEqual(left && { ...left }, expected);
}

/** One failure less, and no wait on its account. */
function without(held: Held, given: Held, now: number): Held {
  if (held.failures === 0) return held;
  const heldUntil = held.heldUntil === given.heldUntil ? Math.min(given.heldUntil, now) : held.heldUntil;
  return { ...held, failures: held.failures - 1, heldUntil };
}

for (const [what, rule, longestMs] of [
  ["a small rule", SMALL, 30_000],
  ["the real one", ATTEMPTS, 4_000_000],
] as const) {
  test(`what the database decides about attempts is what the plain function does: ${what}`, LONG, async () => {
    const { db, close } = await openTestDatabase();
    await fc.assert(
      fc.asyncProperty(steps(longestMs), (taken) =>
        compare(
          db,
          taken,
          (held, now) => decideAttempt(held, rule, now),
          (now) => reserveAttempt(db, KEY, rule, now),
        ),
      ),
      { numRuns: NUM_RUNS },
    );
    await close();
  });
}

for (const [what, rule, longestMs] of [
  ["a small rule", SMALL_RATE, 15_000],
  ["a network's failures", NETWORK_FAILURES, 200_000],
] as const) {
  test(`what the database decides about rates is what the plain function does: ${what}`, LONG, async () => {
    const { db, close } = await openTestDatabase();
    await fc.assert(
      fc.asyncProperty(steps(longestMs), (taken) =>
        compare(
          db,
          taken.filter(({ kind }) => kind !== "give back"),
          (held, now) => decideRate(held, rule, now),
          (now) => reserveRate(db, KEY, rule, now),
        ),
      ),
      { numRuns: NUM_RUNS },
    );
    await close();
  });
}

test("ten attempts are let in, one more after each wait as it doubles, and none after a hundred", LONG, () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 5_000_000 }), { maxLength: 200 }), (pauses) => {
      let held: Held | null = null;
      let now = 0;
      let failures = 0;
      let openAt = 0;
      for (const pause of pauses) {
        now += pause;
        const decision = decideAttempt(held, ATTEMPTS, now);
        const isLetIn = "held" in decision;
        assert.equal(isLetIn, now >= openAt && failures < 100);
        if (!("held" in decision)) continue;
        held = decision.held;
        failures++;
        openAt = failures < 10 ? 0 : now + Math.min(30_000 * 2 ** (failures - 10), 3_600_000);
      }
    }),
  );
});

test("a node whose clock is a little behind holds nobody off, nor takes a full bucket for an empty one", async () => {
  const { db, close } = await openTestDatabase();
  await deleteHeld(db, [KEY, "failures:test"]);
  const ahead = Date.UTC(2026, 0, 1);
  assert.notEqual(await reserveAttempt(db, KEY, ATTEMPTS, ahead), null);
  assert.notEqual(await reserveAttempt(db, KEY, ATTEMPTS, ahead - 2000), null);
  const full = Array.from({ length: 30 }, () => reserveRate(db, "failures:test", NETWORK_FAILURES, ahead));
  assert((await Promise.all(full)).every((held) => held !== null));
  assert.equal(await reserveRate(db, "failures:test", NETWORK_FAILURES, ahead - 2000), null);
  await close();
});
