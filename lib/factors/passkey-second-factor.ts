import { listPasskeys } from "../../db/passkeys.ts";
import { countPendingAttempt, deletePendingLogin } from "../../db/pending-logins.ts";
import { visitorActor } from "../audit/actor.ts";
import type { PendingContext } from "../context.ts";
import { Problem } from "../http/problem.ts";
import type { WithPasskeys } from "../pipeline/passkey-guards.ts";
import type { Reply } from "../pipeline/reply.ts";
import { json } from "../pipeline/responses.ts";
import type { PasskeyThrottled } from "../throttle/passkey-requests.ts";
import { createChallenge } from "../users/passkey-challenge.ts";
import { parseAssertion } from "../users/passkey-credential.ts";
import { requestOptions } from "../users/passkey-options.ts";
import { findPasskeyProof } from "../users/passkey-proof.ts";
import { answerLogin, completeLogin, MAX_ATTEMPTS } from "./second-factor.ts";

type Context = PendingContext & WithPasskeys & PasskeyThrottled;

/**
 * `POST /login/second-factor/passkey/options/`: 200 and the options for the user's passkeys. The password was checked, so
 * a security key that cannot check the user will do.
 *
 * @throws Problem not_found if the user has no passkey; throttled
 */
export async function passkeyFactorOptions(context: Context): Promise<Reply> {
  await context.countPasskeyRequest();
  const { login, credentials } = context.pending;
  const passkeys = await listPasskeys(context.services.db, credentials.user.id);
  if (passkeys.length === 0) throw new Problem("not_found");
  const owner = { subject: login.id, userId: login.userId };
  const challenge = await createChallenge(context.services, visitorActor(context), "passkey_factor", owner);
  return json(context, requestOptions(context.relyingParty, challenge, passkeys, "preferred"));
}

/**
 * `POST /login/second-factor/passkey/` with `credential`: 202 and the cookies, as `POST /login/`.
 *
 * @throws Problem passkey_rejected, whatever is wrong; login_expired after five wrong passkeys or codes; throttled
 */
export async function passkeyFactor(context: Context): Promise<Reply> {
  await context.countPasskeyRequest();
  const { services, pending, relyingParty } = context;
  const { user } = pending.credentials;
  const sent = parseAssertion(await context.data());
  const count = await countPendingAttempt(services.db, pending.login.id, services.now(), MAX_ATTEMPTS);
  if (count === null) throw new Problem("login_expired");
  const owner = { subject: pending.login.id, userId: user.id };
  const demand = { relyingParty, purpose: "passkey_factor", owner } as const;
  const proof = sent && (await findPasskeyProof(services, visitorActor(context), sent, demand));
  const cookies =
    proof && (await completeLogin(context, { ...proof, amr: "pop mfa" }, await context.passkeyAttempt(user)));
  if (cookies === null) {
    if (count >= MAX_ATTEMPTS) await deletePendingLogin(services.db, pending.login.id);
    await context.recordRejected(user, "second_factor_failed");
    throw new Problem("passkey_rejected");
  }
  return answerLogin(context, user, cookies);
}
