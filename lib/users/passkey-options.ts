import type { Passkey } from "../../db/passkeys.ts";
import type { User } from "../../db/users.ts";
import type { RelyingParty } from "../pipeline/relying-party.ts";
import { CHALLENGE_MS } from "./passkey-challenge.ts";
import { ALGORITHMS } from "./webauthn.ts";

// What a page gives to the browser, in the JSON of WebAuthn Level 3 §5.1 (`parseRequestOptionsFromJSON`).

/** @param passkeys those that may answer; empty for any that the browser finds for this site */
export function requestOptions(
  { id }: RelyingParty,
  challenge: string,
  passkeys: readonly Passkey[],
  userVerification: "required" | "preferred",
): Record<string, unknown> {
  const allowed = passkeys.length === 0 ? {} : { allowCredentials: passkeys.map(describeCredential) };
  return { challenge, timeout: CHALLENGE_MS, rpId: id, ...allowed, userVerification };
}

/**
 * The options of a new passkey. Only a discoverable one (`residentKey`) can log in without a password. A security key
 * without room for it becomes a second factor.
 */
export function creationOptions(
  { id }: RelyingParty,
  challenge: string,
  { user, siteName, userHandle, passkeys }: { user: User; siteName: string; userHandle: string; passkeys: Passkey[] },
): Record<string, unknown> {
  return {
    rp: { id, name: siteName },
    user: { id: userHandle, ...namesOf(user) },
    challenge,
    pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: "public-key", alg })),
    timeout: CHALLENGE_MS,
    excludeCredentials: passkeys.map(describeCredential),
    authenticatorSelection: { residentKey: "preferred", requireResidentKey: false, userVerification: "preferred" },
    attestation: "none",
    extensions: { credProps: true },
  };
}

/** What a password manager may learn of a user's passkeys (WebAuthn Level 3 §5.1.10), so that it offers no others. */
export function passkeySignals({ id }: RelyingParty, user: User, passkeys: readonly Passkey[]) {
  return {
    rpId: id,
    userId: passkeys[0]?.userHandle ?? null,
    allAcceptedCredentialIds: passkeys.map(({ id }) => id),
    ...namesOf(user),
  };
}

/** As a password manager shows the user. */
function namesOf({ username, firstName, lastName }: User): { name: string; displayName: string } {
  return { name: username, displayName: `${firstName} ${lastName}`.trim() || username };
}

function describeCredential({ id, transports }: Passkey): Record<string, unknown> {
  return { type: "public-key", id, ...(transports.length === 0 ? {} : { transports }) };
}
