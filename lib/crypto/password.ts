import { hash as hashArgon2 } from "@node-rs/argon2";
import { readHash } from "./foreign-hash.ts";
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
   * Costs one hash whatever the answer, and one more only for a right password whose hash is replaced.
   *
   * @param encoded what is stored; null, for a user who cannot log in, costs a decoy and is never right
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
export function createPasswords({ atOnce, waiting, watch, argon2 = ARGON2 }: PasswordOptions): Passwords {
  const enter = createLine(atOnce, waiting, watch);
  const { memoryCost, timeCost, parallelism } = argon2;
  const current = `argon2$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$`;
  // Argon2id is the library's default algorithm; its own enum cannot be imported by a bundler.
  const hash = async (password: string) => `argon2${await hashArgon2(password, argon2)}`;
  return {
    hash: (password, gone) => enter(() => hash(password), gone),
    check: (password, encoded, gone) =>
      enter(async () => {
        const verify = encoded === null ? null : readHash(encoded);
        if (encoded === null || verify === null) {
          await hash(password);
          return { right: false };
        }
        if (!(await verify(password))) return { right: false };
        return { right: true, replacement: encoded.startsWith(current) ? null : await hash(password) };
      }, gone),
  };
}
