import type { Db } from "./open.ts";
import type { Instant } from "./schema.ts";

/** @param id hex SHA-256 of the token */
export async function insertSetupToken(db: Db, id: string, expiresAt: Instant): Promise<void> {
  await db.insertInto("setup_tokens").values({ id, expires_at: expiresAt }).execute();
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
