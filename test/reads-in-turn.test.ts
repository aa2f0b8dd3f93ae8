import assert from "node:assert/strict";
import { test } from "node:test";
import { sql } from "kysely";
import { type Db, openDatabase } from "../db/open.ts";
import { prepare } from "../db/prepared.ts";
import { readNow } from "../db/read-now.ts";
import { repeats } from "./support/effort.ts";
import { usePostgres } from "./support/postgres.ts";

// The selects of all requests share one connection to Postgres. An answer that reached another request would show a
// stranger's session. So each select here returns its own parameter, while others fail beside it.

const PROCESSES = { timeout: 240_000 };

const postgres = usePostgres(PROCESSES);

const ROUNDS = repeats(100);
const READS_AT_ONCE = 200;

const echo = prepare((db: Db, { text }: { text: string }) => ({
  compile: () => sql<{ text: string }>`select cast(${text} as text) as text`.compile(db),
}));

/** Fails when it runs. */
const divide = prepare((db: Db, { by }: { by: number }) => ({
  compile: () => sql<{ text: string }>`select cast(1 / cast(${by} as integer) as text) as text`.compile(db),
}));

/** Fails when it is parsed. */
const misspell = prepare((db: Db, _: object) => ({
  compile: () => sql<never>`select nothing from nowhere`.compile(db),
}));

/** Ends the statement, or the connection, of every other backend. */
const disturb = (db: Db, how: "pg_cancel_backend" | "pg_terminate_backend") =>
  sql`select ${sql.raw(how)}(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()`.execute(db);

test(
  "on Postgres, each read gets its own answer, while others fail, are cancelled or lose the connection",
  PROCESSES,
  async () => {
    const url = await postgres.createDatabase("turns");
    const [db, other] = await Promise.all([0, 1].map(() => openDatabase(url, { mayCreate: false, poolSize: 2 })));
    assert(db && other);
    let own = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const reads = Array.from({ length: READS_AT_ONCE }, async (_, index) => {
        if (index % 31 === 7) return assert.rejects(async () => readNow(db, divide(db, { by: 0 })));
        if (index % 31 === 19) return assert.rejects(async () => readNow(db, misspell(db, {})));
        const text = `${round} ${index} ${"x".repeat((index * 997) % 5000)}`;
        const rows = await Promise.resolve(readNow(db, echo(db, { text }))).catch(() => null);
        if (rows === null) return; // Cancelled, or failed with its connection.
        assert.deepEqual(
          rows.map((row) => row.text),
          [text],
        );
        own++;
      });
      const how = round % 2 === 0 ? "pg_cancel_backend" : "pg_terminate_backend";
      await Promise.all([...reads, disturb(other, how)]);
    }
    process.stdout.write(`${own} of ${ROUNDS * READS_AT_ONCE} reads were answered, each with its own row.\n`);
    assert(own > (ROUNDS * READS_AT_ONCE) / 2, `${own} answers`);
    await Promise.all([db.destroy(), other.destroy()]);
  },
);
