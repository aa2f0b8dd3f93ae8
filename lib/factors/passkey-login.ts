import { findPasskey } from "../../db/passkeys.ts";
import { findCredentialsOf, type User } from "../../db/users.ts";
import { visitorActor } from "../audit/actor.ts";
import type { Authenticated } from "../context.ts";
import { Problem } from "../http/problem.ts";
import type { WithPasskeys } from "../pipeline/passkey-guards.ts";
import type { Reply } from "../pipeline/reply.ts";
import { empty, json } from "../pipeline/responses.ts";
import { createSession } from "../session/session.ts";
import type { PasskeyThrottled } from "../throttle/passkey-requests.ts";
import { anyPlace, createChallenge } from "../users/passkey-challenge.ts";
import { parseAssertion, type SentAssertion } from "../users/passkey-credential.ts";
import { requestOptions } from "../users/passkey-options.ts";
import { findPasskeyProof } from "../users/passkey-proof.ts";

type Context = Authenticated & WithPasskeys & PasskeyThrottled;

/** `POST /login/passkey/options/`: 200 and the options for any passkey of this site, with which the user is checked too. */
export async function passkeyLoginOptions(context: Context): Promise<Reply> {
  await context.countPasskeyRequest();
  const owner = { subject: anyPlace(), userId: null };
  const challenge = await createChallenge(context.services, visitorActor(context), "passkey_login", owner);
  return json(context, requestOptions(context.relyingParty, challenge, [], "required"));
}

/**
 * `POST /login/passkey/` with `credential`: 202 and the cookies, as `POST /login/`. The passkey is both factors.
 *
 * @throws Problem passkey_rejected, whatever is wrong with the passkey or its user; passkey_unknown if there is none of
 *   this id, so that the browser can forget it; throttled
 */
export async function passkeyLogin(context: Context): Promise<Reply> {
  await context.countPasskeyRequest();
  const sent = parseAssertion(await context.data());
  const { user, cookies } = sent === null ? REJECTED : await logIn(context, sent);
  if (user === null || cookies === null) {
    await context.recordRejected(user, "login_failed");
    const isUnknown = sent !== null && (await findPasskey(context.services.db, sent.id)) === null;
    throw new Problem(isUnknown ? "passkey_unknown" : "passkey_rejected");
  }
  return empty(202, { cookies, loggedInUserId: user.id });
}

/** `cookies` are null if the user is not logged in; `user` is null if the passkey has not proved to be the user's. */
type Outcome = { user: User | null; cookies: string[] | null };

const REJECTED: Outcome = { user: null, cookies: null };

async function logIn(context: Context, sent: SentAssertion): Promise<Outcome> {
  const { services, relyingParty } = context;
  const demand = { relyingParty, purpose: "passkey_login", owner: null } as const;
  const proof = await findPasskeyProof(services, visitorActor(context), sent, demand);
  const credentials = proof && (await findCredentialsOf(services.db, proof.userId));
  if (proof === null || credentials === null) return REJECTED;
  const { user } = credentials;
  const attempt = await context.passkeyAttempt(user);
  const cookies = await createSession(context, credentials, { attempt, amr: proof.amr, consume: proof.consume });
  return { user, cookies };
}
