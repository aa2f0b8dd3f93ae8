import { type FactorSummary, summarizeFactors } from "../../db/factors.ts";
import { findCredentialsOf, type User } from "../../db/users.ts";
import type { Arrival } from "../context.ts";
import type { ProofMethod } from "../http/problem.ts";
import { readHash } from "../passwords/django-hash.ts";
import { relyingPartyOf } from "../pipeline/relying-party.ts";
import type { Services } from "../services.ts";
import { totpOwner } from "./totp.ts";

/** The second factors that a user can log in with, the most usual first. Empty if none works any more. */
export async function factorMethods(context: Pick<Arrival, "services" | "client">, user: User): Promise<ProofMethod[]> {
  const factors = await summarizeFactors(context.services.db, user.id);
  const methods: ProofMethod[] = [];
  if (opensTotp(context.services, user, factors)) methods.push("totp");
  if (factors.passkeys > 0 && relyingPartyOf(context) !== null) methods.push("passkey");
  if (factors.recoveryCodes > 0) methods.push("recovery_code");
  return methods;
}

/** The ways in which a user who is logged in can prove to be present. Empty if none works any more. */
export async function proofMethods(context: Pick<Arrival, "services" | "client">, user: User): Promise<ProofMethod[]> {
  const credentials = await findCredentialsOf(context.services.db, user.id);
  const byPassword: ProofMethod[] = readHash(credentials?.password ?? "") === null ? [] : ["password"];
  return [...byPassword, ...(await secondFactorProofs(context, user))];
}

/** Those of them that are a second factor. A recovery code is for the login alone. */
export async function secondFactorProofs(
  context: Pick<Arrival, "services" | "client">,
  user: User,
): Promise<ProofMethod[]> {
  if (!user.hasSecondFactor) return [];
  return (await factorMethods(context, user)).filter((method) => method !== "recovery_code");
}

/** False also if the secret key that sealed it is lost. */
function opensTotp({ keys }: Pick<Services, "keys">, user: User, { totpSecret }: FactorSummary): boolean {
  return totpSecret !== null && keys.factors.open(totpSecret, totpOwner(user)) !== null;
}
