/** What a check of a stored password costs. */
export interface Kind {
  /** What costs the same: the algorithm and its parameters, or the algorithm alone where its cost is a number of rounds. */
  name: string;
  /** How often the work of the kind is done. */
  rounds: number;
  /** What every stored password of the same cost looks like; `*` stands for anything. */
  pattern: string;
}

/** In Django's layouts, as `readHash` reads them. Null where there is no telling. */
export function kindOf(encoded: string): Kind | null {
  const [pbkdf2, algorithm, rounds] = /^(pbkdf2_sha(?:1|256))\$([1-9]\d{0,8})\$/.exec(encoded) ?? [];
  if (algorithm !== undefined) return { name: algorithm, rounds: Number(rounds), pattern: `${pbkdf2}*` };
  const pattern = patternOf(encoded);
  return pattern === null ? null : { name: pattern, rounds: 1, pattern };
}

function patternOf(encoded: string): string | null {
  const [, cost, lanes] = /^(scrypt\$\d+\$)[^$]*(\$\d+\$\d+\$)/.exec(encoded) ?? [];
  if (cost !== undefined) return `${cost}*${lanes}*`;
  const prefix = /^(argon2\$argon2i?d?\$v=\d+\$m=\d+,t=\d+,p=\d+\$|bcrypt(_sha256)?\$\$2[abxy]\$\d\d\$)/.exec(encoded);
  return prefix === null ? null : `${prefix[0]}*`;
}

/** A stored password of the same kind, with another number of rounds where the kind counts them. */
export function withRounds(encoded: string, rounds: number): string {
  return encoded.replace(/^(pbkdf2_sha(?:1|256)\$)\d+/, `$1${rounds}`);
}
