import { hash as hashArgon2 } from "@node-rs/argon2";
import { generateToken } from "../crypto/token.ts";
import { readHash } from "./django-hash.ts";
import { DIGEST_DECOYS, decoyHash, estimateMs, parseScheme, withIterations } from "./hash-scheme.ts";
import { type Caller, createSemaphore, type Semaphore, type WaitWatch } from "./semaphore.ts";

/** `replacement`: the same password hashed with the current parameters, to be stored; null if it already is. */
export type PasswordCheck = { right: false } | { right: true; replacement: string | null };

export interface Hasher {
  /**
   * @param caller the request that the hash waits for; by default an unknown caller without a network
   * @throws Problem overloaded, abandoned
   */
  hash(password: string, caller?: Caller): Promise<string>;
  /**
   * A wrong password takes the work of every scheme in the database, so the time does not reveal the user's scheme. A
   * right password ends the check early.
   *
   * @param encoded the stored password; null if the user cannot log in, which takes the same time as a wrong password
   * @throws Problem overloaded, abandoned
   */
  check(password: string, encoded: string | null, caller?: Caller): Promise<PasswordCheck>;
}

export interface HasherOptions {
  /** Hashes that are begun at the same time. The runtime computes at most one per core. */
  concurrency: number;
  /** Callers that may wait before the next one is denied. */
  maxWaiting: number;
  watch?: WaitWatch;
  /** Called after a hash if more ran at once than ever before: there may be new threads. See `Runtime`. */
  lowerHashPriority?: (() => void) | null;
  /** The costs that `decoyHash` takes. Called at every check, so that an import by SQL counts at once. */
  costs?: () => Promise<readonly string[]>;
  /** Replaced by tests that count the hashes. */
  read?: typeof readHash;
  argon2?: Argon2Parameters | undefined;
}

export interface Argon2Parameters {
  /** KiB. */
  memoryCost: number;
  timeCost: number;
  parallelism: number;
}

/** argon2id with 19 MiB, 2 passes and 1 lane: OWASP Password Storage Cheat Sheet, "Argon2id". */
const ARGON2: Argon2Parameters = { memoryCost: 19 * 1024, timeCost: 2, parallelism: 1 };

function costOf({ memoryCost, timeCost, parallelism }: Argon2Parameters): string {
  return `argon2$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}`;
}

/** The beginning of every password that is hashed with the current parameters. */
export const CURRENT_COST = costOf(ARGON2);

/** No password matches it. As Django's `make_password(None)`. */
export function unusablePassword(): string {
  return `!${generateToken()}`;
}

/** The longest password that can be set, in bytes of UTF-8. At login, a longer one is wrong like any other. */
export const MAX_PASSWORD_BYTES = 4096;

/**
 * Hashes in Django's argon2 layout (`argon2$argon2id$v=19$m=…`), so that Django can read the database again. Checks all
 * of Django's layouts. The text is not normalised: Django does not, and imported hashes would not match.
 */
export function createHasher(options: HasherOptions): Hasher {
  const {
    concurrency,
    maxWaiting,
    watch,
    lowerHashPriority = null,
    costs = async () => [],
    read = readHash,
    argon2 = ARGON2,
  } = options;
  const semaphore = notePeaks(createSemaphore(concurrency, maxWaiting, watch), lowerHashPriority);
  const ourCost = costOf(argon2);
  // Argon2id is the library's default. A bundler cannot import its enum of algorithms.
  const hash = async (password: string) => `argon2${await hashArgon2(password, argon2)}`;
  return {
    hash: (password, caller) => semaphore(() => hash(password), caller),
    check: (password, encoded, caller) =>
      semaphore(async () => {
        const decoys = [decoyHash(ourCost), ...DIGEST_DECOYS, ...(await costs()).map(decoyHash)];
        const checked = encoded !== null && readHash(encoded) !== null ? encoded : null;
        const isOurs = checked?.startsWith(`${ourCost}$`) ?? false;
        for (const step of listSteps(checked, decoys)) {
          const isRight = await read(step)?.(password);
          if (step === checked && isRight) return { right: true, replacement: isOurs ? null : await hash(password) };
        }
        return { right: false };
      }, caller),
  };
}

/** @param onPeak called after a task if more ran at once than ever before */
function notePeaks(semaphore: Semaphore, onPeak: (() => void) | null): Semaphore {
  let running = 0;
  let most = 0;
  return (task, caller) =>
    semaphore(async () => {
      running++;
      try {
        return await task();
      } finally {
        const isPeak = running > most;
        most = Math.max(most, running);
        running--;
        if (isPeak) onPeak?.();
      }
    }, caller);
}

/** More schemes than a real database holds. */
const MAX_SCHEMES = 50;

/**
 * The most work that one check does for other users' schemes, by `estimateMs`. All of Django's defaults together take
 * about 1,500. A strange or hostile import cannot slow every login further.
 */
export const MAX_DECOY_MS = 4000;

/**
 * The hashes that one check computes: one of each scheme, `checked` in the place of its own. The order does not depend
 * on `checked`: cached memory is faster, so another order would reveal the scheme.
 */
function listSteps(checked: string | null, decoys: readonly (string | null)[]): string[] {
  const costliest = new Map<string, { decoy: string; iterations: number }>();
  for (const decoy of decoys) {
    const scheme = decoy === null || readHash(decoy) === null ? null : parseScheme(decoy);
    if (decoy === null || scheme === null) continue;
    if (scheme.iterations <= (costliest.get(scheme.name)?.iterations ?? 0)) continue;
    if (costliest.size >= MAX_SCHEMES && !costliest.has(scheme.name)) continue;
    costliest.set(scheme.name, { decoy, iterations: scheme.iterations });
  }
  const own = checked === null ? null : parseScheme(checked);
  dropCostliest(costliest);
  const steps = [...costliest].flatMap(([name, { decoy, iterations }]) => {
    if (checked === null || name !== own?.name) return [decoy];
    return iterations > own.iterations ? [checked, withIterations(decoy, iterations - own.iterations)] : [checked];
  });
  return checked === null || steps.includes(checked) ? steps : [checked, ...steps];
}

/** Drops the costliest decoys until the rest takes at most `MAX_DECOY_MS`. The time of a login shows their users then. */
function dropCostliest(decoys: Map<string, { decoy: string }>): void {
  const byCost = [...decoys].map(([name, { decoy }]) => ({ name, ms: estimateMs(decoy) })).sort((a, b) => a.ms - b.ms);
  let totalMs = 0;
  for (const { name, ms } of byCost) {
    totalMs += ms;
    if (totalMs > MAX_DECOY_MS) decoys.delete(name);
  }
}
