import { consumeToken } from "../../db/one-time-tokens.ts";
import type { TransactionDb } from "../../db/open.ts";
import {
  deletePasskey,
  insertPasskey,
  listPasskeys,
  type Passkey,
  renamePasskey as storePasskeyName,
} from "../../db/passkeys.ts";
import { lockUser, type User } from "../../db/users.ts";
import { type SessionActor, userSubject } from "../audit/actor.ts";
import { recordBy } from "../audit/audit-log.ts";
import { hashToken } from "../crypto/token.ts";
import { Problem } from "../http/problem.ts";
import type { Services } from "../services.ts";
import { authorizedTransaction } from "../session/authorized.ts";
import { afterFactorAdded, afterFactorRemoved } from "./factor-changes.ts";
import { challengeId } from "./passkey-challenge.ts";

/** The most passkeys of a user. */
export const MAX_PASSKEYS = 20;

type Needs = Pick<Services, "db" | "config" | "keys" | "mail" | "now">;

/** The public name of a passkey, which does not show its id. */
export function passkeyName({ id }: Pick<Passkey, "id">): string {
  return hashToken(`passkey name of ${id}`).slice(0, 20);
}

/** A passkey that was verified. */
export interface NewPasskey extends Omit<Passkey, "userId" | "createdAt" | "lastUsedAt"> {
  /** Used up with it. */
  challenge: string;
}

/**
 * Adds a passkey to the actor's own account.
 *
 * @param alongside work in the same transaction
 * @returns the passkey, and recovery codes to be shown once; null instead of those if the user had some already
 * @throws Problem passkey_rejected if the challenge was used, or is another session's, or the passkey is a user's already;
 *   too_many_passkeys; not_authenticated as `authorizedTransaction`
 */
export function addPasskey(
  services: Needs,
  by: SessionActor,
  { challenge, ...verified }: NewPasskey,
  alongside: (db: TransactionDb) => Promise<void>,
): Promise<{ passkey: Passkey; recoveryCodes: string[] | null }> {
  return authorizedTransaction(services, by, async (db) => {
    const user = await lockOwn(db, by);
    const now = services.now();
    const token = await consumeToken(db, "passkey_setup", challengeId(challenge), now);
    if (token?.subject !== by.session.id) throw new Problem("passkey_rejected");
    const own = await listPasskeys(db, user.id);
    if (own.length >= MAX_PASSKEYS) throw new Problem("too_many_passkeys", { limit: MAX_PASSKEYS });
    // Two pages that each set up the first passkey have made two handles.
    if (own.some(({ userHandle }) => userHandle !== verified.userHandle)) throw new Problem("passkey_rejected");
    const passkey = { ...verified, userId: user.id, createdAt: now, lastUsedAt: null };
    if (!(await insertPasskey(db, passkey))) throw new Problem("passkey_rejected");
    await alongside(db);
    return { passkey, recoveryCodes: await afterFactorAdded(db, services, by, user, "passkey") };
  });
}

/**
 * @param name as `passkeyName` gives it
 * @returns the passkey with its new label; null if the user has no such passkey
 * @throws Problem not_authenticated as `authorizedTransaction`
 */
export function renamePasskey(services: Needs, by: SessionActor, name: string, label: string): Promise<Passkey | null> {
  return authorizedTransaction(services, by, async (db) => {
    const passkey = await findOwn(db, by, name);
    if (passkey === null || !(await storePasskeyName(db, by.user.id, passkey.id, label))) return null;
    await recordBy(db, services, by, { kind: "passkey_renamed", subject: userSubject(by.user), detail: name });
    return { ...passkey, name: label };
  });
}

/**
 * @param name as `passkeyName` gives it
 * @returns whether the user had it
 * @throws Problem not_authenticated as `authorizedTransaction`
 */
export function removePasskey(services: Needs, by: SessionActor, name: string): Promise<boolean> {
  return authorizedTransaction(services, by, async (db) => {
    const user = await lockOwn(db, by);
    const passkey = await findOwn(db, by, name);
    if (passkey === null || !(await deletePasskey(db, user.id, passkey.id))) return false;
    await afterFactorRemoved(db, services, by, user, "passkey");
    return true;
  });
}

async function findOwn(db: TransactionDb, { user }: SessionActor, name: string): Promise<Passkey | null> {
  return (await listPasskeys(db, user.id)).find((passkey) => passkeyName(passkey) === name) ?? null;
}

/** @throws Problem not_authenticated if the user was deleted */
async function lockOwn(db: TransactionDb, { user }: SessionActor): Promise<User> {
  const locked = await lockUser(db, user.id);
  if (locked === null) throw new Problem("not_authenticated");
  return locked;
}
