import { deleteFactorsSince, deleteRecoveryCodes, refreshSecondFactor } from "../../db/factors.ts";
import type { TransactionDb } from "../../db/open.ts";
import type { User } from "../../db/users.ts";
import { userSubject } from "../audit/actor.ts";
import type { Deed } from "../audit/audit-log.ts";

/** A notice is stored a moment after the factor that it tells of, and the clocks of two nodes differ. */
const SLACK_MS = 60_000;

/**
 * Removes each authenticator app and passkey that was added since an instant, and the recovery codes that were made since.
 * They may be a thief's. Those from before stay. Call it with the user locked.
 *
 * @returns the events to record, and whether the user still has a second factor
 */
export async function removeNewFactors(
  db: TransactionDb,
  user: Pick<User, "id">,
  since: number,
): Promise<{ events: Omit<Deed, "actor">[]; hasFactor: boolean }> {
  const removed = await deleteFactorsSince(db, user.id, since - SLACK_MS);
  const hasFactor = await refreshSecondFactor(db, user.id);
  if (!hasFactor) await deleteRecoveryCodes(db, user.id);
  const event = { kind: "factor_removed", subject: userSubject(user) } as const;
  const names = [...(removed.hadTotp ? ["authenticator app"] : []), ...Array(removed.passkeys).fill("passkey")];
  return { events: names.map((detail) => ({ ...event, detail })), hasFactor };
}
