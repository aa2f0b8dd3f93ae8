import { sql } from "kysely";
import type { Db, TransactionDb } from "./open.ts";
import type { Flag, Instant } from "./schema.ts";

/** What a user can prove to be present with, besides the password. */
export interface FactorSummary {
  /** The sealed secret of the authenticator app; null if there is none. */
  totpSecret: string | null;
  passkeys: number;
  recoveryCodes: number;
}

export async function summarizeFactors(db: Db, userId: number): Promise<FactorSummary> {
  const row = await db
    .selectNoFrom((select) => [
      select.selectFrom("totp_factors").select("secret").where("user_id", "=", userId).as("totpSecret"),
      select
        .selectFrom("passkeys")
        .select(({ fn }) => fn.countAll().as("count"))
        .where("user_id", "=", userId)
        .as("passkeys"),
      select
        .selectFrom("recovery_codes")
        .select(({ fn }) => fn.countAll().as("count"))
        .where("user_id", "=", userId)
        .as("recoveryCodes"),
    ])
    .executeTakeFirstOrThrow();
  return { totpSecret: row.totpSecret, passkeys: Number(row.passkeys), recoveryCodes: Number(row.recoveryCodes) };
}

/** What a user has. */
export interface FactorCounts {
  hasTotp: boolean;
  passkeys: number;
  recoveryCodes: number;
}

/** The same of several users. Those who have nothing are left out. */
export async function summarizeFactorsOf(
  db: Db,
  userIds: readonly number[],
): Promise<ReadonlyMap<number, FactorCounts>> {
  if (userIds.length === 0) return new Map();
  const count = async (table: "totp_factors" | "passkeys" | "recovery_codes") => {
    const rows = db.selectFrom(table).select(({ fn }) => ["user_id", fn.countAll().as("count")]);
    const counts = await rows.where("user_id", "in", userIds).groupBy("user_id").execute();
    return new Map(counts.map(({ user_id, count }) => [user_id, Number(count)]));
  };
  const [totp, passkeys, codes] = [await count("totp_factors"), await count("passkeys"), await count("recovery_codes")];
  const found = userIds.filter((id) => totp.has(id) || passkeys.has(id) || codes.has(id));
  return new Map(
    found.map((id) => [
      id,
      { hasTotp: totp.has(id), passkeys: passkeys.get(id) ?? 0, recoveryCodes: codes.get(id) ?? 0 },
    ]),
  );
}

/**
 * Notes on the user's row whether the user has a second factor. Call it after each change of an authenticator app or a
 * passkey, in its transaction, with the user locked. Recovery codes alone are none.
 *
 * @returns whether the user has one
 */
export async function refreshSecondFactor(db: TransactionDb, userId: number): Promise<boolean> {
  const { rows } = await sql<{ has_second_factor: Flag }>`
    update users set has_second_factor = ${HAS_FACTOR} where id = ${userId} returning has_second_factor`.execute(db);
  return rows[0]?.has_second_factor === 1;
}

/** The same for all users, after their second factors were copied one table after another. */
export async function refreshSecondFactors(db: TransactionDb): Promise<void> {
  await sql`update users set has_second_factor = ${HAS_FACTOR} where has_second_factor <> ${HAS_FACTOR}`.execute(db);
}

const HAS_FACTOR = sql<Flag>`case
  when exists (select 1 from totp_factors where user_id = users.id)
    or exists (select 1 from passkeys where user_id = users.id) then 1 else 0 end`;

/** The authenticator app of a user. */
export interface TotpFactor {
  userId: number;
  /** Sealed. */
  secret: string;
  /** The time step (RFC 6238 §4.2) of the last code that was used. */
  lastStep: number;
  createdAt: Instant;
  lastUsedAt: Instant | null;
}

export async function findTotp(db: Db, userId: number): Promise<TotpFactor | null> {
  const found = db.selectFrom("totp_factors").where("user_id", "=", userId);
  const columns = ["user_id as userId", "secret", "last_step as lastStep", "created_at as createdAt"] as const;
  return (await found.select(columns).select("last_used_at as lastUsedAt").executeTakeFirst()) ?? null;
}

/** It takes the place of the one before. */
export async function storeTotp(
  db: TransactionDb,
  { userId, secret, lastStep, createdAt, lastUsedAt }: TotpFactor,
): Promise<void> {
  const changes = { secret, last_step: lastStep, created_at: createdAt, last_used_at: lastUsedAt };
  await db
    .insertInto("totp_factors")
    .values({ user_id: userId, ...changes })
    .onConflict((conflict) => conflict.column("user_id").doUpdateSet(changes))
    .execute();
}

/**
 * Uses the code of a time step. Each step is used once, and none before it any more.
 *
 * @param secret as stored, when the code was checked
 * @returns false if the step was used, or the secret replaced
 */
export async function consumeTotpStep(
  db: TransactionDb,
  { userId, secret }: Pick<TotpFactor, "userId" | "secret">,
  step: number,
  now: Instant,
): Promise<boolean> {
  const update = db.updateTable("totp_factors").set({ last_step: step, last_used_at: now });
  const unused = update.where("user_id", "=", userId).where("secret", "=", secret).where("last_step", "<", step);
  return (await unused.executeTakeFirst()).numUpdatedRows === 1n;
}

/** @returns whether the user had one */
export async function deleteTotp(db: TransactionDb, userId: number): Promise<boolean> {
  const result = await db.deleteFrom("totp_factors").where("user_id", "=", userId).executeTakeFirst();
  return result.numDeletedRows === 1n;
}

/** Takes the place of the user's codes. */
export async function storeRecoveryCodes(
  db: TransactionDb,
  userId: number,
  ids: readonly string[],
  createdAt: Instant,
): Promise<void> {
  await deleteRecoveryCodes(db, userId);
  await db
    .insertInto("recovery_codes")
    .values(ids.map((id) => ({ id, user_id: userId, created_at: createdAt })))
    .execute();
}

/** Uses a code. @returns false if it is unknown or used */
export async function consumeRecoveryCode(db: TransactionDb, userId: number, id: string): Promise<boolean> {
  const code = db.deleteFrom("recovery_codes").where("id", "=", id).where("user_id", "=", userId);
  return (await code.executeTakeFirst()).numDeletedRows === 1n;
}

/** @returns whether the user has this code. This does not use it up. */
export async function hasRecoveryCode(db: Db, userId: number, id: string): Promise<boolean> {
  const code = db.selectFrom("recovery_codes").select("id").where("id", "=", id).where("user_id", "=", userId);
  return (await code.executeTakeFirst()) !== undefined;
}

/** Deletes all that a user can prove to be present with, besides the password. Call `refreshSecondFactor` after it. */
export async function deleteFactors(db: TransactionDb, userId: number): Promise<void> {
  await deleteTotp(db, userId);
  await db.deleteFrom("passkeys").where("user_id", "=", userId).execute();
  await deleteRecoveryCodes(db, userId);
}

export async function deleteRecoveryCodes(db: TransactionDb, userId: number): Promise<void> {
  await db.deleteFrom("recovery_codes").where("user_id", "=", userId).execute();
}

/** Deletes what a user has added at an instant or later, recovery codes too. @returns what there was of factors */
export async function deleteFactorsSince(
  db: TransactionDb,
  userId: number,
  since: Instant,
): Promise<{ hadTotp: boolean; passkeys: number }> {
  const deleteFrom = (table: "totp_factors" | "passkeys" | "recovery_codes") =>
    db.deleteFrom(table).where("user_id", "=", userId).where("created_at", ">=", since).executeTakeFirst();
  const totp = await deleteFrom("totp_factors");
  const passkeys = await deleteFrom("passkeys");
  await deleteFrom("recovery_codes");
  return { hadTotp: totp.numDeletedRows > 0n, passkeys: Number(passkeys.numDeletedRows) };
}
