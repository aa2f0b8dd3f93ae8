import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createRandom } from "./faults/random.ts";
import { formatTimings, measure, QUICK, THRESHOLD, type Timing, toldApart } from "./faults/timing.ts";
import { createClient } from "./support/client.ts";
import { rankScore } from "./support/rank.ts";
import { createTestApp } from "./support/test-app.ts";

const MEASURING = { timeout: 240_000 };

/** Random, and printed. It determines the order of the attempts, not their times. */
const SEED = Date.now() % 2 ** 32;

const ATTEMPTS = 400;

function show(timings: Timing[]): Timing[] {
  process.stdout.write(`Seed ${SEED}, ${ATTEMPTS} attempts of each kind\n${formatTimings(timings)}\n`);
  return timings;
}

test("a failed login takes the same time for any name, also with imported hashes", MEASURING, async () => {
  const timings = show(await measure(QUICK, ATTEMPTS, SEED));
  assert.deepEqual(toldApart(timings), [], `|z| > ${THRESHOLD}`);
});

test("a throttled login takes the same time for known and unknown users", MEASURING, async () => {
  const { app, addUser, close } = await createTestApp();
  await addUser({ username: "alice", password: "right horse" });
  let sent = 0;
  // Each attempt comes from a new network, so that no network limit applies.
  const attempt = async (username: string) => {
    const from = `10.${++sent >> 16}.${(sent >> 8) & 255}.${sent & 255}`;
    const before = performance.now();
    const { status } = await createClient(app, "postern.test", from).login(username, "wrong");
    return { status, ms: performance.now() - before };
  };
  const taken: Record<string, number[]> = { alice: [], nobody: [] };
  for (const name of Object.keys(taken)) for (let times = 0; times < 10; times++) await attempt(name);
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
  test("a missing decoy for users who cannot log in", MEASURING, async () => {
    const timings = await measure(QUICK, 50, SEED, (passwords) => ({
      ...passwords,
      check: async (password, encoded) => (encoded === null ? { right: false } : passwords.check(password, encoded)),
    }));
    const apart = toldApart(timings);
    for (const kind of ["unknown", "inactive", "inactive-imported"]) assert(apart.includes(kind), kind);
    assert(!apart.includes("unusable"), "whose password is looked at");
  });

  test("users with imported hashes, if other logins do not compute these hashes", MEASURING, async () => {
    const timings = await measure({ ...QUICK, pbkdf2Iterations: [30_000], isBlind: true }, 50, SEED);
    const apart = toldApart(timings);
    for (const kind of ["imported-pbkdf2-30000", "imported-bcrypt", "imported-scrypt"])
      assert(apart.includes(kind), kind);
    assert(!apart.includes("unknown"), "who costs a hash as before");
  });
});

describe("the rank score", () => {
  const random = createRandom(1);
  const sample = (count: number, shift = 0) => Array.from({ length: count }, () => random() + random() + shift);

  test("is the value in the textbook", () => {
    // Every value of one sample is below every value of the other: U is 0, its mean 12.5, its deviation √(275 / 12).
    assert.equal(rankScore([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]).toFixed(4), (-12.5 / Math.sqrt(275 / 12)).toFixed(4));
    assert.equal(rankScore([1, 2, 3], [1, 2, 3]), 0);
  });

  test("of one distribution is small, and its mean square is one", () => {
    const scores = Array.from({ length: 400 }, () => rankScore(sample(100), sample(100)));
    assert(scores.every((score) => Math.abs(score) < THRESHOLD));
    const square = scores.reduce((sum, score) => sum + score ** 2, 0) / scores.length;
    assert(square > 0.75 && square < 1.25, String(square));
  });

  test("of two distributions that differ by a third of their deviation exceeds the threshold with 1,000 values", () => {
    assert(Math.abs(rankScore(sample(1000), sample(1000, 0.15))) > THRESHOLD);
  });
});
