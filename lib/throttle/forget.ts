import { deleteInBatches } from "../../db/batches.ts";
import { deleteDevice, deleteDevicesOfUser, deleteExpiredDevices, endTrust, listDeviceIds } from "../../db/devices.ts";
import type { TransactionDb } from "../../db/open.ts";
import { deleteCounters, deleteExpiredCounters } from "../../db/throttles.ts";
import type { User } from "../../db/users.ts";
import type { Services } from "../services.ts";
import { accountFactorKeys, accountKeys, deviceFactorKey, deviceKey } from "./limits.ts";

/**
 * Forgets the devices of a user, but for one, and every failure at the account. Call it with each change of the password:
 * a device cookie of a person who knew the old password must not help to guess the new one. The device that stays is known,
 * but not trusted: its next login needs the second factor.
 *
 * @param exceptId the device that asked for the change; null if none did
 * @returns the number of forgotten devices
 */
export async function forgetDevices(
  db: TransactionDb,
  { id, username }: User,
  exceptId: string | null,
): Promise<number> {
  if (exceptId !== null) await endTrust(db, id);
  const forgotten = await deleteDevicesOfUser(db, id, exceptId);
  await deleteCounters(db, [...accountKeys(username), ...forgotten.flatMap(keysOfDevice)]);
  return forgotten.length;
}

/** Forgets the wrong codes of a user's second factor, those of the known devices too. */
export async function forgetWrongCodes(db: TransactionDb, user: User): Promise<void> {
  const devices = await listDeviceIds(db, user.id);
  await deleteCounters(db, [...accountFactorKeys(user), ...devices.map(deviceFactorKey)]);
}

/** Forgets whatever was counted of a user. Call it before the user is deleted. */
export async function forgetUser(db: TransactionDb, user: User): Promise<void> {
  await forgetWrongCodes(db, user);
  await forgetDevices(db, user, null);
}

function keysOfDevice(id: string): string[] {
  return [deviceKey(id), deviceFactorKey(id)];
}

/** Forgets one device of a user: its browser is a stranger again. @returns whether the user had it */
export async function forgetDevice(db: TransactionDb, { id: userId }: User, id: string): Promise<boolean> {
  await deleteCounters(db, keysOfDevice(id));
  return deleteDevice(db, userId, id);
}

/** Deletes counters and devices that have expired. @returns the number of rows */
export async function clearThrottles({ db, now }: Pick<Services, "db" | "now">): Promise<number> {
  const counters = await deleteInBatches((limit) => deleteExpiredCounters(db, now(), limit));
  return counters + (await deleteInBatches((limit) => deleteExpiredDevices(db, now(), limit)));
}
