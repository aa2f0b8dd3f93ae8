import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { sql } from "kysely";
import { migrate } from "../db/migrate.ts";
import { openDatabase, transaction } from "../db/open.ts";
import { prepare } from "../db/prepared.ts";

async function createDatabase() {
  const db = await openDatabase("sqlite::memory:", { mayCreate: true, poolSize: 1 });
  await migrate(db);
  return db;
}

describe("a prepared query", () => {
  test("is built once per database, also for transactions, and puts each value in its place", async () => {
    let built = 0;
    const query = prepare((db, { a, b }: { a: number; b: string }) => {
      built++;
      return db.selectNoFrom([
        sql`${b}`.as("first"),
        sql`${a}`.as("second"),
        sql`${b}`.as("third"),
        sql.val(7).as("own"),
      ]);
    });
    const [one, other] = [await createDatabase(), await createDatabase()];
    const ask = async (db: typeof one, values: { a: number; b: string }) =>
      Object.values((await db.executeQuery(query(db, values))).rows[0] ?? {});
    assert.deepEqual(await ask(one, { a: 1, b: "x" }), ["x", 1, "x", 7]);
    assert.deepEqual(await ask(one, { b: "'; drop table users; --", a: 2 }), [
      "'; drop table users; --",
      2,
      "'; drop table users; --",
      7,
    ]);
    assert.deepEqual(await transaction(one, (trx) => ask(trx, { a: 3, b: "" })), ["", 3, "", 7]);
    assert.equal(built, 1);
    assert.deepEqual(await ask(other, { a: 4, b: "y" }), ["y", 4, "y", 7]);
    assert.equal(built, 2);
    for (const db of [one, other]) await db.destroy();
  });

  test("keeps no value from another run, not even of a run at the same time", async () => {
    const db = await createDatabase();
    const query = prepare((db, { value }: { value: number | null }) => db.selectNoFrom(sql`${value}`.as("value")));
    const asked = [1, null, 3].map((value) => db.executeQuery(query(db, { value })));
    const told = (await Promise.all(asked)).flatMap(({ rows }) => rows.map(({ value }) => value));
    assert.deepEqual(told, [1, null, 3]);
    await db.destroy();
  });
});
