import { sql } from "kysely";
import { passwordCost } from "./migrations/0008_password_costs.ts";
import type { Db } from "./open.ts";
import { prepare } from "./prepared.ts";
import { readNow } from "./read-now.ts";

/** A bound for damaged imports. Each cost takes microseconds to read. */
const MAX_COSTS = 1000;

/**
 * The distinct costs of the stored passwords: algorithm and parameters, as `pbkdf2_sha256$260000`. Cheap enough for every
 * login: the query jumps in the index from one cost to the next, for any number of users.
 * https://wiki.postgresql.org/wiki/Loose_indexscan
 */
export async function listPasswordCosts(db: Db): Promise<string[]> {
  const rows = await readNow(db, selectCosts(db, {}));
  return rows.map(({ cost }) => cost);
}

/** Exported for the test of its query plan. */
export const selectCosts = prepare((db: Db) => ({
  compile: () => {
    const cost = passwordCost(db);
    return sql<{ cost: string }>`
      with recursive costs (cost) as (
        select min(${cost}) from users
        union all
        select (select min(${cost}) from users where ${cost} > costs.cost) from costs where costs.cost is not null
      )
      select cost from costs where cost is not null limit ${sql.lit(MAX_COSTS)}`.compile(db);
  },
}));
