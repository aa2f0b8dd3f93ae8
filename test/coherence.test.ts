import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { playBusily, playCoherence } from "./faults/coherence.ts";
import { IS_LONG, repeats, SEED } from "./support/effort.ts";
import { usePostgres } from "./support/postgres.ts";

const PROCESSES = { timeout: 240_000 };

const ROUNDS = repeats(10);
const STEPS = IS_LONG ? 3000 : 200;

const postgres = usePostgres(PROCESSES);

for (const [place, urlOf] of [
  ["one file", async () => null],
  ["one Postgres", (name: string) => postgres.createDatabase(name)],
] as const) {
  describe(`two servers on ${place}`, () => {
    test("answer each request from the database, whichever process ended a session", PROCESSES, async () => {
      const checks = await playCoherence(STEPS, SEED, await urlOf("steps"));
      process.stdout.write(`Seed ${SEED}: ${STEPS} steps, ${checks} answers, 0 stale\n`);
      assert(checks > STEPS / 6);
    });

    test(
      "authenticate no request of a session that the other one has ended, while clients keep them busy",
      PROCESSES,
      async () => {
        assert.equal(await playBusily(ROUNDS, await urlOf("busy")), 200 * ROUNDS);
      },
    );
  });
}
