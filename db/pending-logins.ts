import type { Db, TransactionDb } from "./open.ts";
import type { Instant } from "./schema.ts";

/**
 * A login whose password was right, and whose second factor is missing. It is no session: no statement about sessions
 * reads this table.
 */
export interface PendingLogin {
  /** Hex SHA-256 of the token in the cookie. */
  id: string;
  userId: number;
  /** Hex SHA-256 of the encoded password that was checked. If the stored one differs, the login is void. */
  passwordHash: string;
  /** The known device that entered the password; null for a stranger. */
  device: string | null;
  createdAt: Instant;
  expiresAt: Instant;
}

/**
 * Stores a pending login. Of the others of the same device, the newest `keep` stay; strangers count as one. So a thief who
 * knows the password ends none of a known device.
 */
export async function insertPendingLogin(
  db: TransactionDb,
  { id, userId, passwordHash, device, createdAt, expiresAt }: PendingLogin,
  keep: number,
): Promise<void> {
  const row = { id, user_id: userId, password_hash: passwordHash, attempts: 0, device: device ?? "" };
  const own = db.selectFrom("pending_logins").select("id").where("user_id", "=", userId);
  const kept = own.where("device", "=", row.device).orderBy("created_at", "desc").orderBy("id").limit(keep);
  const same = db.deleteFrom("pending_logins").where("user_id", "=", userId).where("device", "=", row.device);
  await same.where("id", "not in", kept).execute();
  await db
    .insertInto("pending_logins")
    .values({ ...row, created_at: createdAt, expires_at: expiresAt })
    .execute();
}

/** A pending login as the second step needs it. */
export type FoundLogin = Omit<PendingLogin, "device">;

/** @returns null if it is unknown or has expired */
export async function findPendingLogin(db: Db, id: string, now: Instant): Promise<FoundLogin | null> {
  const found = db.selectFrom("pending_logins").select(COLUMNS).where("id", "=", id).where("expires_at", ">", now);
  return (await found.executeTakeFirst()) ?? null;
}

const COLUMNS = [
  "id",
  "user_id as userId",
  "password_hash as passwordHash",
  "created_at as createdAt",
  "expires_at as expiresAt",
] as const;

/**
 * Counts an attempt at the second factor, before it is checked.
 *
 * @returns how many there were with it; null if it is unknown or has expired, or had `limit` attempts already
 */
export async function countPendingAttempt(db: Db, id: string, now: Instant, limit: number): Promise<number | null> {
  const row = await db
    .updateTable("pending_logins")
    .set((row) => ({ attempts: row("attempts", "+", 1) }))
    .where("id", "=", id)
    .where("expires_at", ">", now)
    .where("attempts", "<", limit)
    .returning("attempts")
    .executeTakeFirst();
  return row?.attempts ?? null;
}

/** Uses a pending login. Of calls at the same time, one returns true. */
export async function consumePendingLogin(db: TransactionDb, id: string, now: Instant): Promise<boolean> {
  const login = db.deleteFrom("pending_logins").where("id", "=", id).where("expires_at", ">", now);
  return (await login.executeTakeFirst()).numDeletedRows === 1n;
}

export async function deletePendingLogin(db: Db, id: string): Promise<void> {
  await db.deleteFrom("pending_logins").where("id", "=", id).execute();
}

/** Those of a user, expired ones too. They are few: see `insertPendingLogin`. */
export function listPendingLoginsOf(db: Db, userId: number): Promise<Pick<PendingLogin, "createdAt" | "expiresAt">[]> {
  const own = db.selectFrom("pending_logins").where("user_id", "=", userId).orderBy("created_at").orderBy("id");
  return own.select(["created_at as createdAt", "expires_at as expiresAt"]).execute();
}

export async function deletePendingLoginsOf(db: TransactionDb, userId: number): Promise<void> {
  await db.deleteFrom("pending_logins").where("user_id", "=", userId).execute();
}

/** Deletes at most `limit` that have expired. @returns their number */
export async function deleteExpiredPendingLogins(db: Db, now: Instant, limit: number): Promise<number> {
  const expired = db.selectFrom("pending_logins").select("id").where("expires_at", "<=", now).limit(limit);
  return Number((await db.deleteFrom("pending_logins").where("id", "in", expired).executeTakeFirst()).numDeletedRows);
}
