import { storeRecoveryCodes, summarizeFactors } from "../../db/factors.ts";
import type { TransactionDb } from "../../db/open.ts";
import type { User } from "../../db/users.ts";
import { type Actor, userSubject } from "../audit/actor.ts";
import { recordBy } from "../audit/audit-log.ts";
import { notify } from "../mail/notify.ts";
import type { Services } from "../services.ts";
import { authorizedTransaction } from "../session/authorized.ts";
import { generateRecoveryCodes, recoveryCodeId } from "./recovery-codes.ts";

type Needs = Pick<Services, "db" | "config" | "keys" | "mail" | "now">;

/**
 * Makes new recovery codes. They take the place of the user's others.
 *
 * @returns null if the user has no second factor: recovery codes alone open nothing
 * @throws Problem not_authenticated as `authorizedTransaction`
 */
export function makeRecoveryCodes(services: Needs, by: Actor, user: User): Promise<string[] | null> {
  return authorizedTransaction(services, by, async (db) => {
    const { totpSecret, passkeys } = await summarizeFactors(db, user.id);
    if (totpSecret === null && passkeys === 0) return null;
    await notify(db, services, by, user, "recovery_codes_made");
    return storeNewCodes(db, services, by, user);
  });
}

/**
 * Call it after a second factor was added, in its transaction.
 *
 * @returns the codes, to be shown once; null if the user has some already
 */
export async function giveRecoveryCodesIfNone(
  db: TransactionDb,
  services: Needs,
  by: Actor,
  user: User,
): Promise<string[] | null> {
  const { recoveryCodes } = await summarizeFactors(db, user.id);
  return recoveryCodes > 0 ? null : storeNewCodes(db, services, by, user);
}

async function storeNewCodes(db: TransactionDb, services: Needs, by: Actor, user: User): Promise<string[]> {
  const codes = generateRecoveryCodes();
  const ids = codes.map((code) => recoveryCodeId(user, code));
  await storeRecoveryCodes(db, user.id, ids, services.now());
  await recordBy(db, services, by, { kind: "recovery_codes_made", subject: userSubject(user) });
  return codes;
}
