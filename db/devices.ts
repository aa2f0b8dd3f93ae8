import { sql } from "kysely";
import { isPostgres } from "./columns.ts";
import type { Db, TransactionDb } from "./open.ts";
import { prepare } from "./prepared.ts";
import { readNow } from "./read-now.ts";
import type { Instant } from "./schema.ts";

/** A browser that has logged in to an account. */
export interface Device {
  /** Hex SHA-256 of the token in its cookie. */
  id: string;
  userId: number;
  /** Empty if unknown; so is `system`. */
  browser: string;
  system: string;
  /** The first login. */
  createdAt: Instant;
  /** The last login. */
  lastUsedAt: Instant;
  expiresAt: Instant;
  /** Until then its logins need no second factor; 0 if they do. */
  trustedUntil: Instant;
}

/** A device at a login. A new one is not trusted; a known one keeps its trust. */
export type UsedDevice = Omit<Device, "trustedUntil">;

/** Whether the device belongs to this user and has not expired. */
export async function hasDevice(db: Db, id: string, username: string, now: Instant): Promise<boolean> {
  return (await readNow(db, find(db, { id, username, now }))).length > 0;
}

const find = prepare((db, { id, username, now }: { id: string; username: string; now: Instant }) =>
  db
    .selectFrom("devices")
    .innerJoin("users", "users.id", "devices.user_id")
    .select("devices.id")
    // The casts only save time, as in db/sessions.ts (measured on Bun: 17 µs without them, 2 µs with them).
    .where("devices.id", "=", sql<string>`cast(${id} as text)`)
    .where("users.username", "=", sql<string>`cast(${username} as text)`)
    .where("devices.expires_at", ">", now),
);

/** Devices that have not expired, the last used first. */
export async function listDevices(db: Db, userId: number, now: Instant, limit: number): Promise<Device[]> {
  return db
    .selectFrom("devices")
    .select(["id", "user_id as userId", "browser", "system", "expires_at as expiresAt"])
    .select(["created_at as createdAt", "last_used_at as lastUsedAt", "trusted_until as trustedUntil"])
    .where("user_id", "=", userId)
    .where("expires_at", ">", now)
    .orderBy("last_used_at", "desc")
    .orderBy("id")
    .limit(limit)
    .execute();
}

/** Expired ones too. */
export async function listDeviceIds(db: Db, userId: number): Promise<string[]> {
  const rows = await db.selectFrom("devices").select("id").where("user_id", "=", userId).execute();
  return rows.map(({ id }) => id);
}

export async function insertDevice(db: Db, device: UsedDevice): Promise<void> {
  await db.executeQuery(insert(db, device));
}

const insert = prepare((db, { id, userId, browser, system, createdAt, lastUsedAt, expiresAt }: UsedDevice) =>
  db.insertInto("devices").values({
    id,
    user_id: userId,
    browser,
    system,
    created_at: createdAt,
    last_used_at: lastUsedAt,
    expires_at: expiresAt,
  }),
);

/**
 * Replaces a device's id and updates its last use. It keeps its trust.
 *
 * @param id the old id; `device.id` is the new one
 * @returns false if the user no longer has the device
 */
export async function renewDevice(db: Db, id: string, device: Omit<UsedDevice, "createdAt">): Promise<boolean> {
  const { numAffectedRows } = await db.executeQuery(renew(db, { ...device, id, nextId: device.id }));
  return numAffectedRows === 1n;
}

const renew = prepare((db, device: Omit<UsedDevice, "createdAt"> & { nextId: string }) =>
  db
    .updateTable("devices")
    .set({
      id: device.nextId,
      browser: device.browser,
      system: device.system,
      last_used_at: device.lastUsedAt,
      expires_at: device.expiresAt,
    })
    .where("id", "=", device.id)
    .where("user_id", "=", device.userId),
);

/** @returns whether the user had it */
export async function deleteDevice(db: Db, userId: number, id: string): Promise<boolean> {
  const one = db.deleteFrom("devices").where("id", "=", id).where("user_id", "=", userId);
  return (await one.executeTakeFirst()).numDeletedRows === 1n;
}

/** Deletes the devices of a user except one. @returns their ids */
export async function deleteDevicesOfUser(
  db: TransactionDb,
  userId: number,
  exceptId: string | null,
): Promise<string[]> {
  const own = db.deleteFrom("devices").where("user_id", "=", userId);
  const most = exceptId === null ? own : own.where("id", "!=", exceptId);
  return (await most.returning("id").execute()).map(({ id }) => id);
}

/** Until `until`, the logins of this device need no second factor. */
export async function trustDevice(db: TransactionDb, id: string, until: Instant): Promise<void> {
  await db.updateTable("devices").set({ trusted_until: until }).where("id", "=", id).execute();
}

/**
 * Uses the trust in a device for one login, in the transaction that creates the session. A change that ends the trust comes
 * before it or after it.
 *
 * @returns false if the user does not have the device, or its trust has ended
 */
export async function useTrust(
  db: TransactionDb,
  { id, userId }: Pick<Device, "id" | "userId">,
  now: Instant,
): Promise<boolean> {
  const update = db
    .updateTable("devices")
    .set({ last_used_at: now })
    .where("id", "=", id)
    .where("user_id", "=", userId);
  const trusted = update.where("trusted_until", ">", now).where("expires_at", ">", now);
  return (await trusted.executeTakeFirst()).numUpdatedRows === 1n;
}

/** Ends the trust in each device of a user. The devices stay known. */
export async function endTrust(db: TransactionDb, userId: number): Promise<void> {
  await db
    .updateTable("devices")
    .set({ trusted_until: 0 })
    .where("user_id", "=", userId)
    .where("trusted_until", ">", 0)
    .execute();
}

/** Keeps the last used `keep` devices of a user and deletes the others. */
export async function deleteOldDevices(db: Db, userId: number, keep: number): Promise<void> {
  await db.executeQuery(deleteOld(db, { userId, keep }));
}

const deleteOld = prepare((db, { userId, keep }: { userId: number; keep: number }) => {
  const own = db.selectFrom("devices").select("id").where("user_id", "=", userId);
  const kept = own.orderBy("last_used_at", "desc").orderBy("id").limit(keep);
  return db.deleteFrom("devices").where("user_id", "=", userId).where("id", "not in", kept);
});

/** Deletes at most `batch` expired devices. @returns their number */
export async function deleteExpiredDevices(db: Db, now: Instant, batch: number): Promise<number> {
  const expired = db.selectFrom("devices").select("id").where("expires_at", "<=", now).limit(batch);
  // Locked rows are skipped: to wait for them could be a deadlock.
  const free = isPostgres(db) ? expired.forUpdate().skipLocked() : expired;
  const result = await db.deleteFrom("devices").where("id", "in", free).executeTakeFirst();
  return Number(result.numDeletedRows);
}
