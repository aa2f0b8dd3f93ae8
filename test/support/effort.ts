import * as fc from "fast-check";
import { environment } from "../../lib/config/load.ts";

// How much a test with random input does. `npm test` does little, and the same each time. `npm run test:faults` does much,
// and something else each time; it prints its seed, and TEST_SEED repeats it.

export const IS_LONG = environment["TEST_FAULTS"] === "long";

export const SEED = Number(environment["TEST_SEED"] ?? (IS_LONG ? Date.now() % 2 ** 32 : 1));

fc.configureGlobal({ seed: SEED });

/** How often a test repeats something: a fifth of `often` in `npm test`. */
export function repeats(often: number): number {
  return IS_LONG ? often : Math.ceil(often / 5);
}

/** The wait of a client between two requests, if a test sends requests until something has happened. */
export const LOAD_PAUSE_MS = IS_LONG ? 0 : 50;

/** For a test that measures time or needs minutes: `npm test` reports it as skipped, and a line says why. */
export function onlyInFaults(reason: string): { skip: boolean } {
  if (!IS_LONG) process.stdout.write(`Only in npm run test:faults: ${reason}\n`);
  return { skip: !IS_LONG };
}
