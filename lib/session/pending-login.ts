import { transaction } from "../../db/open.ts";
import { findPendingLogin, insertPendingLogin } from "../../db/pending-logins.ts";
import { type Credentials, findCredentialsOf, replacePassword } from "../../db/users.ts";
import type { Arrival, PendingContext } from "../context.ts";
import { generateToken, hashToken } from "../crypto/token.ts";
import { serializeCookie, serializeDeletion } from "../http/cookie.ts";
import { isHttps } from "./cookies.ts";
import { selectTokens } from "./presented-tokens.ts";

// Between the password and the second factor there is no session. The cookie of this step opens nothing else.

const PENDING_SECONDS = 600;

/** The most pending logins of a user by strangers, and by each known device. The oldest one goes. */
const MAX_PENDING = 10;

/**
 * The password was right: stores that, for the second step.
 *
 * @param replacement the password's new encoding, null if the stored one stays
 * @param device the known device that entered the password; null for a stranger
 * @returns the `Set-Cookie` value; null if the password was changed or the user deactivated since it was checked
 */
export async function createPendingLogin(
  context: Arrival,
  { user, password }: Credentials,
  { replacement, device }: { replacement: string | null; device: string | null },
): Promise<string | null> {
  const { db, now } = context.services;
  const token = generateToken();
  const at = now();
  const stored = replacement ?? password;
  const login = { id: hashToken(token), userId: user.id, passwordHash: hashToken(stored), device, createdAt: at };
  const isStored = await transaction(db, async (db) => {
    if (!(await replacePassword(db, { user, password }, stored))) return false;
    await insertPendingLogin(db, { ...login, expiresAt: at + PENDING_SECONDS * 1000 }, MAX_PENDING - 1);
    return true;
  });
  if (!isStored) return null;
  const attributes = { ...scopeOf(context), httpOnly: true, maxAgeSeconds: PENDING_SECONDS };
  return serializeCookie(cookieName(context), token, attributes, at);
}

/** The `Set-Cookie` value that expires the cookie. */
export function expiredPendingCookie(context: Arrival): string {
  return serializeDeletion(cookieName(context), scopeOf(context));
}

/**
 * The pending login that the request presents; of several, the newest.
 *
 * @returns null if there is none, or it has expired, or the password was changed or the user deactivated since
 */
export async function findPresentedLogin(context: Arrival): Promise<PendingContext["pending"] | null> {
  const { db, now } = context.services;
  const found: PendingContext["pending"][] = [];
  for (const token of selectTokens(context.cookies.get(cookieName(context)) ?? [])) {
    const login = await findPendingLogin(db, hashToken(token), now());
    const credentials = login && (await findCredentialsOf(db, login.userId));
    if (login === null || !credentials?.user.isActive) continue;
    if (hashToken(credentials.password) === login.passwordHash) found.push({ login, credentials });
  }
  // Without https a sibling host may have planted one for its own account. The user's password came after it.
  return found.sort((one, other) => other.login.createdAt - one.login.createdAt)[0] ?? null;
}

/** For this host alone, even with POSTERN_COOKIE_DOMAIN: no other host needs it. */
function scopeOf(context: Arrival): { secure: boolean; domain: null } {
  return { secure: isHttps(context), domain: null };
}

function cookieName({ services }: Arrival): string {
  return services.config.secureCookies ? "__Host-pendinglogin" : "pendinglogin";
}
