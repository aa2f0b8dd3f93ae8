import type { Db } from "./open.ts";
import { prepare } from "./prepared.ts";
import type { Instant } from "./schema.ts";

/** A browser that has logged in to an account before. */
export interface Device {
  /** Hex SHA-256 of the token in its cookie. */
  id: string;
  userId: number;
  createdAt: Instant;
  expiresAt: Instant;
}

/** Whether it is a device of the user of that name, and not of another one. */
export async function hasDevice(db: Db, id: string, username: string, now: Instant): Promise<boolean> {
  return (await db.executeQuery(find(db, { id, username, now }))).rows.length > 0;
}

const find = prepare((db, { id, username, now }: { id: string; username: string; now: Instant }) =>
  db
    .selectFrom("devices")
    .innerJoin("users", "users.id", "devices.user_id")
    .select("devices.id")
    .where("devices.id", "=", id)
    .where("users.username", "=", username)
    .where("devices.expires_at", ">", now),
);

export async function listDeviceIds(db: Db, userId: number): Promise<string[]> {
  const rows = await db.selectFrom("devices").select("id").where("user_id", "=", userId).execute();
  return rows.map(({ id }) => id);
}

export async function insertDevice(db: Db, device: Device): Promise<void> {
  await db.executeQuery(insert(db, device));
}

const insert = prepare((db, { id, userId, createdAt, expiresAt }: Device) =>
  db.insertInto("devices").values({ id, user_id: userId, created_at: createdAt, expires_at: expiresAt }),
);

export async function deleteDevice(db: Db, id: string): Promise<void> {
  await db.executeQuery(deleteOne(db, { id }));
}

const deleteOne = prepare((db, { id }: { id: string }) => db.deleteFrom("devices").where("id", "=", id));

/** Deletes all devices of a user but the newest `keep`. */
export async function deleteOldDevices(db: Db, userId: number, keep: number): Promise<void> {
  await db.executeQuery(deleteOld(db, { userId, keep }));
}

const deleteOld = prepare((db, { userId, keep }: { userId: number; keep: number }) => {
  const own = db.selectFrom("devices").select("id").where("user_id", "=", userId);
  const kept = own.orderBy("created_at", "desc").orderBy("id").limit(keep);
  return db.deleteFrom("devices").where("user_id", "=", userId).where("id", "not in", kept);
});

/** Deletes at most `batch` devices whose time is over. @returns how many there were */
export async function deleteExpiredDevices(db: Db, now: Instant, batch: number): Promise<number> {
  const expired = db.selectFrom("devices").select("id").where("expires_at", "<=", now).limit(batch);
  const result = await db.deleteFrom("devices").where("id", "in", expired).executeTakeFirst();
  return Number(result.numDeletedRows);
}
