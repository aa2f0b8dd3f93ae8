import { createHash, pbkdf2, scrypt } from "node:crypto";
import { promisify } from "node:util";
import { verify as verifyArgon2 } from "@node-rs/argon2";
import { verify as verifyBcrypt } from "@node-rs/bcrypt";
import { sha256 } from "@oslojs/crypto/sha2";
import { constantTimeEqual } from "@oslojs/crypto/subtle";
import { decodeBase64IgnorePadding, encodeHexLowerCase } from "@oslojs/encoding";

/** Says whether a password is the one behind a hash. Runs off the main thread, unless it takes but microseconds. */
export type Verifier = (password: string) => Promise<boolean>;

const derivePbkdf2 = promisify(pbkdf2);
const utf8 = new TextEncoder();

// What one login may cost at most: a damaged or hostile import must not be able to stop the server.
const MAX_PBKDF2_ROUNDS = 5_000_000;
const MAX_BCRYPT_COST = 16;
const MAX_MEMORY_BYTES = 256 * 1024 * 1024;
/** Memory times passes (argon2) or lanes (scrypt): four times what Django 5.2's own parameters come to. */
const MAX_WORK_BYTES = 1024 * 1024 * 1024;
const MAX_PASSES = 32;
const MAX_LANES = 32;

/**
 * The verifier for a stored password in one of Django's layouts (`algorithm$…`), null where it is unusable (`!…`),
 * damaged, or of an algorithm that is not read.
 * Layouts: https://docs.djangoproject.com/en/5.2/topics/auth/passwords/#included-hashers
 */
export function readHash(encoded: string): Verifier | null {
  const cut = encoded.indexOf("$");
  const algorithm = encoded.slice(0, Math.max(cut, 0));
  const rest = encoded.slice(cut + 1);
  switch (algorithm) {
    case "argon2":
      return readArgon2(rest);
    case "pbkdf2_sha256":
      return readPbkdf2(rest, "sha256", 32);
    case "pbkdf2_sha1":
      return readPbkdf2(rest, "sha1", 20);
    case "bcrypt":
      return readBcrypt(rest, (password) => password);
    case "bcrypt_sha256":
      return readBcrypt(rest, (password) => encodeHexLowerCase(sha256(utf8.encode(password))));
    case "scrypt":
      return readScrypt(rest);
    default:
      return readDigest(encoded);
  }
}

/** In hexadecimal, small letters, as Django compares them. */
const DIGITS: Record<string, number> = { md5: 32, sha1: 40 };

/** Django's whole column has 128. */
const MAX_SALT_CHARACTERS = 256;

/**
 * `md5$salt$hex` and `sha1$salt$hex`, of the salt and the password. With an empty salt they are what Django calls unsalted;
 * the oldest Django wrote such an MD5 as nothing but its 32 digits.
 */
function readDigest(encoded: string): Verifier | null {
  const bare = /^[0-9a-f]{32}$/.test(encoded) ? `md5$$${encoded}` : encoded;
  const [, algorithm = "", salt = "", hash = ""] = /^(md5|sha1)\$([^$]*)\$([0-9a-f]+)$/.exec(bare) ?? [];
  if (hash.length !== DIGITS[algorithm] || salt.length > MAX_SALT_CHARACTERS) return null;
  const expected = utf8.encode(hash);
  return async (password) => {
    const digest = createHash(algorithm)
      .update(salt + password, "utf8")
      .digest("hex");
    return constantTimeEqual(utf8.encode(digest), expected);
  };
}

/** `$argon2id$v=19$m=102400,t=2,p=8$salt$hash`, less its first `$`. */
function readArgon2(phc: string): Verifier | null {
  const match = /^argon2(?:id|i|d)\$v=(?:16|19)\$m=(\d+),t=(\d+),p=(\d+)\$([^$]+)\$([^$]+)$/.exec(phc);
  if (match === null) return null;
  const [, memory = "", time = "", parallelism = "", salt = "", hash = ""] = match;
  const memoryKib = parseCount(memory, MAX_MEMORY_BYTES / 1024);
  const passes = parseCount(time, MAX_PASSES);
  const lanes = parseCount(parallelism, MAX_LANES);
  if (memoryKib === null || passes === null || lanes === null) return null;
  if (!isUnpaddedBase64(salt, 8) || !isUnpaddedBase64(hash, 12)) return null;
  if (memoryKib < 8 * lanes) return null; // RFC 9106 §3.1
  if (memoryKib * 1024 * passes > MAX_WORK_BYTES) return null;
  return (password) => verifyArgon2(`$${phc}`, password);
}

/** `rounds$salt$base64`; the salt is used as its text. */
function readPbkdf2(rest: string, digest: string, length: number): Verifier | null {
  const [roundsText = "", salt, hash, ...more] = rest.split("$");
  const expected = decodeBase64(hash, length);
  const rounds = parseCount(roundsText, MAX_PBKDF2_ROUNDS);
  if (salt === undefined || expected === null || rounds === null || more.length > 0) return null;
  return async (password) => constantTimeEqual(await derivePbkdf2(password, salt, rounds, length, digest), expected);
}

/** `$2b$12$` and 53 characters. */
function readBcrypt(hash: string, prepare: (password: string) => string): Verifier | null {
  const cost = /^\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(hash)?.[1];
  if (cost === undefined || Number(cost) > MAX_BCRYPT_COST) return null;
  return (password) => verifyBcrypt(prepare(password), hash);
}

/** `N$salt$r$p$base64`, 64 bytes; the salt is used as its text. */
function readScrypt(rest: string): Verifier | null {
  const [costText = "", salt, blockText = "", lanesText = "", hash, ...more] = rest.split("$");
  const expected = decodeBase64(hash, 64);
  const cost = parseCount(costText, 2 ** 24);
  const blockSize = parseCount(blockText, 64);
  const parallelization = parseCount(lanesText, MAX_LANES);
  if (salt === undefined || expected === null || more.length > 0) return null;
  if (cost === null || blockSize === null || parallelization === null) return null;
  // RFC 7914 §2: a power of two, less than 2^(128 r / 8).
  const isCost = cost > 1 && Number.isInteger(Math.log2(cost)) && Math.log2(cost) < 16 * blockSize;
  const memoryBytes = 128 * blockSize * (cost + parallelization);
  if (!isCost || memoryBytes > MAX_MEMORY_BYTES || memoryBytes * parallelization > MAX_WORK_BYTES) return null;
  const options = { cost, blockSize, parallelization, maxmem: 2 * memoryBytes };
  return async (password) => constantTimeEqual(await deriveScrypt(password, salt, options), expected);
}

function deriveScrypt(password: string, salt: string, options: Parameters<typeof scrypt>[3]): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, 64, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}

function parseCount(text: string, max: number): number | null {
  const count = /^[1-9]\d{0,8}$/.test(text) ? Number(text) : 0;
  return count >= 1 && count <= max ? count : null;
}

function isUnpaddedBase64(text: string, minBytes: number): boolean {
  try {
    return !text.includes("=") && decodeBase64IgnorePadding(text).length >= minBytes;
  } catch {
    return false;
  }
}

function decodeBase64(text: string | undefined, length: number): Uint8Array | null {
  try {
    const bytes = decodeBase64IgnorePadding(text ?? "");
    return bytes.length === length ? bytes : null;
  } catch {
    return null;
  }
}
