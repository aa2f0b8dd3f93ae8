import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { createSealKey, type SealKey } from "./seal.ts";
import { deriveSigningKeys, type SigningKeys } from "./signing-keys.ts";
import { encodeToken } from "./token.ts";

/** NIST SP 800-107r1 §5.3.4: a key longer than the hash adds no strength to an HMAC. */
const KEY_BYTES = 32;

/** 32 bytes in base64url without padding (RFC 4648 §5). */
const KEY_TEXT = /^[A-Za-z0-9_-]{43}$/;

/** All other keys are derived from these. For rotation, the first one signs and every one verifies. Never empty. */
export type SecretKeys = readonly Uint8Array[];

/** Parses keys separated by commas. @returns null if one is malformed */
export function parseSecretKeys(text: string): SecretKeys | null {
  const keys = text.split(",").map((part) => parseKey(part.trim()));
  return keys.every((key) => key !== null) ? keys : null;
}

function parseKey(text: string): Uint8Array | null {
  if (!KEY_TEXT.test(text)) return null;
  const bytes = Buffer.from(text, "base64url");
  // 43 characters hold 258 bits. If the last 2 bits are not zero, the text is a second spelling of a key.
  return bytes.length === KEY_BYTES && bytes.toString("base64url") === text ? bytes : null;
}

/** A random key in the format of POSTERN_SECRET_KEY. */
export function generateSecretKey(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(KEY_BYTES))).toString("base64url");
}

/** The derived keys. Each serves one purpose (NIST SP 800-57 Part 1 §5.2). */
export interface Keys {
  /** Signs the audit trail. */
  audit: MacKey;
  /** Signs identity assertions. */
  assertion: SigningKeys;
  /** Derives the tokens of the links in mails. */
  mail: LinkKey;
  /** Seals the secrets of authenticator apps. */
  factors: SealKey;
}

/** Derives the secret of a link from the id of its mail. So a mail that is sent twice has the same link. */
export interface LinkKey {
  /** @returns a token by each secret key, the current one first: 32 characters `[a-z2-7]`, 160 bits */
  tokens: (mailId: string) => string[];
}

/** Signs with the first secret key, verifies with all of them. */
export interface MacKey {
  /** @returns `name.mac`: the name of the key, and the MAC in hex */
  sign: (fields: readonly (string | number)[]) => string;
  verify: (fields: readonly (string | number)[], mac: string) => boolean;
  /** Whether a secret key has the name in the MAC. Does not verify the MAC. */
  knows: (mac: string) => boolean;
  /** Whether the first secret key has the name in the MAC. */
  isCurrent: (mac: string) => boolean;
}

export function deriveKeys(secrets: SecretKeys): Keys {
  return {
    audit: createMacKey(secrets, "audit trail MAC"),
    assertion: deriveSigningKeys(secrets.map((secret) => deriveKey(secret, "identity assertion"))),
    mail: createLinkKey(secrets.map((secret) => deriveKey(secret, "mail link"))),
    factors: createSealKey(secrets.map((secret) => nameAndKey(secret, "second factor"))),
  };
}

/** RFC 5869. The purpose is part of `info`, so that keys for two purposes are independent (§3.2). */
function deriveKey(secret: Uint8Array, purpose: string): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, "", `postern v1 ${purpose}`, KEY_BYTES));
}

function createLinkKey(keys: readonly Buffer[]): LinkKey {
  return {
    tokens: (mailId) => keys.map((key) => encodeToken(createHmac("sha256", key).update(mailId).digest())),
  };
}

const NAME_DIGITS = 8;

function nameAndKey(secret: Uint8Array, purpose: string): { name: string; key: Buffer } {
  // The name is public. It is derived separately, so it reveals nothing about the key.
  const name = deriveKey(secret, `${purpose}, name`).toString("hex").slice(0, NAME_DIGITS);
  return { name, key: deriveKey(secret, purpose) };
}

function createMacKey(secrets: SecretKeys, purpose: string): MacKey {
  const keys = secrets.map((secret) => nameAndKey(secret, purpose));
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
    isCurrent: (mac) => find(mac).includes(signing),
  };
}

/** JSON, so that no two lists have the same encoding. */
function computeMac(key: Buffer, fields: readonly (string | number)[]): Buffer {
  return createHmac("sha256", key).update(JSON.stringify(fields)).digest();
}
