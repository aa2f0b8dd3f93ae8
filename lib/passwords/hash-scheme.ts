/** The work that one check of a stored password takes. */
export interface HashScheme {
  /** The algorithm and its parameters. For PBKDF2 the algorithm alone, because its cost is its iterations. */
  name: string;
  /** PBKDF2's iterations; 1 for every other algorithm. */
  iterations: number;
}

/** @returns null if the format of the stored password is unknown */
export function parseScheme(encoded: string): HashScheme | null {
  const [, pbkdf2, iterations] = /^(pbkdf2_sha(?:1|256))\$([1-9]\d{0,8})\$/.exec(encoded) ?? [];
  if (pbkdf2 !== undefined) return { name: pbkdf2, iterations: Number(iterations) };
  const name = parseName(encoded);
  return name === null ? null : { name, iterations: 1 };
}

function parseName(encoded: string): string | null {
  const [, scrypt, blocks] = /^(scrypt\$\d+\$)[^$]*\$(\d+\$\d+)\$/.exec(encoded) ?? [];
  if (scrypt !== undefined) return `${scrypt}${blocks}`;
  if (/^[0-9a-f]{32}$/.test(encoded)) return "md5"; // The oldest Django stored the digest alone.
  const prefix =
    /^(argon2\$argon2i?d?\$v=\d+\$m=\d+,t=\d+,p=\d+(?=\$)|bcrypt(_sha256)?\$\$2[abxy]\$\d\d(?=\$)|(md5|sha1)(?=\$))/;
  return prefix.exec(encoded)?.[0] ?? null;
}

// Measured on one core of a 2 GHz server (2026), to two digits.
const PBKDF2_ITERATIONS_PER_MS = 2300;
const BCRYPT_MS_AT_COST_12 = 240;
const ARGON2_MS_PER_MIB = 0.37;
const SCRYPT_MS_PER_MIB = 2.8;

/** About how long one check of a stored password takes, in milliseconds; 0 for a digest or an unknown format. */
export function estimateMs(encoded: string): number {
  const [, memoryKib, passes] = /^argon2\$argon2i?d?\$v=\d+\$m=(\d+),t=(\d+),p=\d+\$/.exec(encoded) ?? [];
  if (memoryKib !== undefined) return (Number(memoryKib) / 1024) * Number(passes) * ARGON2_MS_PER_MIB;
  const [, cost] = /^bcrypt(?:_sha256)?\$\$2[abxy]\$(\d\d)\$/.exec(encoded) ?? [];
  if (cost !== undefined) return BCRYPT_MS_AT_COST_12 * 2 ** (Number(cost) - 12);
  const [, work, blocks, lanes] = /^scrypt\$(\d+)\$[^$]*\$(\d+)\$(\d+)\$/.exec(encoded) ?? [];
  if (work !== undefined) return ((128 * Number(work) * Number(blocks) * Number(lanes)) / 2 ** 20) * SCRYPT_MS_PER_MIB;
  const scheme = parseScheme(encoded);
  return scheme?.name.startsWith("pbkdf2") ? scheme.iterations / PBKDF2_ITERATIONS_PER_MS : 0;
}

/** Replaces PBKDF2's iterations. Every other stored password is returned unchanged. */
export function withIterations(encoded: string, iterations: number): string {
  return encoded.replace(/^(pbkdf2_sha(?:1|256)\$)\d+/, `$1${iterations}`);
}

const base64 = (bytes: number) => btoa("\0".repeat(bytes));

/** One MD5 or SHA-1 takes microseconds, so every check computes both, even if the database holds neither. */
export const DIGEST_DECOYS: readonly string[] = [`md5$decoy$${"0".repeat(32)}`, `sha1$decoy$${"0".repeat(40)}`];

/**
 * A stored password that no text matches. Its check takes the same work as a real one of that cost.
 *
 * @param cost algorithm and parameters, as `listPasswordCosts` returns them: `pbkdf2_sha256$260000`, `bcrypt$$2b$12`,
 *   `argon2$argon2id$v=19$m=102400,t=2,p=8`, `scrypt$16384$8$1`
 * @returns null for any other algorithm
 */
export function decoyHash(cost: string): string | null {
  if (/^argon2\$/.test(cost)) return `${cost}$${"A".repeat(22)}$${"A".repeat(43)}`;
  if (/^bcrypt(_sha256)?\$/.test(cost)) return `${cost}$${".".repeat(53)}`;
  if (/^pbkdf2_sha1\$/.test(cost)) return `${cost}$decoy$${base64(20)}`;
  if (/^pbkdf2_sha256\$/.test(cost)) return `${cost}$decoy$${base64(32)}`;
  const [, work, blocks] = /^scrypt\$(\d+)\$(\d+\$\d+)$/.exec(cost) ?? [];
  return work === undefined ? null : `scrypt$${work}$decoy$${blocks}$${base64(64)}`;
}
