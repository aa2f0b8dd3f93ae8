/** What a check of a stored password costs. */
export interface Kind {
  /** What costs the same: the algorithm and its parameters, or the algorithm alone where its cost is a number of rounds. */
  name: string;
  /** How often the work of the kind is done. */
  rounds: number;
}

/** In Django's layouts, as `readHash` reads them. Null where there is no telling. */
export function kindOf(encoded: string): Kind | null {
  const [, pbkdf2, rounds] = /^(pbkdf2_sha(?:1|256))\$([1-9]\d{0,8})\$/.exec(encoded) ?? [];
  if (pbkdf2 !== undefined) return { name: pbkdf2, rounds: Number(rounds) };
  const name = nameOf(encoded);
  return name === null ? null : { name, rounds: 1 };
}

function nameOf(encoded: string): string | null {
  const [, scrypt, blocks] = /^(scrypt\$\d+\$)[^$]*\$(\d+\$\d+)\$/.exec(encoded) ?? [];
  if (scrypt !== undefined) return `${scrypt}${blocks}`;
  if (/^[0-9a-f]{32}$/.test(encoded)) return "md5"; // Of ancient Djangos, without salt and name.
  const prefix =
    /^(argon2\$argon2i?d?\$v=\d+\$m=\d+,t=\d+,p=\d+(?=\$)|bcrypt(_sha256)?\$\$2[abxy]\$\d\d(?=\$)|(md5|sha1)(?=\$))/;
  return prefix.exec(encoded)?.[0] ?? null;
}

/** A stored password of the same kind, with another number of rounds where the kind counts them. */
export function withRounds(encoded: string, rounds: number): string {
  return encoded.replace(/^(pbkdf2_sha(?:1|256)\$)\d+/, `$1${rounds}`);
}

const base64 = (bytes: number) => btoa("\0".repeat(bytes));

/** A digest costs microseconds: every check does one of each, whether or not any is stored. */
export const DIGEST_DECOYS: readonly string[] = [`md5$decoy$${"0".repeat(32)}`, `sha1$decoy$${"0".repeat(40)}`];

/**
 * A stored password that is nobody's, whose check costs what a password of that cost does.
 *
 * @param cost algorithm and parameters, as the database tells them: `pbkdf2_sha256$260000`, `bcrypt$$2b$12`,
 *   `argon2$argon2id$v=19$m=102400,t=2,p=8`, `scrypt$16384$8$1`
 * @returns null if it is none of these
 */
export function decoyOf(cost: string): string | null {
  if (/^argon2\$/.test(cost)) return `${cost}$${"A".repeat(22)}$${"A".repeat(43)}`;
  if (/^bcrypt(_sha256)?\$/.test(cost)) return `${cost}$${".".repeat(53)}`;
  if (/^pbkdf2_sha1\$/.test(cost)) return `${cost}$decoy$${base64(20)}`;
  if (/^pbkdf2_sha256\$/.test(cost)) return `${cost}$decoy$${base64(32)}`;
  const [, rounds, blocks] = /^scrypt\$(\d+)\$(\d+\$\d+)$/.exec(cost) ?? [];
  return rounds === undefined ? null : `scrypt$${rounds}$decoy$${blocks}$${base64(64)}`;
}
