import type { Db, TransactionDb } from "./open.ts";

// The secrets of authenticator apps are the only sealed columns. `lib/crypto/seal.ts` seals them.

/** The first characters of a sealed text: 8 of the name of its key, and a dot. */
const PREFIX_CHARACTERS = 9;

/** How many authenticator apps a key has sealed. */
export interface SealTally {
  /** The first characters of each of their secrets, which name the key. */
  prefix: string;
  count: number;
}

/** Reads the whole table. */
export async function tallySeals(db: Db): Promise<SealTally[]> {
  const rows = await db
    .selectFrom("totp_factors")
    .select(({ fn, val }) => [
      fn<string>("substr", ["secret", val(1), val(PREFIX_CHARACTERS)]).as("prefix"),
      fn.countAll().as("count"),
    ])
    .groupBy("prefix")
    .orderBy("prefix")
    .execute();
  return rows.map(({ prefix, count }) => ({ prefix, count: Number(count) }));
}

/** The sealed secret of a user's authenticator app. */
export interface SealedSecret {
  userId: number;
  secret: string;
}

/** By user. @param after a user's id, and null for the first secrets */
export function listSealedSecrets(db: Db, after: number | null, limit: number): Promise<SealedSecret[]> {
  const all = db.selectFrom("totp_factors").select(["user_id as userId", "secret"]);
  const next = after === null ? all : all.where("user_id", ">", after);
  return next.orderBy("user_id").limit(limit).execute();
}

/** Seals the same secret again. @returns false if the user has another one by now: it stays */
export async function replaceSealed(
  db: TransactionDb,
  { userId, secret }: SealedSecret,
  resealed: string,
): Promise<boolean> {
  const update = db.updateTable("totp_factors").set({ secret: resealed });
  const same = update.where("user_id", "=", userId).where("secret", "=", secret);
  return (await same.executeTakeFirst()).numUpdatedRows === 1n;
}
