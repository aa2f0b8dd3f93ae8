import { insertSetupToken } from "../../db/one-time-tokens.ts";
import { generateToken, hashToken } from "../crypto/token.ts";
import type { Services } from "../services.ts";

const LINK_MS = 30 * 60 * 1000;

/** @returns the path of a set-up link that is valid once, for 30 minutes; null if there is a user */
export async function inviteFirstUser({ db, now }: Pick<Services, "db" | "now">): Promise<string | null> {
  const token = generateToken();
  const createdAt = now();
  const isStored = await insertSetupToken(db, { id: hashToken(token), createdAt, expiresAt: createdAt + LINK_MS });
  return isStored ? `/setup/?token=${token}` : null;
}
