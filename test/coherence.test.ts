import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { playCoherence, playPipelining } from "./faults/coherence.ts";

const PROCESSES = { timeout: 240_000 };

/** Another one each time; it is printed, and `bun run test/faults/coherence.ts 600 SEED` runs it again. */
const SEED = Date.now() % 2 ** 32;

describe("two servers on one file", () => {
  test("answer each request from the database, whichever process ended a session", PROCESSES, async () => {
    const checks = await playCoherence(600, SEED);
    process.stdout.write(`Seed ${SEED}: 600 steps, ${checks} answers, 0 stale\n`);
    assert(checks > 100);
  });

  test(
    "authenticate no request of a session that the other one has ended, while pipelined requests keep them busy",
    PROCESSES,
    async () => {
      assert.equal(await playPipelining(6), 1200);
    },
  );
});
