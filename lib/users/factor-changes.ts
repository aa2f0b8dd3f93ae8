import { endTrust } from "../../db/devices.ts";
import { deleteRecoveryCodes, refreshSecondFactor } from "../../db/factors.ts";
import type { TransactionDb } from "../../db/open.ts";
import type { User } from "../../db/users.ts";
import { type Actor, userSubject } from "../audit/actor.ts";
import { recordBy } from "../audit/audit-log.ts";
import { notify } from "../mail/notify.ts";
import type { Services } from "../services.ts";
import { giveRecoveryCodesIfNone } from "./recovery-code-set.ts";

type Needs = Pick<Services, "db" | "config" | "keys" | "mail" | "now">;

/** The name of a second factor in the audit trail. */
type FactorName = "authenticator app" | "passkey";

/**
 * What follows when an authenticator app or a passkey was stored. Call it last, in the transaction of that, with the user
 * locked.
 *
 * @returns recovery codes, to be shown once; null if the user had some already
 */
export async function afterFactorAdded(
  db: TransactionDb,
  services: Needs,
  by: Actor,
  user: User,
  name: FactorName,
): Promise<string[] | null> {
  await refreshSecondFactor(db, user.id);
  await endTrust(db, user.id);
  await notify(db, services, by, user, "factor_added");
  await recordBy(db, services, by, { kind: "factor_added", subject: userSubject(user), detail: name });
  return giveRecoveryCodesIfNone(db, services, by, user);
}

/** The same when one was deleted. The recovery codes go with the last one. */
export async function afterFactorRemoved(
  db: TransactionDb,
  services: Needs,
  by: Actor,
  user: User,
  name: FactorName,
): Promise<void> {
  const hasAnother = await refreshSecondFactor(db, user.id);
  if (!hasAnother) await deleteRecoveryCodes(db, user.id);
  await endTrust(db, user.id);
  await notify(db, services, by, user, "factor_removed");
  await recordBy(db, services, by, { kind: "factor_removed", subject: userSubject(user), detail: name });
}
