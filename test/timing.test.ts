import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Hasher } from "../lib/passwords/hasher.ts";
import { createRandom } from "./faults/random.ts";
import { formatTimings, measure, QUICK, THRESHOLD, type Timing, toldApart, worksOtherwise } from "./faults/timing.ts";
import { createClient } from "./support/client.ts";
import { onlyInFaults, SEED } from "./support/effort.ts";
import { rankScore } from "./support/rank.ts";
import { createTestApp } from "./support/test-app.ts";

const MEASURING = { timeout: 240_000 };
const IN_FAULTS = { ...MEASURING, ...onlyInFaults("the time that logins take, by rank") };

const ATTEMPTS = 400;

/** Enough to see that the work is the same each time. */
const FEW = 3;

function show(timings: Timing[]): Timing[] {
  process.stdout.write(`Seed ${SEED}, ${ATTEMPTS} attempts of each kind\n${formatTimings(timings)}\n`);
  return timings;
}

/** A fault: users who cannot log in cost nothing. */
const withoutDecoy = (hasher: Hasher): Hasher => ({
  ...hasher,
  check: async (password, encoded) => (encoded === null ? { right: false } : hasher.check(password, encoded)),
});

/** A fault: the hasher does not know what else is stored. */
const BLIND = { ...QUICK, pbkdf2Iterations: [30_000], isBlind: true };

const NO_LOGIN = ["unknown", "inactive", "inactive-imported"];
const IMPORTED = ["imported-pbkdf2-30000", "imported-bcrypt", "imported-scrypt"];

const includesAll = (found: string[], kinds: string[]) => kinds.every((kind) => found.includes(kind));

describe("a failed login computes the same hashes for any name,", () => {
  test("also with imported hashes", MEASURING, async () => {
    assert.deepEqual(worksOtherwise(await measure(QUICK, FEW, SEED)), []);
  });

  test("and the count shows users who cannot log in, without the decoy", MEASURING, async () => {
    const others = worksOtherwise(await measure(QUICK, FEW, SEED, withoutDecoy));
    assert(includesAll(others, NO_LOGIN) && !others.includes("unusable"), others.join(", "));
  });

  test(
    "and the count shows users with imported hashes, if other logins do not compute these hashes",
    MEASURING,
    async () => {
      const others = worksOtherwise(await measure(BLIND, FEW, SEED));
      assert(includesAll(others, IMPORTED) && !others.includes("unknown"), others.join(", "));
    },
  );
});

/** Logins of alice and of no user, each from a network of its own, after the throttle has closed for both. */
async function setUpThrottled() {
  const { app, services, addUser, close } = await createTestApp();
  await addUser({ username: "alice", password: "right horse" });
  let sent = 0;
  const attempt = async (username: string) => {
    const from = `10.${++sent >> 16}.${(sent >> 8) & 255}.${sent & 255}`;
    const before = performance.now();
    const { status } = await createClient(app, "postern.test", from).login(username, "wrong");
    return { status, ms: performance.now() - before };
  };
  for (const name of ["alice", "nobody"]) for (let times = 0; times < 10; times++) await attempt(name);
  return { services, attempt, close };
}

test("a throttled login computes no hash for known and unknown users", async () => {
  const { services, attempt, close } = await setUpThrottled();
  let hashed = 0;
  const { hasher } = services;
  services.hasher = { ...hasher, check: (...sent) => hasher.check(...sent).finally(() => hashed++) };
  for (const name of ["alice", "nobody"]) assert.equal((await attempt(name)).status, 429);
  assert.equal(hashed, 0);
  await close();
});

test("a failed login takes the same time for any name, also with imported hashes", IN_FAULTS, async () => {
  const timings = show(await measure(QUICK, ATTEMPTS, SEED));
  assert.deepEqual(toldApart(timings), [], `|z| > ${THRESHOLD}`);
});

test("a throttled login takes the same time for known and unknown users", IN_FAULTS, async () => {
  const { attempt, close } = await setUpThrottled();
  const taken: Record<string, number[]> = { alice: [], nobody: [] };
  const order = createRandom(SEED);
  const next = Object.keys(taken).flatMap((name) => Array.from({ length: ATTEMPTS }, () => ({ name, at: order() })));
  for (const { name } of next.sort((one, other) => one.at - other.at)) {
    const { status, ms } = await attempt(name);
    assert.equal(status, 429);
    taken[name]?.push(ms);
  }
  const score = rankScore(taken["alice"] ?? [], taken["nobody"] ?? []);
  process.stdout.write(`Throttled, ${ATTEMPTS} attempts of each kind: z = ${score.toFixed(2)}\n`);
  assert(Math.abs(score) < THRESHOLD, String(score));
  await close();
});

describe("the same measurement finds, with a fault put in,", () => {
  test("a missing decoy for users who cannot log in", IN_FAULTS, async () => {
    const apart = toldApart(await measure(QUICK, ATTEMPTS, SEED, withoutDecoy));
    assert(includesAll(apart, NO_LOGIN) && !apart.includes("unusable"), apart.join(", "));
  });

  test("users with imported hashes, if other logins do not compute these hashes", IN_FAULTS, async () => {
    const apart = toldApart(await measure(BLIND, ATTEMPTS, SEED));
    assert(includesAll(apart, IMPORTED) && !apart.includes("unknown"), apart.join(", "));
  });
});

describe("the rank score", () => {
  const random = createRandom(1);
  const sample = (count: number, shift = 0) => Array.from({ length: count }, () => random() + random() + shift);

  test("is the value in the textbook", () => {
    // Every value of one below every one of the other: U is 0, its mean 12.5, its deviation the root of 275 / 12.
    assert.equal(rankScore([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]).toFixed(4), (-12.5 / Math.sqrt(275 / 12)).toFixed(4));
    assert.equal(rankScore([1, 2, 3], [1, 2, 3]), 0);
  });

  test("of one distribution is small, and its mean square is one", () => {
    const scores = Array.from({ length: 400 }, () => rankScore(sample(100), sample(100)));
    assert(scores.every((score) => Math.abs(score) < THRESHOLD));
    const square = scores.reduce((sum, score) => sum + score ** 2, 0) / scores.length;
    assert(square > 0.75 && square < 1.25, String(square));
  });

  test("of two that differ by a third of their deviation is beyond the threshold at 1,000", () => {
    assert(Math.abs(rankScore(sample(1000), sample(1000, 0.15))) > THRESHOLD);
  });
});
