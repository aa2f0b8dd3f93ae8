import {
  type Device,
  deleteOldDevices,
  hasDevice,
  insertDevice,
  renewDevice,
  trustDevice,
  type UsedDevice,
} from "../../db/devices.ts";
import type { TransactionDb } from "../../db/open.ts";
import { renameCounter } from "../../db/throttles.ts";
import type { User } from "../../db/users.ts";
import type { Arrival } from "../context.ts";
import { generateToken, hashToken } from "../crypto/token.ts";
import { serializeCookie, serializeDeletion } from "../http/cookie.ts";
import { isHttps } from "../session/cookies.ts";
import { deviceToStore } from "../session/user-agent.ts";
import { deviceFactorKey } from "./limits.ts";

// Device cookies, as OWASP describes them (https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies):
// a browser that has logged in to an account is counted apart from strangers, so that they cannot lock the owner out. The
// cookie opens nothing. It is compared with the devices of the account that the login names, and decides which counters
// the attempt uses. Its hash is stored, so no key is needed and the number of devices has a limit.

/** A year. After a longer time a browser is a stranger. */
const DEVICE_SECONDS = 31_536_000;

/** The most devices of a user. The least recently used one goes. */
export const MAX_DEVICES = 10;

/** The public name of a device, which does not show its id. */
export function deviceName({ id }: Pick<Device, "id">): string {
  return hashToken(`device name of ${id}`).slice(0, 20);
}

/** The most cookies of the name that are looked up. Postern sets one; a sibling domain may set any number. */
const MAX_PRESENTED = 5;

/** The device of the account that the request's cookie names; null for a stranger. */
export async function findDevice(context: Arrival, username: string): Promise<string | null> {
  const { db, now } = context.services;
  for (const id of presentedDevices(context)) if (await hasDevice(db, id, username, now())) return id;
  return null;
}

/** The device ids that the request's cookies name, whether or not such devices exist. */
export function presentedDevices({ cookies, services }: Arrival): string[] {
  const tokens = cookies.get(cookieName(services.config.secureCookies)) ?? [];
  return tokens
    .filter((token) => token !== "")
    .slice(0, MAX_PRESENTED)
    .map(hashToken);
}

/** The `Set-Cookie` value that expires the device cookie. */
export function expiredDeviceCookie(context: Arrival): string {
  return serializeDeletion(cookieName(context.services.config.secureCookies), scopeOf(context));
}

/** For this host alone, even with POSTERN_COOKIE_DOMAIN: no other host needs it. */
function scopeOf(context: Arrival): { secure: boolean; domain: null } {
  return { secure: isHttps(context), domain: null };
}

/**
 * After the right password, makes the browser known to the account by a new cookie. It replaces the presented one.
 *
 * @param presented the result of `findDevice`
 * @param trustUntil until then the browser's logins need no second factor; null changes nothing
 * @returns the `Set-Cookie` value, to send after the commit; null if the client is no browser, or with POSTERN_THROTTLE=off
 */
export async function rememberDevice(
  db: TransactionDb,
  context: Arrival,
  { id: userId, hasSecondFactor }: User,
  presented: string | null,
  trustUntil: number | null = null,
): Promise<string | null> {
  const { request, services } = context;
  const { config, now } = services;
  if (!config.throttle) return null;
  // Browsers send one of these with every POST. A program that keeps no cookies would push the user's browsers out.
  if (!request.headers.has("sec-fetch-site") && !request.headers.has("origin")) return null;
  const token = generateToken();
  const at = now();
  const device: UsedDevice = {
    id: hashToken(token),
    userId,
    ...deviceToStore(request),
    createdAt: at,
    lastUsedAt: at,
    expiresAt: at + DEVICE_SECONDS * 1000,
  };
  const isRenewed = presented !== null && (await renewDevice(db, presented, device));
  if (!isRenewed) {
    await deleteOldDevices(db, userId, MAX_DEVICES - 1);
    await insertDevice(db, device);
  } else if (hasSecondFactor) {
    // The right password proves nothing about the second factor: wrong codes stay counted under the new id.
    await renameCounter(db, deviceFactorKey(presented), deviceFactorKey(device.id));
  }
  if (trustUntil !== null) await trustDevice(db, device.id, trustUntil);
  const attributes = { ...scopeOf(context), httpOnly: true, maxAgeSeconds: DEVICE_SECONDS };
  return serializeCookie(cookieName(config.secureCookies), token, attributes, at);
}

function cookieName(isSecure: boolean): string {
  return isSecure ? "__Host-devicecookie" : "devicecookie";
}
