import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";

/** NIST SP 800-107r1 §5.3.4: a key for HMAC-SHA-256 needs no more than the length of the hash. */
const KEY_BYTES = 32;

/** 32 bytes in base64url without padding (RFC 4648 §5). */
const KEY_TEXT = /^[A-Za-z0-9_-]{43}$/;

/** The secrets that other keys are derived from. The first one signs, all of them verify: that is rotation. */
export type SecretKeys = readonly Uint8Array[];

/** @returns the keys of a list with commas, null if any of them is malformed, and never an empty list */
export function parseSecretKeys(text: string): SecretKeys | null {
  const keys = text.split(",").map((part) => parseKey(part.trim()));
  return keys.every((key) => key !== null) ? keys : null;
}

function parseKey(text: string): Uint8Array | null {
  if (!KEY_TEXT.test(text)) return null;
  const bytes = Buffer.from(text, "base64url");
  // The last character holds 4 bits: several texts would name one key.
  return bytes.length === KEY_BYTES && bytes.toString("base64url") === text ? bytes : null;
}

/** A new random key, as POSTERN_SECRET_KEY holds it. */
export function generateSecretKey(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(KEY_BYTES))).toString("base64url");
}

/** Every key that the server works with. Each has one purpose, so that no use of one tells about another. */
export interface Keys {
  /** Signs the audit trail. */
  audit: MacKey;
}

/** Signs lists of values, and verifies what any of the secret keys has signed. */
export interface MacKey {
  /** @returns the name of the key and the MAC, hex, with a dot between them */
  sign: (fields: readonly (string | number)[]) => string;
  verify: (fields: readonly (string | number)[], mac: string) => boolean;
  /** Whether one of the secret keys has the name that a MAC begins with. That does not prove the MAC. */
  knows: (mac: string) => boolean;
}

export function deriveKeys(secrets: SecretKeys): Keys {
  return { audit: createMacKey(secrets, "audit trail MAC") };
}

/** RFC 5869. The purpose is the `info`: keys for two purposes are independent of each other. */
function deriveKey(secret: Uint8Array, purpose: string): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, "", `postern v1 ${purpose}`, KEY_BYTES));
}

const NAME_DIGITS = 8;

function createMacKey(secrets: SecretKeys, purpose: string): MacKey {
  const keys = secrets.map((secret) => ({
    // Public, and derived apart: it tells nothing about the key.
    name: deriveKey(secret, `${purpose}, name`).toString("hex").slice(0, NAME_DIGITS),
    key: deriveKey(secret, purpose),
  }));
  const [signing] = keys;
  if (signing === undefined) throw new Error("no secret key");
  const find = (mac: string) => keys.filter(({ name }) => mac.startsWith(`${name}.`));
  return {
    sign: (fields) => `${signing.name}.${computeMac(signing.key, fields).toString("hex")}`,
    verify: (fields, mac) =>
      find(mac).some(({ key }) => {
        const given = Buffer.from(mac.slice(NAME_DIGITS + 1), "hex");
        const right = computeMac(key, fields);
        return given.length === right.length && timingSafeEqual(given, right);
      }),
    knows: (mac) => find(mac).length > 0,
  };
}

/** JSON keeps the fields apart, and texts from numbers: no two lists have one encoding. */
function computeMac(key: Buffer, fields: readonly (string | number)[]): Buffer {
  return createHmac("sha256", key).update(JSON.stringify(fields)).digest();
}
