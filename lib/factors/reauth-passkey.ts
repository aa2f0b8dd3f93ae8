import { listPasskeys } from "../../db/passkeys.ts";
import { sessionActor } from "../audit/actor.ts";
import type { UserContext } from "../context.ts";
import { Problem } from "../http/problem.ts";
import type { WithPasskeys } from "../pipeline/passkey-guards.ts";
import type { Reply } from "../pipeline/reply.ts";
import { empty, json } from "../pipeline/responses.ts";
import { authorizedData } from "../session/authorized.ts";
import { renewProof } from "../session/session.ts";
import type { PasskeyThrottled } from "../throttle/passkey-requests.ts";
import { createChallenge } from "../users/passkey-challenge.ts";
import { parseAssertion } from "../users/passkey-credential.ts";
import { requestOptions } from "../users/passkey-options.ts";
import { findPasskeyProof } from "../users/passkey-proof.ts";

type Context = UserContext & WithPasskeys & PasskeyThrottled;

/** `POST /reauth/passkey/options/`: 200 and the options for the user's passkeys. @throws Problem not_found if there is none; throttled */
export async function reauthPasskeyOptions(context: Context): Promise<Reply> {
  await context.countPasskeyRequest();
  const { services, auth, relyingParty } = context;
  const passkeys = await listPasskeys(services.db, auth.user.id);
  if (passkeys.length === 0) throw new Problem("not_found");
  const owner = { subject: auth.session.id, userId: auth.user.id };
  const challenge = await createChallenge(services, sessionActor(context), "passkey_proof", owner);
  return json(context, requestOptions(relyingParty, challenge, passkeys, "preferred"));
}

/**
 * `POST /reauth/passkey/` with `credential`: 204 and the session goes on under new cookies.
 *
 * @throws Problem passkey_rejected, not_authenticated, throttled
 */
export async function reauthPasskey(context: Context): Promise<Reply> {
  await context.countPasskeyRequest();
  const { services, auth, relyingParty } = context;
  const sent = parseAssertion(await authorizedData(context));
  const owner = { subject: auth.session.id, userId: auth.user.id };
  const demand = { relyingParty, purpose: "passkey_proof", owner } as const;
  const proof = sent && (await findPasskeyProof(services, sessionActor(context), sent, demand));
  const cookies = proof && (await renewProof(context, proof.amr, proof.consume));
  if (cookies === null) {
    await context.recordRejected(auth.user, "second_factor_failed");
    throw new Problem("passkey_rejected");
  }
  return empty(204, { cookies });
}
