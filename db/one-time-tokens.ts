import { sql } from "kysely";
import type { Db, TransactionDb } from "./open.ts";
import type { Instant, TokenPurpose } from "./schema.ts";

export interface OneTimeToken {
  /** Hex SHA-256 of the token. */
  id: string;
  purpose: TokenPurpose;
  /** Null if the token belongs to no user yet. If the user is deleted, so is the token. */
  userId: number | null;
  /** What the token is about, such as an email address; empty for the first user. */
  subject: string;
  createdAt: Instant;
  expiresAt: Instant;
}

/**
 * Stores the token of a set-up link. Triggers delete every set-up link when a user is created or deleted.
 *
 * @returns false if there is a user already: nothing is stored then
 */
export async function insertSetupToken(
  db: Db,
  { id, createdAt, expiresAt }: Pick<OneTimeToken, "id" | "createdAt" | "expiresAt">,
): Promise<boolean> {
  const { numAffectedRows } = await sql`
    insert into one_time_tokens (id, purpose, subject, created_at, expires_at)
    select ${id}, 'setup', '', cast(${createdAt} as bigint), cast(${expiresAt} as bigint)
    where not exists (select 1 from users)`.execute(db);
  return numAffectedRows === 1n;
}

/** Whether a token can be used now. It can be used afterwards too: only `consumeToken` uses it. */
export async function isTokenValid(db: Db, purpose: TokenPurpose, id: string, now: Instant): Promise<boolean> {
  return (await validToken(db, purpose, id, now).executeTakeFirst()) !== undefined;
}

/**
 * Uses a token. Every other token of the same purpose and subject is deleted with it: if several are used at once, one
 * is valid.
 *
 * @returns null if the token is unknown, used, expired or of another purpose: nothing is deleted then
 */
export async function consumeToken(
  db: TransactionDb,
  purpose: TokenPurpose,
  id: string,
  now: Instant,
): Promise<OneTimeToken | null> {
  const tokens = await db
    .deleteFrom("one_time_tokens")
    .where("purpose", "=", purpose)
    .where("subject", "=", validToken(db, purpose, id, now))
    .returning(["id", "purpose", "user_id as userId", "subject", "created_at as createdAt", "expires_at as expiresAt"])
    .execute();
  return tokens.find((token) => token.id === id) ?? null;
}

function validToken(db: Db, purpose: TokenPurpose, id: string, now: Instant) {
  const token = db.selectFrom("one_time_tokens").select("subject").where("id", "=", id);
  return token.where("purpose", "=", purpose).where("expires_at", ">", now);
}

/** Deletes at most `limit` expired tokens. @returns their number */
export async function deleteExpiredTokens(db: Db, now: Instant, limit: number): Promise<number> {
  const expired = db.selectFrom("one_time_tokens").select("id").where("expires_at", "<=", now).limit(limit);
  return Number((await db.deleteFrom("one_time_tokens").where("id", "in", expired).executeTakeFirst()).numDeletedRows);
}
