import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { playCoherence, playPipelining } from "./faults/coherence.ts";
import { IS_LONG, repeats, SEED } from "./support/effort.ts";

const PROCESSES = { timeout: 240_000 };

const ROUNDS = repeats(10);
const STEPS = IS_LONG ? 3000 : 200;

describe("two servers on one file", () => {
  test("answer each request from the database, whichever process ended a session", PROCESSES, async () => {
    const checks = await playCoherence(STEPS, SEED);
    process.stdout.write(`Seed ${SEED}: ${STEPS} steps, ${checks} answers, 0 stale\n`);
    assert(checks > STEPS / 6);
  });

  test(
    "authenticate no request of a session that the other one has ended, while pipelined requests keep them busy",
    PROCESSES,
    async () => {
      assert.equal(await playPipelining(ROUNDS), 200 * ROUNDS);
    },
  );
});
