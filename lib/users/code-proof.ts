import { consumeRecoveryCode, consumeTotpStep, findTotp, hasRecoveryCode } from "../../db/factors.ts";
import type { TransactionDb } from "../../db/open.ts";
import type { User } from "../../db/users.ts";
import { type Actor, userSubject } from "../audit/actor.ts";
import { recordBy } from "../audit/audit-log.ts";
import { notify } from "../mail/notify.ts";
import type { Services } from "../services.ts";
import { recoveryCodeId } from "./recovery-codes.ts";
import { findTotpStep, totpOwner } from "./totp.ts";

/** Something that a user has proved, and that is not used up yet. */
export interface Proof {
  /** The names of RFC 8176. */
  amr: string;
  /**
   * Uses it up. Call it in the transaction of the step that needed it, with the user locked.
   *
   * @returns false if another request has used it
   */
  consume: (db: TransactionDb) => Promise<boolean>;
}

export type CodeKind = "totp" | "recovery_code";

/** Six digits are a code of an authenticator app; anything else is a recovery code. */
export interface TypedCode {
  kind: CodeKind;
  /** Without spaces and hyphens, in lower case. A recovery code has its hyphens again. */
  code: string;
}

export function readCode(typed: string): TypedCode {
  const code = typed.replace(/[\s-]/g, "").toLowerCase();
  if (/^\d{6}$/.test(code)) return { kind: "totp", code };
  return { kind: "recovery_code", code: code.replace(/.{4}(?!$)/g, "$&-") };
}

/** Checks a code without using it up. @returns null if it is wrong, or was used */
export function findCodeProof(
  services: Pick<Services, "db" | "keys" | "now" | "config" | "mail">,
  by: Actor,
  user: User,
  { kind, code }: TypedCode,
): Promise<Proof | null> {
  return kind === "totp" ? findTotpProof(services, user, code) : findRecoveryProof(services, by, user, code);
}

async function findTotpProof(
  { db, keys, now }: Pick<Services, "db" | "keys" | "now">,
  user: User,
  code: string,
): Promise<Proof | null> {
  const factor = await findTotp(db, user.id);
  const secret = factor && keys.factors.open(factor.secret, totpOwner(user));
  if (factor === null || secret === null) return null;
  const step = findTotpStep(secret, code, now(), factor.lastStep);
  if (step === null) return null;
  return { amr: "otp mfa", consume: (db) => consumeTotpStep(db, factor, step, now()) };
}

async function findRecoveryProof(
  services: Pick<Services, "db" | "keys" | "now" | "config" | "mail">,
  by: Actor,
  user: User,
  code: string,
): Promise<Proof | null> {
  const id = recoveryCodeId(user, code);
  if (!(await hasRecoveryCode(services.db, user.id, id))) return null;
  const consume = async (db: TransactionDb) => {
    if (!(await consumeRecoveryCode(db, user.id, id))) return false;
    await notify(db, services, by, user, "recovery_code_used");
    await recordBy(db, services, by, { kind: "recovery_code_used", subject: userSubject(user) });
    return true;
  };
  return { amr: "otp mfa", consume };
}
