import { hash as hashArgon2 } from "@node-rs/argon2";
import { readHash } from "./foreign-hash.ts";
import { kindOf, withRounds } from "./kind.ts";
import { createLine, type WaitWatch } from "./line.ts";

/** `replacement`, where there is one, is the same password hashed as we hash today, to be stored in place of the old. */
export type PasswordCheck = { right: false } | { right: true; replacement: string | null };

export interface Passwords {
  /**
   * @param gone aborted when nobody waits for the answer any more: who has not had their turn by then leaves the line
   * @throws Problem overloaded, abandoned
   */
  hash(password: string, gone?: AbortSignal): Promise<string>;
  /**
   * Where the password is wrong, it costs one hash of ours and one of every other kind that is stored, whichever this one
   * is of: the time tells nothing. Where it is right, it costs one hash, or three where its own is replaced.
   *
   * @param encoded what is stored; null, for a user who cannot log in, costs the same and is never right
   * @param gone as of `hash`
   * @throws Problem overloaded, abandoned
   */
  check(password: string, encoded: string | null, gone?: AbortSignal): Promise<PasswordCheck>;
}

export interface PasswordOptions {
  /** Hashes computed side by side: no more than there are cores. */
  atOnce: number;
  /** How many may wait their turn before the next is refused. */
  waiting: number;
  watch?: WaitWatch;
  /** Gives stored passwords, one of every cost but our own, which is told as a pattern. Asked at every check. */
  samples?: (own: string) => Promise<readonly string[]>;
  argon2?: Argon2Parameters;
}

interface Argon2Parameters {
  memoryCost: number;
  timeCost: number;
  parallelism: number;
}

/** argon2id: 19 MiB, 2 passes, 1 lane (OWASP Password Storage Cheat Sheet). */
const ARGON2: Argon2Parameters = { memoryCost: 19 * 1024, timeCost: 2, parallelism: 1 };

/** The most a password may measure in UTF-8, where one is set. At login any length that fits a body is merely wrong. */
export const MAX_PASSWORD_BYTES = 4096;

/**
 * Stores passwords as Django would with argon2 (`argon2$argon2id$v=19$m=…`), so that a database can go back; reads
 * whatever Django wrote. Text is hashed as it came: no normalisation, or imported hashes would not verify.
 */
export function createPasswords(options: PasswordOptions): Passwords {
  const { atOnce, waiting, watch, samples = async () => [], argon2 = ARGON2 } = options;
  const enter = createLine(atOnce, waiting, watch);
  const { memoryCost, timeCost, parallelism } = argon2;
  const current = `argon2$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$`;
  // Argon2id is the library's default algorithm; its own enum cannot be imported by a bundler.
  const hash = async (password: string) => `argon2${await hashArgon2(password, argon2)}`;
  return {
    hash: (password, gone) => enter(() => hash(password), gone),
    check: (password, encoded, gone) =>
      enter(async () => {
        const others = await samples(`${current}*`);
        const isOurs = encoded?.startsWith(current) ?? false;
        // First, as that of a password of ours would be: what stands at another place is measurably another time.
        if (!isOurs) await hash(password);
        const verify = encoded === null ? null : readHash(encoded);
        if (await verify?.(password)) return { right: true, replacement: isOurs ? null : await hash(password) };
        const checked = verify === null ? null : encoded;
        for (const decoy of decoysBeside(checked, others)) await readHash(decoy)?.(password);
        return { right: false };
      }, gone),
  };
}

/** What costs, together with a check of one stored password, as much as one check of every kind that is stored. */
function decoysBeside(checked: string | null, samples: readonly string[]): string[] {
  const costliest = new Map<string, { encoded: string; rounds: number }>();
  for (const encoded of samples) {
    const kind = kindOf(encoded);
    if (kind === null || kind.rounds <= (costliest.get(kind.name)?.rounds ?? 0)) continue;
    costliest.set(kind.name, { encoded, rounds: kind.rounds });
  }
  const done = checked === null ? null : kindOf(checked);
  return [...costliest].flatMap(([name, { encoded, rounds }]) => {
    const left = rounds - (name === done?.name ? done.rounds : 0);
    return left > 0 ? [withRounds(encoded, left)] : [];
  });
}
