import { sql } from "kysely";
import { passwordCost } from "./migrations/0008_password_costs.ts";
import type { Db } from "./open.ts";
import { prepare } from "./prepared.ts";

/** Each takes microseconds. More of them are not costs, but what a damaged import left. */
const MAX_COSTS = 1000;

/**
 * What the checks of stored passwords cost: each algorithm with its parameters, once. Cheap enough for every login: the
 * index is asked for one cost, then for the next greater one, however many users have it.
 * https://wiki.postgresql.org/wiki/Loose_indexscan
 */
export async function listPasswordCosts(db: Db): Promise<string[]> {
  const { rows } = await db.executeQuery(selectCosts(db, {}));
  return rows.map(({ cost }) => cost);
}

/** Exported for the test that asks for its plan. */
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
