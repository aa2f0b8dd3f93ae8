import { sql } from "kysely";
import type { Db } from "./open.ts";
import { prepare } from "./prepared.ts";
import type { Flag, Instant } from "./schema.ts";
import type { Credentials } from "./users.ts";

/**
 * Records a login and stores the replacement hash, if the user is still active and still has the password that was
 * checked. Otherwise the password was changed or the user deactivated during the check.
 *
 * @param login `replacement` and `language` null if the stored ones stay; `isComplete` false if no second factor was
 *   checked: then the user must have none
 * @returns whether the login is confirmed
 */
export async function confirmLogin(
  db: Db,
  { user, password }: Credentials,
  { replacement, language, isComplete, now }: LoginFacts,
): Promise<boolean> {
  const factors = isComplete ? 1 : 0;
  const statement = confirm(db, {
    id: user.id,
    password,
    replacement: replacement ?? password,
    language,
    factors,
    now,
  });
  const { numAffectedRows } = await db.executeQuery(statement);
  return numAffectedRows === 1n;
}

export interface LoginFacts {
  replacement: string | null;
  language: string | null;
  isComplete: boolean;
  now: Instant;
}

interface Confirmation {
  id: number;
  password: string;
  replacement: string;
  language: string | null;
  /** The greatest `has_second_factor`. */
  factors: Flag;
  now: Instant;
}

const confirm = prepare((db, { id, password, replacement, language, factors, now }: Confirmation) =>
  db
    .updateTable("users")
    .set({ last_login: now, password: replacement, language: sql`coalesce(cast(${language} as text), language)` })
    .where("id", "=", id)
    .where("password", "=", password)
    .where("is_active", "=", 1)
    .where("has_second_factor", "<=", factors),
);
