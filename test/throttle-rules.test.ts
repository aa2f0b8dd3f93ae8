import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { transaction } from "../db/open.ts";
import { type Counter, deleteCounters, emptyCounter, lockCounters, saveCounters } from "../db/throttles.ts";
import {
  decide,
  type FailureRule,
  type Limit,
  type Limits,
  networkFailures,
  type RateRule,
  refund,
  STRANGERS,
} from "../lib/throttle/rules.ts";
import { openTestDatabase, TEST_DATABASE_URL } from "./support/database.ts";
import { repeats } from "./support/effort.ts";

const NETWORK_FAILURES = networkFailures({ width: "/64" });
const LONG = { timeout: 240_000 };
const NUM_RUNS = TEST_DATABASE_URL === undefined ? 400 : 60;

/** Small limits, so that random steps reach every case. */
const SMALL: FailureRule = {
  kind: "failures",
  steps: [
    { waitMs: 0, keepMs: 40_000 },
    { waitMs: 0, keepMs: 40_000 },
    { waitMs: 5000, keepMs: 90_000 },
    { waitMs: 10_000, keepMs: 90_000 },
  ],
  limit: 7,
};
const SMALL_RATE: RateRule = { kind: "rate", limit: 4, periodMs: 20_000 };
const LARGE_RATE: RateRule = { kind: "rate", limit: 10, periodMs: 20_000 };

const KEYS = ["a", "b", "c", "d", "e", "f"];

/** An attempt with some of the limits. Each limit always has the same rule. */
const someLimits: fc.Arbitrary<Limits> = fc
  .record({ requests: fc.subarray(KEYS.slice(0, 3)), failures: fc.subarray(KEYS.slice(3)) })
  .map(({ requests, failures }) => ({
    requests: requests.map((key) => ({ key, rule: key === "a" ? SMALL_RATE : LARGE_RATE })),
    failures: failures.map((key): Limit => ({ key, rule: key === "f" ? SMALL : SMALL_RATE })),
  }));

type Step = { kind: "try"; limits: Limits } | { kind: "take back" } | { kind: "wait"; ms: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: someLimits.map((limits): Step => ({ kind: "try", limits })) },
    { weight: 1, arbitrary: fc.constant<Step>({ kind: "take back" }) },
    // Negative steps too: a clock can be set back.
    { weight: 3, arbitrary: fc.integer({ min: -15_000, max: 15_000 }).map((ms): Step => ({ kind: "wait", ms })) },
  ),
  { maxLength: 40 },
);

const ofAll = (counters: ReadonlyMap<string, Counter>) =>
  new Map(KEYS.map((key) => [key, counters.get(key) ?? emptyCounter(key)]));

describe("an attempt under several limits", () => {
  test("counts for all of them, or only for the requests, or for none", LONG, () => {
    fc.assert(
      fc.property(steps, (taken) => {
        let counters = ofAll(new Map());
        let now = Date.UTC(2026, 0, 1);
        for (const step of taken) {
          if (step.kind === "wait") now += step.ms;
          if (step.kind !== "try") continue;
          const { requests, failures } = step.limits;
          const alone = (limits: readonly Limit[]) =>
            limits.map((limit) => decide({ requests: [limit], failures: [] }, counters, now).waitMs);
          const decision = decide(step.limits, counters, now);
          const changed = decision.changed.map(({ key }) => key);
          const asked = alone(requests);
          const waits = [...asked, ...alone(failures)].filter((waitMs) => waitMs !== null);
          assert.equal(decision.waitMs === null, waits.length === 0, "granted if each limit grants it by itself");
          const isRequestDenied = asked.some((waitMs) => waitMs !== null);
          const counted = isRequestDenied ? [] : decision.waitMs === null ? [...requests, ...failures] : requests;
          assert.deepEqual(
            changed,
            counted.map(({ key }) => key),
          );
          if (decision.waitMs !== null) assert(waits.includes(decision.waitMs));
          counters = new Map([...counters, ...decision.changed.map((counter) => [counter.key, counter] as const)]);
        }
      }),
      { numRuns: repeats(2000) },
    );
  });

  test("is stored as decided, and an empty counter is not stored", LONG, async () => {
    const { db, close } = await openTestDatabase();
    await fc.assert(
      fc.asyncProperty(steps, async (taken) => {
        await transaction(db, (db) => deleteCounters(db, KEYS));
        let expected = ofAll(new Map());
        let now = Date.UTC(2026, 0, 1);
        let last: { limits: Limits; counted: Counter[] } | null = null;
        const change = async (limits: readonly Limit[], work: (stored: ReadonlyMap<string, Counter>) => Counter[]) => {
          const keys = limits.map(({ key }) => key);
          const changed = await transaction(db, async (db) => {
            const stored = await lockCounters(db, keys);
            assert.deepEqual(stored, new Map([...keys].sort().map((key) => [key, expected.get(key)])));
            const changed = work(stored);
            await saveCounters(db, stored, changed);
            return changed;
          });
          expected = new Map([...expected, ...changed.map((counter) => [counter.key, counter] as const)]);
          return changed;
        };
        for (const step of taken) {
          if (step.kind === "wait") now += step.ms;
          else if (step.kind === "try") {
            const { limits } = step;
            const all = [...limits.requests, ...limits.failures];
            const counted = await change(all, (stored) => decide(limits, stored, now).changed);
            last = counted.length === all.length ? { limits, counted } : null;
          } else if (last !== null) {
            const { limits, counted } = last;
            const of = (key: string) => counted.find((counter) => counter.key === key) ?? emptyCounter(key);
            await change(limits.failures, (stored) =>
              limits.failures.map(({ key, rule }) => refund(stored.get(key) ?? emptyCounter(key), rule, of(key), now)),
            );
            last = null;
          }
        }
        const rows = await db.selectFrom("throttles").select("key").where("key", "in", KEYS).orderBy("key").execute();
        const full = [...expected.values()].filter(({ expiresAt }) => expiresAt !== 0);
        assert.deepEqual(
          rows.map(({ key }) => key),
          full.map(({ key }) => key),
        );
      }),
      { numRuns: NUM_RUNS },
    );
    await close();
  });

  test("causes no deadlock, in any order of the limits", LONG, async () => {
    const { db, close } = await openTestDatabase();
    const attempt = (keys: string[]) =>
      transaction(db, async (db) => {
        const stored = await lockCounters(db, keys);
        const limits = { requests: keys.map((key) => ({ key, rule: NETWORK_FAILURES })), failures: [] };
        const { waitMs, changed } = decide(limits, stored, 0);
        await saveCounters(db, stored, changed);
        return waitMs;
      });
    const orders = [KEYS, [...KEYS].reverse(), ["c", "a", "f"], ["f", "b", "a"], ["d", "c", "b", "a"]];
    for (let round = 0; round < 8; round++) {
      await transaction(db, (db) => deleteCounters(db, KEYS));
      // Each key is in at least three of the five orders, and the fullest of them, a, in all.
      const waits = await Promise.all(Array.from({ length: 50 }, (_, number) => attempt(orders[number % 5] ?? [])));
      assert.equal(waits.filter((waitMs) => waitMs === null).length, 30, "a's limit, and not one more");
    }
    await close();
  });
});

/** @returns the counter after the attempt; null if the limit denies it */
function countOnce(stored: Counter | null, rule: FailureRule | RateRule, now: number): Counter | null {
  const counters = new Map(stored === null ? [] : [[stored.key, stored]]);
  const key = stored?.key ?? "account:test";
  return decide({ requests: [{ key, rule }], failures: [] }, counters, now).changed[0] ?? null;
}

test("ten attempts pass, one more after each doubled wait, and none after seventy", LONG, () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 5_000_000 }), { maxLength: 200 }), (pauses) => {
      let stored: Counter | null = null;
      let now = 0;
      let failures = 0;
      let openAt = 0;
      for (const pause of pauses) {
        now += pause;
        const counter = countOnce(stored, STRANGERS, now);
        assert.equal(counter !== null, now >= openAt && failures < 70);
        if (counter === null) continue;
        stored = counter;
        failures++;
        openAt = failures < 10 ? 0 : now + Math.min(30_000 * 2 ** (failures - 10), 3_600_000);
      }
    }),
  );
});

test("a node with a slow clock blocks no attempt, and does not take a full bucket for an empty one", () => {
  const ahead = Date.UTC(2026, 0, 1);
  const first = countOnce(null, STRANGERS, ahead);
  assert.notEqual(countOnce(first, STRANGERS, ahead - 2000), null);
  let bucket: Counter | null = null;
  for (let time = 0; time < 30; time++) {
    bucket = countOnce(bucket, NETWORK_FAILURES, ahead);
    assert.notEqual(bucket, null);
  }
  assert.equal(countOnce(bucket, NETWORK_FAILURES, ahead - 2000), null);
});
