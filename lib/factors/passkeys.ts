import { findToken } from "../../db/one-time-tokens.ts";
import { listPasskeys, type Passkey } from "../../db/passkeys.ts";
import { sessionActor } from "../audit/actor.ts";
import type { UserContext } from "../context.ts";
import { readChanges, readFields, type TextField } from "../http/fields.ts";
import { Problem } from "../http/problem.ts";
import type { PasskeyProps } from "../pages/passkeys.ts";
import { redirectDone, wantsPage } from "../pipeline/page-responses.ts";
import type { WithPasskeys } from "../pipeline/passkey-guards.ts";
import type { Reply } from "../pipeline/reply.ts";
import { empty, json, redirect } from "../pipeline/responses.ts";
import { authorizedData } from "../session/authorized.ts";
import { provenSession } from "../session/session.ts";
import { describeDevice, readDevice, userAgentOf } from "../session/user-agent.ts";
import type { PasskeyThrottled } from "../throttle/passkey-requests.ts";
import { challengeId, createChallenge, randomBase64 } from "../users/passkey-challenge.ts";
import { parseRegistration } from "../users/passkey-credential.ts";
import { creationOptions } from "../users/passkey-options.ts";
import { addPasskey, MAX_PASSKEYS, passkeyName, removePasskey, renamePasskey } from "../users/passkeys.ts";
import { verifyRegistration } from "../users/webauthn.ts";

/** WebAuthn Level 3 §4 allows 64 bytes. 32 random ones are no two users' (§14.6.1). */
const USER_HANDLE_BYTES = 32;

/** Of the name that a user gives to a passkey. */
export const MAX_NAME_CHARACTERS = 64;

const NAME: TextField = { trim: true, maxCharacters: MAX_NAME_CHARACTERS };

type Context = UserContext & WithPasskeys & PasskeyThrottled;

/** `GET /security/passkeys/`: the user's passkeys, the oldest first. There are 20 at most. For a browser they are a part of a page. */
export async function passkeys(context: UserContext): Promise<Reply> {
  if (wantsPage(context)) return redirect("/security/");
  return json(
    context,
    (await listPasskeys(context.services.db, context.auth.user.id)).map(passkeyProps).map(passkeyToJson),
  );
}

/** `POST /security/passkeys/options/`: 200 and the options of a new passkey. @throws Problem too_many_passkeys, throttled */
export async function newPasskeyOptions(context: Context): Promise<Reply> {
  await context.countPasskeyRequest();
  const { services, auth, relyingParty } = context;
  const { user, session } = auth;
  const own = await listPasskeys(services.db, user.id);
  if (own.length >= MAX_PASSKEYS) throw new Problem("too_many_passkeys", { limit: MAX_PASSKEYS });
  const userHandle = own[0]?.userHandle ?? randomBase64(USER_HANDLE_BYTES);
  const owner = { subject: session.id, userId: user.id, facts: userHandle };
  const challenge = await createChallenge(services, sessionActor(context), "passkey_setup", owner);
  const { siteName } = services.config;
  return json(context, creationOptions(relyingParty, challenge, { user, siteName, userHandle, passkeys: own }));
}

/**
 * `POST /security/passkeys/` with `credential` and perhaps `name`: 201 and the passkey. The session goes on under a new
 * token, and has proved the passkey. If the user had no recovery codes,
 * `recovery_codes` has them, this once.
 *
 * @throws Problem invalid, passkey_rejected, too_many_passkeys, throttled
 */
export async function createPasskey(context: Context): Promise<Reply> {
  await context.countPasskeyRequest();
  const { services, relyingParty, request } = context;
  const data = await authorizedData(context);
  const { name } = data.kind === "json" ? readChanges(data, { name: { ...NAME, mayBeBlank: true } }) : {};
  const sent = parseRegistration(data);
  const stored = sent && (await findToken(services.db, "passkey_setup", challengeId(sent.challenge), services.now()));
  const verified = sent && stored && (await verifyRegistration(sent, relyingParty));
  if (!verified) throw new Problem("passkey_rejected");
  const { challenge, transports } = sent;
  const label = name || defaultName(request);
  const registered = { ...verified, challenge, transports, userHandle: stored.facts, name: label };
  const { store, cookies } = provenSession(context, "pop");
  const { passkey, recoveryCodes } = await addPasskey(services, sessionActor(context), registered, store);
  const answer = { ...passkeyToJson(passkeyProps(passkey)), recovery_codes: recoveryCodes };
  return { ...json(context, answer, 201), cookies };
}

/** Such as `Firefox on Linux`, as long as a name may be. */
function defaultName(request: Request): string {
  return describeDevice(readDevice(userAgentOf(request)))?.slice(0, MAX_NAME_CHARACTERS) || "Passkey";
}

/** `PATCH /security/passkeys/:id/` with `name`: 200 and the passkey. @throws Problem invalid, not_found */
export async function editPasskey(context: UserContext): Promise<Reply> {
  const { name } = readFields(await authorizedData(context), { name: NAME });
  const id = context.parameters["id"] ?? "";
  const passkey = await renamePasskey(context.services, sessionActor(context), id, name);
  if (passkey === null) throw new Problem("not_found");
  return wantsPage(context)
    ? redirectDone("/security/", "passkeyName")
    : json(context, passkeyToJson(passkeyProps(passkey)));
}

/** `DELETE /security/passkeys/:id/`: 204, and the passkey proves nothing any more. @throws Problem not_found */
export async function deletePasskey(context: UserContext): Promise<Reply> {
  const isRemoved = await removePasskey(context.services, sessionActor(context), context.parameters["id"] ?? "");
  if (!isRemoved) throw new Problem("not_found");
  return wantsPage(context) ? redirectDone("/security/", "passkey") : empty(204);
}

/** A passkey, as pages and programs see it. */
export function passkeyProps(passkey: Passkey): PasskeyProps {
  const { name, createdAt, lastUsedAt, isBackedUp } = passkey;
  return { id: passkeyName(passkey), name, createdAt, lastUsedAt, isBackedUp };
}

/** Instants as Django REST Framework writes them: ISO 8601, in UTC. */
export function passkeyToJson({ id, name, createdAt, lastUsedAt, isBackedUp }: PasskeyProps): Record<string, unknown> {
  return {
    id,
    name,
    created_at: new Date(createdAt).toISOString(),
    last_used_at: lastUsedAt === null ? null : new Date(lastUsedAt).toISOString(),
    is_backed_up: isBackedUp,
  };
}
