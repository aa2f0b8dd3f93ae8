import { setImmediate } from "node:timers/promises";
import { transaction } from "../../db/open.ts";
import {
  listSealedSecrets,
  replaceSealed,
  type SealedSecret,
  type SealTally,
  tallySeals,
} from "../../db/sealed-secrets.ts";
import type { SealKey } from "../crypto/seal.ts";
import type { Services } from "../services.ts";
import { totpOwner } from "./totp.ts";

/** Small, so that the requests of a server wait only a short time for SQLite's lock. */
const BATCH_ROWS = 50;

export interface Resealed {
  /** Sealed again with the first key. */
  resealed: number;
  /** Sealed with the first key before. */
  current: number;
  /** No key opens them. They stay. */
  lost: number;
  /** Changed by another process meanwhile. Run again to look at them. */
  changed: number;
}

/**
 * Seals every secret with the first secret key, in batches. Servers may run: a secret that changes meanwhile is left alone.
 *
 * @param onProgress called after each batch, with the number of secrets that were read
 */
export async function resealSecrets(
  { db, keys }: Pick<Services, "db" | "keys">,
  onProgress: (done: number) => void,
): Promise<Resealed> {
  const tally: Resealed = { resealed: 0, current: 0, lost: 0, changed: 0 };
  for (let after: number | null = null, done = 0; ; ) {
    const batch: SealedSecret[] = await listSealedSecrets(db, after, BATCH_ROWS);
    const last = batch.at(-1);
    if (last === undefined) return tally;
    const old = batch.filter(({ secret }) => !keys.factors.isCurrent(secret));
    tally.current += batch.length - old.length;
    if (old.length > 0) {
      await transaction(db, async (db) => {
        for (const one of old) tally[await reseal(one, keys.factors, (text) => replaceSealed(db, one, text))]++;
      });
    }
    done += batch.length;
    onProgress(done);
    after = last.userId;
    await setImmediate(); // A server in the same process answers between two batches.
  }
}

async function reseal(
  { userId, secret }: SealedSecret,
  key: SealKey,
  replace: (resealed: string) => Promise<boolean>,
): Promise<"resealed" | "lost" | "changed"> {
  const owner = totpOwner({ id: userId });
  const opened = key.open(secret, owner);
  if (opened === null) return "lost";
  return (await replace(key.seal(opened, owner))) ? "resealed" : "changed";
}

/** How many authenticator apps no key opens, and how many an old key has sealed. @param key null if there is none */
export function judgeSeals(key: SealKey | null, seals: readonly SealTally[]): { lost: number; old: number } {
  const sum = (some: readonly SealTally[]) => some.reduce((sum, { count }) => sum + count, 0);
  const isLost = ({ prefix }: SealTally) => key?.knows(prefix) !== true;
  const isOld = ({ prefix }: SealTally) => key?.isCurrent(prefix) === false;
  return { lost: sum(seals.filter(isLost)), old: sum(seals.filter((seal) => !isLost(seal) && isOld(seal))) };
}

/** @returns sentences if the key of some authenticator apps is lost, else null */
export function describeLostSeals(lost: number): string | null {
  if (lost === 0) return null;
  const what = lost === 1 ? "1 authenticator app" : `${lost.toLocaleString("en-US")} authenticator apps`;
  return (
    `${what} cannot be opened: the key that sealed them is missing. Put the old key back into POSTERN_SECRET_KEY. ` +
    "Until then, these users log in with passkeys or recovery codes. For a user who has none, run resetfactors USER."
  );
}

/** The same, from the database. */
export async function findLostSeals({ db, keys }: Pick<Services, "db" | "keys">): Promise<string | null> {
  return describeLostSeals(judgeSeals(keys.factors, await tallySeals(db)).lost);
}
