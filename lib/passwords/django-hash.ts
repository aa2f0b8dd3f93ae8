import { createHash, pbkdf2, scrypt } from "node:crypto";
import { promisify } from "node:util";
import { verify as verifyArgon2 } from "@node-rs/argon2";
import { verify as verifyBcrypt } from "@node-rs/bcrypt";
import { sha256 } from "@oslojs/crypto/sha2";
import { constantTimeEqual } from "@oslojs/crypto/subtle";
import { decodeBase64IgnorePadding, encodeHexLowerCase } from "@oslojs/encoding";

/** Checks a password against one stored hash. Everything slower than microseconds runs on another thread. */
export type Verifier = (password: string) => Promise<boolean>;

const derivePbkdf2 = promisify(pbkdf2);
const utf8 = new TextEncoder();

// The most work for one login. Without limits, a damaged or hostile import could stop the server.
const MAX_PBKDF2_ITERATIONS = 5_000_000;
const MAX_BCRYPT_COST = 16;
const MAX_MEMORY_BYTES = 256 * 1024 * 1024;
/** Memory times passes (argon2) or lanes (scrypt): 4 times the work of Django 5.2's parameters. */
const MAX_WORK_BYTES = 1024 * 1024 * 1024;
const MAX_PASSES = 32;
const MAX_LANES = 32;

/**
 * Parses a stored password in one of Django's layouts (`algorithm$…`).
 * https://docs.djangoproject.com/en/5.2/topics/auth/passwords/#included-hashers
 *
 * @returns null if it is unusable (`!…`), damaged, too costly, or of an unknown algorithm
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

/** Hexadecimal digits, in lower case as Django compares them. */
const DIGITS: Record<string, number> = { md5: 32, sha1: 40 };

/** Django's column holds 128 characters in all. */
const MAX_SALT_CHARACTERS = 256;

/** `md5$salt$hex` or `sha1$salt$hex`; the salt of Django's unsalted hashers is empty. The oldest Django stored MD5 as hex alone. */
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

/** `argon2id$v=19$m=102400,t=2,p=8$salt$hash`: the PHC format without its first `$`. */
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

/** `iterations$salt$base64`; the salt is text, not base64. */
function readPbkdf2(rest: string, digest: string, length: number): Verifier | null {
  const [count = "", salt, hash, ...more] = rest.split("$");
  const expected = decodeBase64(hash, length);
  const iterations = parseCount(count, MAX_PBKDF2_ITERATIONS);
  if (salt === undefined || expected === null || iterations === null || more.length > 0) return null;
  return async (password) =>
    constantTimeEqual(await derivePbkdf2(password, salt, iterations, length, digest), expected);
}

/** `$2b$12$`, then 22 characters of salt and 31 of hash. */
function readBcrypt(hash: string, prepare: (password: string) => string): Verifier | null {
  const cost = /^\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(hash)?.[1];
  if (cost === undefined || Number(cost) > MAX_BCRYPT_COST) return null;
  return (password) => verifyBcrypt(prepare(password), hash);
}

/** `N$salt$r$p$base64`, a hash of 64 bytes; the salt is text, not base64. */
function readScrypt(rest: string): Verifier | null {
  const [costText = "", salt, blockText = "", lanesText = "", hash, ...more] = rest.split("$");
  const expected = decodeBase64(hash, 64);
  const cost = parseCount(costText, 2 ** 24);
  const blockSize = parseCount(blockText, 64);
  const parallelization = parseCount(lanesText, MAX_LANES);
  if (salt === undefined || expected === null || more.length > 0) return null;
  if (cost === null || blockSize === null || parallelization === null) return null;
  // RFC 7914 §2: N is a power of 2 less than 2^(128 r / 8).
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
