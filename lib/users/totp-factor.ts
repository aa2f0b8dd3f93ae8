import { deleteTotp, storeTotp } from "../../db/factors.ts";
import { consumeToken, deleteTokensAbout, findToken, insertToken } from "../../db/one-time-tokens.ts";
import type { TransactionDb } from "../../db/open.ts";
import type { User } from "../../db/users.ts";
import { type Actor, userSubject } from "../audit/actor.ts";
import { generateToken, hashToken } from "../crypto/token.ts";
import { Problem } from "../http/problem.ts";
import type { Services } from "../services.ts";
import { authorizedTransaction } from "../session/authorized.ts";
import { afterFactorAdded, afterFactorRemoved } from "./factor-changes.ts";
import { generateTotpSecret, totpOwner } from "./totp.ts";

type Needs = Pick<Services, "db" | "config" | "keys" | "mail" | "now">;

/** How long a new secret waits for its first code. */
const SETUP_MS = 600_000;

/** The secret of an authenticator app that is not a second factor yet. */
export interface TotpSetup {
  token: string;
  secret: Uint8Array;
}

/**
 * Makes a secret. It becomes the user's second factor when a code of it was right. It takes the place of an earlier one
 * that waits.
 *
 * @throws Problem not_authenticated as `authorizedTransaction`
 */
export function beginTotp(services: Needs, by: Actor, user: User): Promise<TotpSetup> {
  const token = generateToken();
  const secret = generateTotpSecret();
  const sealed = services.keys.factors.seal(secret, totpOwner(user));
  return authorizedTransaction(services, by, async (db) => {
    const createdAt = services.now();
    await insertToken(db, {
      id: hashToken(token),
      purpose: "totp_setup",
      userId: user.id,
      subject: userSubject(user),
      createdAt,
      expiresAt: createdAt + SETUP_MS,
      facts: JSON.stringify({ secret: sealed }),
    });
    return { token, secret };
  });
}

/** The secret that waits under a token. @returns null if the token is unknown, used, expired or another user's */
export async function findTotpSetup(
  { db, keys, now }: Pick<Services, "db" | "keys" | "now">,
  user: User,
  token: string,
): Promise<TotpSetup | null> {
  const stored = await findToken(db, "totp_setup", hashToken(token), now());
  if (stored === null || stored.userId !== user.id) return null;
  const secret = keys.factors.open(readSecret(stored.facts), totpOwner(user));
  return secret && { token, secret };
}

/** Deletes a secret that waits. @throws Problem not_authenticated as `authorizedTransaction` */
export function cancelTotpSetup(services: Needs, by: Actor, user: User): Promise<void> {
  return authorizedTransaction(services, by, (db) => deleteTokensAbout(db, "totp_setup", userSubject(user)));
}

/**
 * Makes the secret the user's second factor, in place of an authenticator app that the user has.
 *
 * @param step the time step of the code that was right: that code is used
 * @param alongside work in the same transaction
 * @returns recovery codes, to be shown once; null for the codes if the user had some already; null if the setup was used
 *   meanwhile
 * @throws Problem not_authenticated as `authorizedTransaction`
 */
export function confirmTotp(
  services: Needs,
  by: Actor,
  user: User,
  { token, step, alongside }: { token: string; step: number; alongside: (db: TransactionDb) => Promise<void> },
): Promise<{ recoveryCodes: string[] | null } | null> {
  const { now, keys } = services;
  const owner = totpOwner(user);
  return authorizedTransaction(services, by, async (db) => {
    const setup = await consumeToken(db, "totp_setup", hashToken(token), now());
    const secret = setup && keys.factors.open(readSecret(setup.facts), owner);
    if (secret === null) return null;
    // Sealed again: if the key was rotated since the set-up began, the old key may be removed soon.
    const factor = { userId: user.id, secret: keys.factors.seal(secret, owner), lastStep: step };
    await storeTotp(db, { ...factor, createdAt: now(), lastUsedAt: now() });
    await alongside(db);
    return { recoveryCodes: await afterFactorAdded(db, services, by, user, "authenticator app") };
  });
}

/** @throws Problem not_found if the user has no authenticator app; not_authenticated as `authorizedTransaction` */
export function removeTotp(services: Needs, by: Actor, user: User): Promise<void> {
  return authorizedTransaction(services, by, async (db) => {
    if (!(await deleteTotp(db, user.id))) throw new Problem("not_found");
    await afterFactorRemoved(db, services, by, user, "authenticator app");
  });
}

/** @param facts as `beginTotp` stored them. @returns the sealed secret */
function readSecret(facts: string): string {
  return (JSON.parse(facts) as { secret: string }).secret; // Only `beginTotp` stores tokens of this purpose.
}
