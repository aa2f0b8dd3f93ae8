import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { ORIGIN } from "./test-app.ts";

// A software authenticator and the browser around it, as WebAuthn Level 3 describes them, without attestation.

/** What a test changes to attack. */
export interface Forgery {
  origin: string;
  rpId: string;
  challenge: string;
  type: string;
  /** Further members of the client data. */
  clientData: Record<string, unknown>;
  /** See `FLAGS`. */
  flags: number;
  signCount: number;
  userHandle: string | null;
  credentialId: Buffer;
  publicKey: Buffer;
  /** Takes the place of the whole attestation object. */
  attestationObject: Buffer;
  format: { name: string; statement: Buffer };
}

/** WebAuthn Level 3 §6.1. */
export const FLAGS = { present: 1, verified: 4, backupEligible: 8, backedUp: 16, attested: 64 };

export interface Authenticator {
  /** The credential id, in base64url. */
  id: string;
  /** Before the next signature. */
  signCount: number;
  /** The JSON of a new passkey. @param options those of the server */
  create: (options: unknown, forgery?: Partial<Forgery>) => Record<string, unknown>;
  /** The JSON of a proof. */
  get: (options: unknown, forgery?: Partial<Forgery>) => Record<string, unknown>;
}

/**
 * @param origin of the page that uses it
 * @param algorithm of its key
 * @param isCounting whether it counts its signatures, as security keys do
 * @param isVerifying whether it checks its user
 */
export function createAuthenticator({
  origin = ORIGIN,
  algorithm = "ES256",
  isCounting = true,
  isVerifying = true,
}: {
  origin?: string;
  algorithm?: Algorithm;
  isCounting?: boolean;
  isVerifying?: boolean;
} = {}): Authenticator {
  const { publicKey, privateKey } = generateKey(algorithm);
  const credentialId = Buffer.from(crypto.getRandomValues(new Uint8Array(32)));
  const flags = FLAGS.present | (isVerifying ? FLAGS.verified : 0);
  let userHandle: string | null = null;
  const authenticator: Authenticator = {
    id: credentialId.toString("base64url"),
    signCount: 0,
    create: (options, forgery = {}) => {
      userHandle = text(options, "user", "id");
      const key = forgery.publicKey ?? coseKey(publicKey);
      const id = forgery.credentialId ?? credentialId;
      const attested = Buffer.concat([Buffer.alloc(16), uint(id.length, 2), id, key]);
      const head = authenticatorHead(
        text(options, "rp", "id"),
        flags | FLAGS.attested,
        authenticator.signCount,
        forgery,
      );
      const { name, statement } = forgery.format ?? { name: "none", statement: Buffer.of(0xa0) };
      const members = [cborText("fmt"), cborText(name), cborText("attStmt"), statement, cborText("authData")];
      const object = Buffer.concat([Buffer.of(0xa3), ...members, cborBytes(Buffer.concat([head, attested]))]);
      const clientDataJSON = clientData("webauthn.create", options, { origin, ...forgery });
      const attestationObject = (forgery.attestationObject ?? object).toString("base64url");
      return credential(id, { clientDataJSON, attestationObject, transports: ["internal", "usb"] });
    },
    get: (options, forgery = {}) => {
      if (isCounting) authenticator.signCount += 1;
      const head = authenticatorHead(text(options, "rpId"), flags, authenticator.signCount, forgery);
      const clientDataJSON = clientData("webauthn.get", options, { origin, ...forgery });
      const signature = signWith(privateKey, head, clientDataJSON);
      const handle = forgery.userHandle === undefined ? userHandle : forgery.userHandle;
      const response = { clientDataJSON, authenticatorData: head.toString("base64url"), signature, userHandle: handle };
      return credential(forgery.credentialId ?? credentialId, response);
    },
  };
  return authenticator;
}

export type Algorithm = "ES256" | "EdDSA" | "RS256";

function generateKey(algorithm: Algorithm): { publicKey: KeyObject; privateKey: KeyObject } {
  if (algorithm === "EdDSA") return generateKeyPairSync("ed25519");
  if (algorithm === "RS256") return generateKeyPairSync("rsa", { modulusLength: 2048 });
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

function credential(id: Buffer, response: Record<string, unknown>): Record<string, unknown> {
  const name = id.toString("base64url");
  return { id: name, rawId: name, type: "public-key", response, clientExtensionResults: {} };
}

function clientData(type: string, options: unknown, forgery: Partial<Forgery>): string {
  const { challenge = text(options, "challenge"), origin = ORIGIN } = forgery;
  const members = { type: forgery.type ?? type, challenge, origin, crossOrigin: false, ...forgery.clientData };
  return Buffer.from(JSON.stringify(members)).toString("base64url");
}

function authenticatorHead(rpId: string, flags: number, signCount: number, forgery: Partial<Forgery>): Buffer {
  const rpIdHash = sha256(Buffer.from(forgery.rpId ?? rpId));
  return Buffer.concat([rpIdHash, Buffer.of(forgery.flags ?? flags), uint(forgery.signCount ?? signCount, 4)]);
}

function signWith(key: KeyObject, head: Buffer, clientDataJSON: string): string {
  const signed = Buffer.concat([head, sha256(Buffer.from(clientDataJSON, "base64url"))]);
  return sign(key.asymmetricKeyType === "ed25519" ? null : "sha256", signed, key).toString("base64url");
}

/** A key of ES256 or EdDSA (RFC 9053 §7), or of RS256 (RFC 8230 §4). */
export function coseKey(publicKey: KeyObject, algorithm = 0x26): Buffer {
  const { kty, x = "", y = "", n = "" } = publicKey.export({ format: "jwk" });
  if (kty === "OKP") {
    const head = Buffer.of(0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21);
    return Buffer.concat([head, cborBytes(Buffer.from(x, "base64url"))]);
  }
  if (kty === "RSA") {
    const head = Buffer.of(0xa4, 0x01, 0x03, 0x03, 0x39, 0x01, 0x00, 0x20);
    return Buffer.concat([head, cborBytes(Buffer.from(n, "base64url")), Buffer.of(0x21, 0x43, 0x01, 0x00, 0x01)]);
  }
  const [xBytes, yBytes] = [Buffer.from(x, "base64url"), Buffer.from(y, "base64url")];
  const head = Buffer.of(0xa5, 0x01, 0x02, 0x03, algorithm, 0x20, 0x01);
  return Buffer.concat([head, Buffer.of(0x21), cborBytes(xBytes), Buffer.of(0x22), cborBytes(yBytes)]);
}

/** CBOR (RFC 8949 §3.1). */
export function cborText(value: string): Buffer {
  return Buffer.concat([Buffer.of(0x60 + value.length), Buffer.from(value)]);
}

export function cborBytes(bytes: Buffer): Buffer {
  const head =
    bytes.length < 256 ? Buffer.of(0x58, bytes.length) : Buffer.concat([Buffer.of(0x59), uint(bytes.length, 2)]);
  return Buffer.concat([head, bytes]);
}

function uint(value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}

function sha256(bytes: Buffer): Buffer {
  return createHash("sha256").update(bytes).digest();
}

/** A text in the server's options. */
function text(options: unknown, ...path: string[]): string {
  const value = path.reduce<unknown>(
    (inner, name) => (typeof inner === "object" && inner !== null ? Reflect.get(inner, name) : undefined),
    options,
  );
  if (typeof value !== "string") throw new Error(`the options have no ${path.join(".")}: ${JSON.stringify(options)}`);
  return value;
}
