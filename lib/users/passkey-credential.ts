import type { Data } from "../http/body.ts";
import { parseJson } from "../http/json.ts";

// The JSON of a credential (WebAuthn Level 3 §5.1, `toJSON`), as a browser sends it. A client may send anything.

/** WebAuthn Level 3 §4: a credential id has at most 1023 bytes. */
const MAX_ID_CHARACTERS = Math.ceil((1023 * 4) / 3);

/** Of all texts together. An attestation with its certificates has some 5 KB. */
const MAX_CHARACTERS = 32_768;

/** 32 bytes in base64url. */
const CHALLENGE = /^[\w-]{43}$/;

/** What a new passkey says of itself, unverified. */
export interface SentRegistration {
  id: string;
  clientDataJSON: string;
  attestationObject: string;
  transports: string[];
  /** In base64url, from the client data. */
  challenge: string;
}

/** The proof of a passkey, unverified. */
export interface SentAssertion {
  id: string;
  clientDataJSON: string;
  authenticatorData: string;
  signature: string;
  /** Null if the passkey does not know its user. */
  userHandle: string | null;
  /** In base64url, from the client data. */
  challenge: string;
}

/** @returns null if the `credential` in the data has another shape */
export function parseRegistration(data: Data): SentRegistration | null {
  const { id, response } = openCredential(data) ?? {};
  const clientDataJSON = readBase64(member(response, "clientDataJSON"));
  const attestationObject = readBase64(member(response, "attestationObject"));
  if (id === undefined || clientDataJSON === null || attestationObject === null) return null;
  const challenge = readChallenge(clientDataJSON);
  if (challenge === null || isTooLong(clientDataJSON, attestationObject)) return null;
  return { id, clientDataJSON, attestationObject, transports: readTransports(response), challenge };
}

/** @returns null if the `credential` in the data has another shape */
export function parseAssertion(data: Data): SentAssertion | null {
  const { id, response } = openCredential(data) ?? {};
  const clientDataJSON = readBase64(member(response, "clientDataJSON"));
  const authenticatorData = readBase64(member(response, "authenticatorData"));
  const signature = readBase64(member(response, "signature"));
  if (id === undefined || clientDataJSON === null || authenticatorData === null || signature === null) return null;
  const handle = member(response, "userHandle") ?? null;
  const userHandle = readBase64(handle);
  if (handle !== null && userHandle === null) return null;
  const challenge = readChallenge(clientDataJSON);
  if (challenge === null || isTooLong(clientDataJSON, authenticatorData, signature, userHandle ?? "")) return null;
  return { id, clientDataJSON, authenticatorData, signature, userHandle, challenge };
}

function openCredential(data: Data): { id: string; response: unknown } | null {
  const credential = data.kind === "json" ? member(data.value, "credential") : null;
  const id = readBase64(member(credential, "id"));
  if (id === null || id.length > MAX_ID_CHARACTERS || member(credential, "rawId") !== id) return null;
  return member(credential, "type") === "public-key" ? { id, response: member(credential, "response") } : null;
}

function isTooLong(...texts: string[]): boolean {
  return texts.reduce((total, { length }) => total + length, 0) > MAX_CHARACTERS;
}

/**
 * The challenge in the client data (WebAuthn Level 3 §5.8.1). None of our pages is in a frame of another site, so a proof
 * from there is denied: the person may not know its purpose.
 */
function readChallenge(clientDataJSON: string): string | null {
  if (isTooLong(clientDataJSON)) return null;
  const parsed = parseJson(Buffer.from(clientDataJSON, "base64url").toString());
  const clientData = parsed.ok ? parsed.value : null;
  const challenge = member(clientData, "challenge");
  if (member(clientData, "crossOrigin") === true || member(clientData, "topOrigin") !== undefined) return null;
  return typeof challenge === "string" && CHALLENGE.test(challenge) ? challenge : null;
}

/** Those that look like the names of WebAuthn Level 3 §5.8.4. A list of another shape counts as empty. */
function readTransports(response: unknown): string[] {
  const sent = member(response, "transports");
  if (!Array.isArray(sent)) return [];
  const names = sent.filter((name: unknown) => typeof name === "string" && /^[a-z][a-z-]{0,19}$/.test(name));
  return [...new Set<string>(names)].slice(0, 8);
}

function readBase64(value: unknown): string | null {
  return typeof value === "string" && /^[\w-]+$/.test(value) ? value : null;
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
}
