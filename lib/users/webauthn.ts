import type { WebAuthnCredential } from "@simplewebauthn/server";
import type { Passkey } from "../../db/passkeys.ts";
import type { RelyingParty } from "../pipeline/relying-party.ts";
import type { SentAssertion, SentRegistration } from "./passkey-credential.ts";

// The checks of WebAuthn Level 3 §7 are the library's. It is loaded at the first passkey: a start costs nothing. It throws
// for each check that fails, and for malformed bytes.

/** EdDSA, ES256 and RS256 (IANA, COSE Algorithms), each with its type of key. A browser takes the first that it can. */
export const ALGORITHMS = [-8, -7, -257] as const;

/** In the map of a COSE key (RFC 9052 §7.1, RFC 9053 §7, RFC 8230 §4). */
const KEY_TYPE = 1;
const ALGORITHM = 3;
const CURVE_OR_MODULUS = -1;

/** An RSA key of 8192 bits has some 1,050. */
const MAX_PUBLIC_KEY_BYTES = 1100;

/** NIST SP 800-131A: an RSA key has at least 2048 bits. */
const MIN_MODULUS_BYTES = 256;

/** What a new passkey has proved about itself. */
export type VerifiedRegistration = Pick<Passkey, "id" | "publicKey" | "signCount" | "isBackupEligible" | "isBackedUp">;

/** What the proof of a passkey says. Its signature is right. */
export interface VerifiedAssertion {
  signCount: number;
  isBackupEligible: boolean;
  isBackedUp: boolean;
  /** Whether the authenticator has checked the user, by a PIN or a finger. If not, the user has touched it. */
  isUserVerified: boolean;
}

/**
 * Checks a new passkey. Postern asks for no attestation, so the statement is left out: the library would check
 * certificates that the client has made, and fetch the revocation lists that they name.
 *
 * @returns null if it is not accepted
 */
export async function verifyRegistration(
  sent: SentRegistration,
  { id: expectedRPID, origins: expectedOrigin }: RelyingParty,
): Promise<VerifiedRegistration | null> {
  const { verifyRegistrationResponse, decodeAttestationObject, decodeCredentialPublicKey } = await loadLibrary();
  try {
    const { id, clientDataJSON, challenge } = sent;
    const attested = decodeAttestationObject(Buffer.from(sent.attestationObject, "base64url"));
    const attestationObject = withoutStatement(attested.get("authData"));
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response: { ...credentialOf(id), response: { clientDataJSON, attestationObject } },
      expectedChallenge: challenge,
      expectedOrigin,
      expectedRPID,
      requireUserVerification: false,
      supportedAlgorithmIDs: [...ALGORITHMS],
    });
    if (!verified || registrationInfo.credential.id !== id) return null;
    const { publicKey, counter } = registrationInfo.credential;
    if (!isUsableKey(publicKey, decodeCredentialPublicKey(publicKey))) return null;
    return {
      id,
      publicKey: Buffer.from(publicKey).toString("base64url"),
      signCount: counter,
      isBackupEligible: registrationInfo.credentialDeviceType === "multiDevice",
      isBackedUp: registrationInfo.credentialBackedUp,
    };
  } catch {
    return null;
  }
}

/**
 * Checks the proof of a passkey, except for its counter: only if the signature is right, an old counter means something.
 *
 * @returns null if it is not accepted
 */
export async function verifyAssertion(
  { id, clientDataJSON, authenticatorData, signature, challenge }: SentAssertion,
  { publicKey }: Pick<Passkey, "publicKey">,
  { id: expectedRPID, origins: expectedOrigin }: RelyingParty,
): Promise<VerifiedAssertion | null> {
  const { verifyAuthenticationResponse } = await loadLibrary();
  const credential: WebAuthnCredential = {
    id,
    publicKey: new Uint8Array(Buffer.from(publicKey, "base64url")),
    counter: 0,
  };
  try {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: { ...credentialOf(id), response: { clientDataJSON, authenticatorData, signature } },
      expectedChallenge: challenge,
      expectedOrigin,
      expectedRPID,
      credential,
      requireUserVerification: false,
    });
    if (!verified) return null;
    return {
      signCount: authenticationInfo.newCounter,
      isBackupEligible: authenticationInfo.credentialDeviceType === "multiDevice",
      isBackedUp: authenticationInfo.credentialBackedUp,
      isUserVerified: authenticationInfo.userVerified,
    };
  } catch {
    return null;
  }
}

/** In the binary, the library's own import of the polyfill comes too late for its certificates. */
async function loadLibrary() {
  await import("reflect-metadata");
  return { ...(await import("@simplewebauthn/server")), ...(await import("@simplewebauthn/server/helpers")) };
}

function credentialOf(id: string) {
  return { id, rawId: id, type: "public-key", clientExtensionResults: {} } as const;
}

/** `{"fmt": "none", "attStmt": {}, "authData": …}` in CBOR (RFC 8949), in base64url. */
function withoutStatement(authData: Uint8Array): string {
  const text = (value: string) => Buffer.concat([Buffer.of(0x60 + value.length), Buffer.from(value)]);
  const length = Buffer.of(0x59, authData.length >> 8, authData.length & 0xff);
  const members = [text("fmt"), text("none"), text("attStmt"), Buffer.of(0xa0), text("authData"), length, authData];
  return Buffer.concat([Buffer.of(0xa3), ...members]).toString("base64url");
}

/** Whether the key is of the type of its algorithm. If not, the passkey could never prove anything. */
function isUsableKey({ length }: Uint8Array, key: { get: (label: never) => unknown }): boolean {
  if (length > MAX_PUBLIC_KEY_BYTES) return false;
  const [type, algorithm, parameter] = [KEY_TYPE, ALGORITHM, CURVE_OR_MODULUS].map((label) => key.get(label as never));
  if (algorithm === -8) return type === 1 && parameter === 6;
  if (algorithm === -7) return type === 2 && parameter === 1;
  return type === 3 && parameter instanceof Uint8Array && parameter.length >= MIN_MODULUS_BYTES;
}
