import assert from "node:assert/strict";
import { pbkdf2Sync, scryptSync } from "node:crypto";
import { hashSync } from "@node-rs/bcrypt";
import { listPasswordCosts } from "../../db/password-costs.ts";
import { setActive, setPassword } from "../../db/users.ts";
import { createHasher, type Hasher, type HasherOptions } from "../../lib/passwords/hasher.ts";
import { createClient } from "../support/client.ts";
import { median, rankScore } from "../support/rank.ts";
import { createTestApp } from "../support/test-app.ts";
import { createRandom } from "./random.ts";

// `bun run test/faults/timing.ts [ATTEMPTS] [SEED]`: measures how long refused logins of every kind take, in turns that
// are shuffled, at the costs of production, and says whether the kinds can be told apart.

/** Two samples of one distribution are this far apart once in 26 million times (a normal deviate beyond 5.5). */
export const THRESHOLD = 5.5;

/** What hashing costs. */
export interface Costs {
  argon2?: NonNullable<HasherOptions["argon2"]>;
  /** Of those who are active, one each. */
  pbkdf2Rounds: readonly number[];
  bcryptCost: number;
  scryptCost: number;
  /** Whether the hasher is not told of what else is stored. */
  isBlind?: boolean;
}

/** Django 3.2's own, and of pbkdf2 the version's before as well. */
export const DJANGO: Costs = { pbkdf2Rounds: [216_000, 260_000], bcryptCost: 12, scryptCost: 16384 };

/**
 * The same in a few milliseconds, one kind of each. Rounds that are made up in a second go cost some microseconds more,
 * which drown in the time of production's and might not in this.
 */
export const QUICK: Costs = {
  argon2: { memoryCost: 2048, timeCost: 1, parallelism: 1 },
  pbkdf2Rounds: [3000],
  bcryptCost: 4,
  scryptCost: 512,
};

export interface Timing {
  kind: string;
  /** Milliseconds, an attempt each. */
  times: number[];
  /** How far from those of a wrong password for a password hashed here. */
  score: number;
}

const WRONG = "wrong";

/** @param breakIt puts a fault into the hasher, to see whether it shows */
export async function measure(
  costs: Costs,
  attempts: number,
  seed: number,
  breakIt: (passwords: Hasher) => Hasher = (passwords) => passwords,
): Promise<Timing[]> {
  const test = await createTestApp({ POSTERN_THROTTLE: "off" });
  const { app, services, addUser } = test;
  const options = { concurrency: 1, maxWaiting: 0, ...(costs.argon2 ? { argon2: costs.argon2 } : {}) };
  services.hasher = createHasher(options);
  const imported = importedHashes(costs);
  for (const username of [WRONG, "inactive", "unusable", ...Object.keys(imported)]) {
    const user = await addUser({ username, password: "right horse" });
    if (username in imported) await setPassword(services.db, user.id, imported[username] ?? "");
    if (username === "unusable") await setPassword(services.db, user.id, "!never");
    if (username.startsWith("inactive")) await setActive(services.db, user.id, false);
  }
  services.hasher = breakIt(
    createHasher(costs.isBlind ? options : { ...options, costs: () => listPasswordCosts(services.db) }),
  );
  const kinds = [WRONG, "unknown", "inactive", "unusable", ...Object.keys(imported)];
  const times = new Map(kinds.map((kind): [string, number[]] => [kind, []]));
  const random = createRandom(seed);
  for (let attempt = -5; attempt < attempts; attempt++) {
    for (const kind of shuffle(kinds, random)) {
      const startedAt = performance.now();
      const response = await createClient(app).login(kind, "a wrong password");
      const ms = performance.now() - startedAt;
      assert.equal(response.status, 400, kind);
      // The first few warm the program up.
      if (attempt >= 0) times.get(kind)?.push(ms);
    }
  }
  await test.close();
  const base = times.get(WRONG) ?? [];
  return [...times].map(([kind, times]) => ({ kind, times, score: rankScore(times, base) }));
}

/** Of a password that nobody tries. */
function importedHashes({ pbkdf2Rounds, bcryptCost, scryptCost }: Costs): Record<string, string> {
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  const pbkdf2 = (rounds: number) =>
    `pbkdf2_sha256$${rounds}$salt$${base64(pbkdf2Sync("right horse", "salt", rounds, 32, "sha256"))}`;
  const scrypt = scryptSync("right horse", "salt", 64, { cost: scryptCost, maxmem: 2 ** 26 });
  return {
    ...Object.fromEntries(pbkdf2Rounds.map((rounds) => [`imported-pbkdf2-${rounds}`, pbkdf2(rounds)])),
    "imported-bcrypt": `bcrypt$${hashSync("right horse", { cost: bcryptCost })}`,
    "imported-scrypt": `scrypt$${scryptCost}$salt$8$1$${base64(scrypt)}`,
    "inactive-imported": pbkdf2(Math.max(...pbkdf2Rounds)),
    damaged: "pbkdf2_sha256$many$salt$",
  };
}

function shuffle<T>(list: readonly T[], random: () => number): T[] {
  return list
    .map((value) => ({ value, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}

export function formatTimings(timings: readonly Timing[]): string {
  return timings
    .map(({ kind, times, score }) => `${kind}: median ${median(times).toFixed(2)} ms, z = ${score.toFixed(2)}`)
    .join("\n");
}

export function toldApart(timings: readonly Timing[]): string[] {
  return timings.filter(({ score }) => Math.abs(score) > THRESHOLD).map(({ kind }) => kind);
}

if (import.meta.main) {
  const [attempts = 400, seed = Date.now() % 2 ** 32] = process.argv.slice(2).map(Number);
  process.stdout.write(`Seed ${seed}, ${attempts} attempts of each kind\n`);
  const timings = await measure(DJANGO, attempts, seed);
  process.stdout.write(`${formatTimings(timings)}\n`);
  const apart = toldApart(timings);
  if (apart.length > 0) process.stdout.write(`Told apart (|z| > ${THRESHOLD}): ${apart.join(", ")}\n`);
  process.exitCode = apart.length > 0 ? 1 : 0;
}
