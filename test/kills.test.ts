import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Figures, formatFigures, killOnPostgres, killOnSqlite } from "./faults/kills.ts";

const PROCESSES = { timeout: 120_000 };

/** Another one each time; it is printed, and `bun run test/faults/kills.ts 10 3 SEED` runs it again. */
const SEED = Date.now() % 2 ** 32;

function assertNothingLost(figures: Figures): void {
  process.stdout.write(`Seed ${SEED}. ${formatFigures(figures)}\n`);
  assert.deepEqual({ lost: figures.lost, unexpected: figures.unexpected }, { lost: 0, unexpected: [] });
  assert(figures.logins > 0 && figures.logouts > 0, "there was a load");
}

describe("after SIGKILL during logins and logouts, every acknowledged write is there at the next start:", () => {
  test("on SQLite, whose file is intact", PROCESSES, async () => {
    const figures = await killOnSqlite(10, SEED);
    assertNothingLost(figures);
    assert.equal(figures.integrity, "ok");
  });

  test("on Postgres", PROCESSES, async () => {
    assertNothingLost(await killOnPostgres(3, SEED));
  });
});
