import { insertToken, type OneTimeToken } from "../../db/one-time-tokens.ts";
import type { TokenPurpose } from "../../db/schema.ts";
import type { Actor } from "../audit/actor.ts";
import { hashToken } from "../crypto/token.ts";
import type { Services } from "../services.ts";
import { authorizedTransaction } from "../session/authorized.ts";

export type ChallengePurpose = Extract<TokenPurpose, `passkey_${string}`>;

/** As long as a browser waits for the person. WebAuthn Level 3 §15.1 recommends 5 to 10 minutes. */
export const CHALLENGE_MS = 300_000;

/** WebAuthn Level 3 §13.4.3: at least 16. */
const CHALLENGE_BYTES = 32;

/** The subjects of challenges before a login. */
const PLACES = 2 ** 20;

/**
 * A new challenge. It takes the place of the one before of the same purpose and subject.
 *
 * @param subject the session or the pending login that it belongs to; `anyPlace` before a login
 * @param facts what the answer needs
 * @returns it, in base64url
 * @throws Problem not_authenticated as `authorizedTransaction`
 */
export async function createChallenge(
  services: Pick<Services, "db" | "config" | "now">,
  by: Actor,
  purpose: ChallengePurpose,
  { subject, userId, facts = "" }: Pick<OneTimeToken, "subject" | "userId"> & { facts?: string },
): Promise<string> {
  const challenge = randomBase64(CHALLENGE_BYTES);
  const createdAt = services.now();
  const token = { id: challengeId(challenge), purpose, subject, userId, facts };
  const stored = { ...token, createdAt, expiresAt: createdAt + CHALLENGE_MS };
  await authorizedTransaction(services, by, (db) => insertToken(db, stored));
  return challenge;
}

export function challengeId(challenge: string): string {
  return hashToken(challenge);
}

/**
 * One of a million subjects, at random. A challenge before a login belongs to no session, and a flood of them must not fill
 * the disk: when two meet in one place, the newer one stays.
 */
export function anyPlace(): string {
  const [number = 0] = crypto.getRandomValues(new Uint32Array(1));
  return `place:${number % PLACES}`;
}

/** Random bytes in base64url. */
export function randomBase64(bytes: number): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString("base64url");
}
