import type { Db, TransactionDb } from "./open.ts";
import type { Instant } from "./schema.ts";

/** A passkey of a user: what WebAuthn Level 3 §4 calls a credential record. */
export interface Passkey {
  /** The credential id, in base64url. */
  id: string;
  userId: number;
  /** 32 random bytes in base64url, the same for every passkey of the user. Passkeys know the user by it. */
  userHandle: string;
  /** A COSE key, in base64url. */
  publicKey: string;
  /** The last counter of the authenticator; 0 if it does not count. */
  signCount: number;
  /** How a browser reaches the authenticator, such as `usb`. */
  transports: string[];
  /** Whether the passkey may be copied to other devices of the user. It never changes. */
  isBackupEligible: boolean;
  isBackedUp: boolean;
  name: string;
  createdAt: Instant;
  lastUsedAt: Instant | null;
}

const COLUMNS = [
  "id",
  "user_id",
  "user_handle",
  "public_key",
  "sign_count",
  "transports",
  "is_backup_eligible",
  "is_backed_up",
  "name",
  "created_at",
  "last_used_at",
] as const;

type PasskeyRow = Awaited<ReturnType<typeof selectPasskeys>>[number];

function selectPasskeys(db: Db, column: "id" | "user_id", value: string | number) {
  const rows = db.selectFrom("passkeys").select(COLUMNS).where(column, "=", value);
  return rows.orderBy("created_at").orderBy("id").execute();
}

function toPasskey(row: PasskeyRow): Passkey {
  return {
    id: row.id,
    userId: row.user_id,
    userHandle: row.user_handle,
    publicKey: row.public_key,
    signCount: row.sign_count,
    transports: row.transports === "" ? [] : row.transports.split(" "),
    isBackupEligible: row.is_backup_eligible === 1,
    isBackedUp: row.is_backed_up === 1,
    name: row.name,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
  };
}

export async function findPasskey(db: Db, id: string): Promise<Passkey | null> {
  const [row] = await selectPasskeys(db, "id", id);
  return row ? toPasskey(row) : null;
}

/** Oldest first. They are few: see `addPasskey`. */
export async function listPasskeys(db: Db, userId: number): Promise<Passkey[]> {
  return (await selectPasskeys(db, "user_id", userId)).map(toPasskey);
}

/** Whether any user has one. */
export async function passkeysExist(db: Db): Promise<boolean> {
  return (await db.selectFrom("passkeys").select("id").limit(1).executeTakeFirst()) !== undefined;
}

/** @returns false if a user has a passkey of this id */
export async function insertPasskey(db: TransactionDb, passkey: Passkey): Promise<boolean> {
  const row = await db
    .insertInto("passkeys")
    .values({
      id: passkey.id,
      user_id: passkey.userId,
      user_handle: passkey.userHandle,
      public_key: passkey.publicKey,
      sign_count: passkey.signCount,
      transports: passkey.transports.join(" "),
      is_backup_eligible: passkey.isBackupEligible ? 1 : 0,
      is_backed_up: passkey.isBackedUp ? 1 : 0,
      name: passkey.name,
      created_at: passkey.createdAt,
      last_used_at: passkey.lastUsedAt,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

/**
 * Stores a use of a passkey: its counter, and whether it is backed up.
 *
 * @returns false if the passkey is gone, or its stored counter is not behind the new one (WebAuthn Level 3 §7.2)
 */
export async function usePasskey(
  db: TransactionDb,
  { id, userId }: Pick<Passkey, "id" | "userId">,
  { signCount, isBackedUp, now }: { signCount: number; isBackedUp: boolean; now: Instant },
): Promise<boolean> {
  const result = await db
    .updateTable("passkeys")
    .set({ sign_count: signCount, is_backed_up: isBackedUp ? 1 : 0, last_used_at: now })
    .where("id", "=", id)
    .where("user_id", "=", userId)
    // An authenticator that does not count always sends 0.
    .where("sign_count", signCount === 0 ? "=" : "<", signCount)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** @returns whether the user has the passkey */
export async function renamePasskey(db: TransactionDb, userId: number, id: string, name: string): Promise<boolean> {
  const one = db.updateTable("passkeys").set({ name }).where("id", "=", id).where("user_id", "=", userId);
  return (await one.executeTakeFirst()).numUpdatedRows === 1n;
}

/** @returns whether the user had it */
export async function deletePasskey(db: TransactionDb, userId: number, id: string): Promise<boolean> {
  const one = db.deleteFrom("passkeys").where("id", "=", id).where("user_id", "=", userId);
  return (await one.executeTakeFirst()).numDeletedRows === 1n;
}
