import { consumeToken, findToken } from "../../db/one-time-tokens.ts";
import { type TransactionDb, transaction } from "../../db/open.ts";
import { findPasskey, type Passkey, usePasskey } from "../../db/passkeys.ts";
import { lockUser } from "../../db/users.ts";
import { type Actor, userSubject } from "../audit/actor.ts";
import { recordBy } from "../audit/audit-log.ts";
import { notify } from "../mail/notify.ts";
import type { RelyingParty } from "../pipeline/relying-party.ts";
import type { Services } from "../services.ts";
import type { Proof } from "./code-proof.ts";
import { type ChallengePurpose, challengeId } from "./passkey-challenge.ts";
import type { SentAssertion } from "./passkey-credential.ts";
import { passkeyName } from "./passkeys.ts";
import { type VerifiedAssertion, verifyAssertion } from "./webauthn.ts";

/** What a proof has to be about. */
export interface PasskeyDemand {
  relyingParty: RelyingParty;
  purpose: Exclude<ChallengePurpose, "passkey_setup">;
  /** The owner of the challenge, and the user of the passkey; null before a login, where the passkey names its user. */
  owner: { subject: string; userId: number } | null;
}

export interface PasskeyProof extends Proof {
  userId: number;
}

/**
 * Checks the proof of a passkey without using it up. If the passkey may have been copied, its user gets a notice.
 *
 * @returns null if it is not accepted
 */
export async function findPasskeyProof(
  services: Pick<Services, "db" | "keys" | "now" | "config" | "mail">,
  by: Actor,
  sent: SentAssertion,
  { relyingParty, purpose, owner }: PasskeyDemand,
): Promise<PasskeyProof | null> {
  const { db, now } = services;
  const challenge = await findToken(db, purpose, challengeId(sent.challenge), now());
  if (challenge === null || (owner !== null && challenge.subject !== owner.subject)) return null;
  const passkey = await findPasskey(db, sent.id);
  if (passkey === null || !belongs(passkey, sent, owner?.userId ?? null)) return null;
  const verified = await verifyAssertion(sent, passkey, relyingParty);
  // WebAuthn Level 3 §7.2: whether a passkey can be backed up never changes.
  if (verified === null || verified.isBackupEligible !== passkey.isBackupEligible) return null;
  // Without a password, the passkey must be two factors.
  if (owner === null && !verified.isUserVerified) return null;
  const consumeChallenge = async (db: TransactionDb) => (await consumeToken(db, purpose, challenge.id, now())) !== null;
  if (isCopied(passkey, verified)) {
    await reportCopy(services, by, passkey, consumeChallenge);
    return null;
  }
  return {
    userId: passkey.userId,
    amr: verified.isUserVerified ? "pop mfa" : "pop",
    consume: async (db) => (await consumeChallenge(db)) && (await usePasskey(db, passkey, { ...verified, now: now() })),
  };
}

/** @param userId null if the passkey has to name its user */
function belongs({ userId, userHandle }: Passkey, sent: SentAssertion, expectedUserId: number | null): boolean {
  if (expectedUserId === null) return sent.userHandle === userHandle;
  return userId === expectedUserId && (sent.userHandle === null || sent.userHandle === userHandle);
}

/** A counter that stands still or goes back: another authenticator may have the same key (WebAuthn Level 3 §6.1.1). */
function isCopied({ signCount: stored }: Passkey, { signCount }: VerifiedAssertion): boolean {
  return (signCount !== 0 || stored !== 0) && signCount <= stored;
}

/** In a transaction of its own: the login is denied. Each challenge reports once. */
function reportCopy(
  services: Pick<Services, "db" | "keys" | "now" | "config" | "mail">,
  by: Actor,
  passkey: Passkey,
  consumeChallenge: (db: TransactionDb) => Promise<boolean>,
): Promise<void> {
  return transaction(services.db, async (db) => {
    const user = await lockUser(db, passkey.userId);
    if (user === null || !(await consumeChallenge(db))) return;
    await notify(db, services, by, user, "passkey_copied");
    const detail = passkeyName(passkey);
    await recordBy(db, services, by, { kind: "passkey_copied", subject: userSubject(user), detail });
  });
}
