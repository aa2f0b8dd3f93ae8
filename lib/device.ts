import { deleteDevice, deleteOldDevices, hasDevice, insertDevice } from "../db/devices.ts";
import type { Db } from "../db/open.ts";
import type { User } from "../db/users.ts";
import type { Context } from "./context.ts";
import { generateToken, hashToken } from "./crypto/token.ts";
import { serializeCookie } from "./http/cookie.ts";

// Device cookies, as OWASP describes them (https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies):
// a browser that has logged in to an account is told from strangers, so that what holds those off does not hold off the
// owner. The cookie opens nothing: it is compared with the devices of the one account that is named, and all it changes is
// where failures are counted. It is stored as a hash rather than signed: no key to keep, and its number has an end.

/** A year: whoever comes back after a longer time is a stranger. */
const DEVICE_SECONDS = 31_536_000;

/**
 * Of a user at the most; the oldest goes. Each is a place to guess at, so that somebody who once knew the password
 * cannot have gathered more of them than this before it was changed.
 */
const MAX_DEVICES = 10;

/** How many values of one request are looked up. A browser sends one, or two if an application uses the name as well. */
const MAX_PRESENTED = 4;

/** The device that the request's cookie makes known to the account of that name; null for a stranger. */
export async function findDevice({ cookies, services }: Context, username: string): Promise<string | null> {
  const presented = cookies.get(cookieName(services.config.secureCookies)) ?? [];
  for (const token of presented.filter((token) => token !== "").slice(0, MAX_PRESENTED)) {
    const id = hashToken(token);
    if (await hasDevice(services.db, id, username, services.now())) return id;
  }
  return null;
}

/**
 * Makes the browser known to a user who has just proved to be one, by a new cookie; the presented one has had its time.
 *
 * @param presented what `findDevice` found
 * @returns the `Set-Cookie` value for when it is stored; null for what is no browser
 */
export async function rememberDevice(
  db: Db,
  { request, client, services: { config, now } }: Context,
  { id: userId }: User,
  presented: string | null,
): Promise<string | null> {
  // Browsers send one of these with every POST. A program that keeps no cookies would push the user's browsers out.
  if (!request.headers.has("sec-fetch-site") && !request.headers.has("origin")) return null;
  const token = generateToken();
  const createdAt = now();
  if (presented !== null) await deleteDevice(db, presented);
  await deleteOldDevices(db, userId, MAX_DEVICES - 1);
  await insertDevice(db, { id: hashToken(token), userId, createdAt, expiresAt: createdAt + DEVICE_SECONDS * 1000 });
  // Of this host alone, whatever POSTERN_COOKIE_DOMAIN says: no other has a use for it.
  const scope = { secure: config.secureCookies || client.isHttps, domain: null };
  const attributes = { ...scope, httpOnly: true, maxAgeSeconds: DEVICE_SECONDS };
  return serializeCookie(cookieName(config.secureCookies), token, attributes, createdAt);
}

function cookieName(isSecure: boolean): string {
  return isSecure ? "__Host-devicecookie" : "devicecookie";
}
