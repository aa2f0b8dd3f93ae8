import { hash as hashArgon2 } from "@node-rs/argon2";
import { readHash } from "./django-hash.ts";
import { DIGEST_DECOYS, decoyOf, kindOf, withRounds } from "./hash-scheme.ts";
import { type Caller, createLine, type WaitWatch } from "./semaphore.ts";

/** `replacement`, where there is one, is the same password hashed as we hash today, to be stored in place of the old. */
export type PasswordCheck = { right: false } | { right: true; replacement: string | null };

export interface Passwords {
  /**
   * @param caller for which request it waits in line; by default a stranger's of no known network
   * @throws Problem overloaded, abandoned
   */
  hash(password: string, caller?: Caller): Promise<string>;
  /**
   * If the password is wrong, it costs one hash of ours and one of every other kind that is stored at this moment, whatever
   * kind it is of itself: the time tells nothing. If it is right, the check ends there, and a foreign hash is replaced.
   *
   * @param encoded what is stored; null, for a user who cannot log in, costs the same and is never right
   * @param caller as of `hash`
   * @throws Problem overloaded, abandoned
   */
  check(password: string, encoded: string | null, caller?: Caller): Promise<PasswordCheck>;
}

export interface PasswordOptions {
  /** Hashes computed side by side: no more than there are cores. */
  atOnce: number;
  /** How many may wait their turn before the next is refused. */
  waiting: number;
  watch?: WaitWatch;
  /** Tells what the checks of stored passwords cost, as `decoyOf` takes it. Asked at every check, so never out of date. */
  costs?: () => Promise<readonly string[]>;
  /** Reads a stored password; a test counts what is read. */
  read?: typeof readHash;
  argon2?: Argon2Parameters;
}

interface Argon2Parameters {
  memoryCost: number;
  timeCost: number;
  parallelism: number;
}

/** argon2id: 19 MiB, 2 passes, 1 lane (OWASP Password Storage Cheat Sheet). */
const ARGON2: Argon2Parameters = { memoryCost: 19 * 1024, timeCost: 2, parallelism: 1 };

function costOf({ memoryCost, timeCost, parallelism }: Argon2Parameters): string {
  return `argon2$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}`;
}

/** What every password begins with that is hashed now. */
export const CURRENT_COST = costOf(ARGON2);

/** The most a password may measure in UTF-8, where one is set. At login any length that fits a body is merely wrong. */
export const MAX_PASSWORD_BYTES = 4096;

/**
 * Stores passwords as Django would with argon2 (`argon2$argon2id$v=19$m=…`), so that a database can go back; reads
 * whatever Django wrote. Text is hashed as it came: no normalisation, or imported hashes would not verify.
 */
export function createPasswords(options: PasswordOptions): Passwords {
  const { atOnce, waiting, watch, costs = async () => [], read = readHash, argon2 = ARGON2 } = options;
  const enter = createLine(atOnce, waiting, watch);
  const ourCost = costOf(argon2);
  // Argon2id is the library's default algorithm; its own enum cannot be imported by a bundler.
  const hash = async (password: string) => `argon2${await hashArgon2(password, argon2)}`;
  return {
    hash: (password, caller) => enter(() => hash(password), caller),
    check: (password, encoded, caller) =>
      enter(async () => {
        const decoys = [decoyOf(ourCost), ...DIGEST_DECOYS, ...(await costs()).map(decoyOf)];
        const checked = encoded !== null && readHash(encoded) !== null ? encoded : null;
        const isOurs = checked?.startsWith(`${ourCost}$`) ?? false;
        for (const step of stepsOf(checked, decoys)) {
          const isRight = await read(step)?.(password);
          if (step === checked && isRight) return { right: true, replacement: isOurs ? null : await hash(password) };
        }
        return { right: false };
      }, caller),
  };
}

/** More than any database is made of, and few enough that a damaged import cannot make every login much slower. */
const MAX_KINDS = 50;

/**
 * What is checked: one of every kind, the checked one in the place of its kind. The order is the same whatever is
 * checked, or it would be measurably another time: memory that was just used is faster.
 */
function stepsOf(checked: string | null, decoys: readonly (string | null)[]): string[] {
  const costliest = new Map<string, { decoy: string; rounds: number }>();
  for (const decoy of decoys) {
    const kind = decoy === null || readHash(decoy) === null ? null : kindOf(decoy);
    if (decoy === null || kind === null || kind.rounds <= (costliest.get(kind.name)?.rounds ?? 0)) continue;
    if (costliest.size >= MAX_KINDS && !costliest.has(kind.name)) continue;
    costliest.set(kind.name, { decoy, rounds: kind.rounds });
  }
  const own = checked === null ? null : kindOf(checked);
  const steps = [...costliest].flatMap(([name, { decoy, rounds }]) => {
    if (checked === null || name !== own?.name) return [decoy];
    return rounds > own.rounds ? [checked, withRounds(decoy, rounds - own.rounds)] : [checked];
  });
  return checked === null || steps.includes(checked) ? steps : [checked, ...steps];
}
