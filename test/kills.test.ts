import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Figures, formatFigures, killOnPostgres, killOnSqlite } from "./faults/kills.ts";
import { IS_LONG, SEED } from "./support/effort.ts";
import { usePostgres } from "./support/postgres.ts";

const PROCESSES = { timeout: 120_000 };

const KILLS = IS_LONG ? { onSqlite: 20, onPostgres: 5 } : { onSqlite: 2, onPostgres: 1 };

function assertNothingLost(figures: Figures): void {
  process.stdout.write(`Seed ${SEED}. ${formatFigures(figures)}\n`);
  assert.deepEqual({ lost: figures.lost, unexpected: figures.unexpected }, { lost: 0, unexpected: [] });
  assert(figures.logins > 0 && figures.logouts > 0, "there was a load");
}

describe("after SIGKILL during logins and logouts, every acknowledged write is there at the next start:", () => {
  const postgres = usePostgres(PROCESSES);

  test("on SQLite, whose file is intact", PROCESSES, async () => {
    const figures = await killOnSqlite(KILLS.onSqlite, SEED);
    assertNothingLost(figures);
    assert.equal(figures.integrity, "ok");
  });

  test("on Postgres", PROCESSES, async () => {
    assertNothingLost(await killOnPostgres(postgres, KILLS.onPostgres, SEED));
  });
});
