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
  /** Of a token for a mail: when the mail was stored. */
  createdAt: Instant;
  expiresAt: Instant;
  /** JSON; empty if there are none. */
  facts: string;
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

/** Stores a token. It takes the place of every other token of the same purpose and subject. */
export async function insertToken(
  db: TransactionDb,
  { userId, createdAt, expiresAt, ...token }: OneTimeToken,
): Promise<void> {
  await deleteTokensAbout(db, token.purpose, token.subject);
  const values = { ...token, user_id: userId, created_at: createdAt, expires_at: expiresAt };
  await db.insertInto("one_time_tokens").values(values).execute();
}

/** A token that can be used now. This does not use the token up; `consumeToken` does. */
export async function findToken(db: Db, purpose: TokenPurpose, id: string, now: Instant): Promise<OneTimeToken | null> {
  return (await validToken(db, purpose, id, now).select(COLUMNS).executeTakeFirst()) ?? null;
}

/** The valid tokens of a user, newest first. */
export async function listTokensOf(
  db: Db,
  userId: number,
  purpose: TokenPurpose,
  { now, limit }: { now: Instant; limit: number },
): Promise<OneTimeToken[]> {
  const tokens = db.selectFrom("one_time_tokens").where("user_id", "=", userId).where("purpose", "=", purpose);
  const valid = tokens.where("expires_at", ">", now).select(COLUMNS);
  return valid.orderBy("created_at", "desc").orderBy("id").limit(limit).execute();
}

const COLUMNS = [
  "id",
  "purpose",
  "user_id as userId",
  "subject",
  "created_at as createdAt",
  "expires_at as expiresAt",
  "facts",
] as const;

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
    .where("subject", "=", validToken(db, purpose, id, now).select("subject"))
    .returning(COLUMNS)
    .execute();
  return tokens.find((token) => token.id === id) ?? null;
}

/** Uses every token of a subject that is valid now. @returns them */
export async function consumeTokensFor(
  db: TransactionDb,
  purpose: TokenPurpose,
  subject: string,
  now: Instant,
): Promise<OneTimeToken[]> {
  const tokens = db.deleteFrom("one_time_tokens").where("purpose", "=", purpose).where("subject", "=", subject);
  return tokens.where("expires_at", ">", now).returning(COLUMNS).execute();
}

function validToken(db: Db, purpose: TokenPurpose, id: string, now: Instant) {
  const token = db.selectFrom("one_time_tokens").where("id", "=", id);
  return token.where("purpose", "=", purpose).where("expires_at", ">", now);
}

/**
 * Gives a token a new end.
 *
 * @returns false if there is no such token of this purpose any more: it was used, or another took its place
 */
export async function extendToken(
  db: Db,
  { id, purpose }: Pick<OneTimeToken, "id" | "purpose">,
  expiresAt: Instant,
): Promise<boolean> {
  const update = db.updateTable("one_time_tokens").set({ expires_at: expiresAt }).where("id", "=", id);
  return (await update.where("purpose", "=", purpose).executeTakeFirst()).numUpdatedRows === 1n;
}

/** Deletes the tokens of a purpose and a subject. */
export async function deleteTokensAbout(db: TransactionDb, purpose: TokenPurpose, subject: string): Promise<void> {
  await db.deleteFrom("one_time_tokens").where("purpose", "=", purpose).where("subject", "=", subject).execute();
}

/** Every token of a user, expired ones too, oldest first. They are few: the throttle of mails limits them. */
export function listAllTokensOf(db: Db, userId: number): Promise<OneTimeToken[]> {
  const tokens = db.selectFrom("one_time_tokens").select(COLUMNS).where("user_id", "=", userId);
  return tokens.orderBy("created_at").orderBy("id").execute();
}

/** Deletes the tokens of a user. @param since only those made at that instant or later; null for all */
export async function deleteTokensOf(
  db: TransactionDb,
  userId: number,
  purposes: readonly TokenPurpose[],
  since: Instant | null = null,
): Promise<void> {
  const tokens = db.deleteFrom("one_time_tokens").where("user_id", "=", userId).where("purpose", "in", purposes);
  await (since === null ? tokens : tokens.where("created_at", ">=", since)).execute();
}

/** Deletes at most `limit` expired tokens. @returns their number */
export async function deleteExpiredTokens(db: Db, now: Instant, limit: number): Promise<number> {
  const expired = db.selectFrom("one_time_tokens").select("id").where("expires_at", "<=", now).limit(limit);
  return Number((await db.deleteFrom("one_time_tokens").where("id", "in", expired).executeTakeFirst()).numDeletedRows);
}
