import { sql } from "kysely";
import type { Db } from "./open.ts";
import type { Instant } from "./schema.ts";

// Triggers delete every token when a user is made or deleted, so that a link never outlives the first user.

/**
 * @param id hex SHA-256 of the token
 * @returns false if there is a user already, in which case nothing is stored
 */
export async function insertSetupToken(db: Db, id: string, expiresAt: Instant): Promise<boolean> {
  const { numAffectedRows } = await sql`
    insert into setup_tokens (id, expires_at)
    select ${id}, cast(${expiresAt} as bigint) where not exists (select 1 from users)`.execute(db);
  return numAffectedRows === 1n;
}

/** Whether a token may still be used. It stays so: only `consumeSetupToken` uses it. */
export async function isSetupTokenGood(db: Db, id: string, now: Instant): Promise<boolean> {
  const found = db.selectFrom("setup_tokens").select("id").where("id", "=", id).where("expires_at", ">", now);
  return (await found.executeTakeFirst()) !== undefined;
}

/**
 * Uses a token up, and with it every other one: of several used at once, one is good. Where it was not good, roll back.
 *
 * @returns whether it was good
 */
export async function consumeSetupToken(db: Db, id: string, now: Instant): Promise<boolean> {
  const good = await db.deleteFrom("setup_tokens").where("expires_at", ">", now).returning("id").execute();
  return good.some((token) => token.id === id);
}
