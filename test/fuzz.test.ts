import assert from "node:assert/strict";
import { test } from "node:test";
import { formatReport, fuzz, growth } from "./faults/fuzz.ts";
import { IS_LONG, SEED } from "./support/effort.ts";

/** A part of the 200,000 requests of `bun run test/faults/fuzz.ts`. */
const REQUESTS = IS_LONG ? 20_000 : 2000;

/** Garbage that may not be collected yet. A leak of 1 KB per request is found by the 200,000. */
const MAX_GROWTH_MIB = 64;

test("requests with any damage get no 5xx, and leave no request open and no memory in use", {
  timeout: 180_000,
}, async () => {
  const report = await fuzz(REQUESTS, SEED);
  process.stdout.write(`${formatReport(report)}\n`);
  assert.deepEqual(report.findings, []);
  assert.equal(report.requests, REQUESTS);
  for (const status of [200, 202, 204, 303, 400, 403, 404, 405, 415]) {
    assert(report.statuses.has(status), `none of the requests was a ${status}: the damage is too great, or too small`);
  }
  assert(growth(report) <= MAX_GROWTH_MIB, `${growth(report)} MiB more than half-way`);
});
