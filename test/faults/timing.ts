import assert from "node:assert/strict";
import { pbkdf2Sync, scryptSync } from "node:crypto";
import { hashSync } from "@node-rs/bcrypt";
import { listPasswordCosts } from "../../db/password-costs.ts";
import { setActive, setPassword } from "../../db/users.ts";
import { readHash } from "../../lib/passwords/django-hash.ts";
import { parseScheme } from "../../lib/passwords/hash-scheme.ts";
import { createHasher, type Hasher, type HasherOptions } from "../../lib/passwords/hasher.ts";
import { createClient } from "../support/client.ts";
import { median, rankScore } from "../support/rank.ts";
import { createTestApp } from "../support/test-app.ts";
import { createRandom } from "./random.ts";

// `bun run test/faults/timing.ts [ATTEMPTS] [SEED]` measures denied logins of several kinds in random order, and reports
// whether their times differ. The hash costs are those of production.

/** Two samples of one distribution exceed this once in 26 million times (a normal deviate of 5.5). */
export const THRESHOLD = 5.5;

export interface Costs {
  argon2?: NonNullable<HasherOptions["argon2"]>;
  /** Of one active user each. */
  pbkdf2Iterations: readonly number[];
  bcryptCost: number;
  scryptCost: number;
  /** Whether the hasher does not know the costs of the stored passwords. */
  isBlind?: boolean;
}

/** The costs of Django 3.2, and Django 3.1's iterations of PBKDF2. */
export const DJANGO: Costs = { pbkdf2Iterations: [216_000, 260_000], bcryptCost: 12, scryptCost: 16384 };

/**
 * One cheap hash per algorithm, and only one number of iterations. A second PBKDF2 call takes some microseconds more.
 * With the costs of production they are lost in the noise, but not with these.
 */
export const QUICK: Costs = {
  argon2: { memoryCost: 2048, timeCost: 1, parallelism: 1 },
  pbkdf2Iterations: [3000],
  bcryptCost: 4,
  scryptCost: 512,
};

export interface Timing {
  kind: string;
  /** Milliseconds, one per attempt. */
  times: number[];
  /** The distance from the times of a wrong password for a hash of our own. See `rankScore`. */
  score: number;
  /** What every attempt read and hashed: the schemes, each with its iterations. Null if the attempts differ. */
  work: string | null;
}

const WRONG = "wrong";

/** @param breakIt puts a fault into the hasher; the measurement must find it */
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
  let steps: string[] = [];
  const read = (encoded: string) => {
    const { name = encoded, iterations = 0 } = parseScheme(encoded) ?? {};
    steps.push(`${name} ${iterations}`);
    return readHash(encoded);
  };
  const told = costs.isBlind ? options : { ...options, costs: () => listPasswordCosts(services.db) };
  services.hasher = breakIt(createHasher({ ...told, read }));
  const kinds = [WRONG, "unknown", "inactive", "unusable", ...Object.keys(imported)];
  const times = new Map(kinds.map((kind): [string, number[]] => [kind, []]));
  const works = new Map(kinds.map((kind): [string, Set<string>] => [kind, new Set()]));
  const random = createRandom(seed);
  for (let attempt = -5; attempt < attempts; attempt++) {
    for (const kind of shuffle(kinds, random)) {
      steps = [];
      const startedAt = performance.now();
      const response = await createClient(app).login(kind, "a wrong password");
      const ms = performance.now() - startedAt;
      assert.equal(response.status, 400, kind);
      works.get(kind)?.add(steps.join(", "));
      // The first attempts are a warm-up.
      if (attempt >= 0) times.get(kind)?.push(ms);
    }
  }
  await test.close();
  const base = times.get(WRONG) ?? [];
  const workOf = (kind: string) => [...(works.get(kind) ?? [])];
  return [...times].map(([kind, times]) => {
    const [work = null, ...others] = workOf(kind);
    return { kind, times, score: rankScore(times, base), work: others.length > 0 ? null : work };
  });
}

/** Hashes of a password that no login uses. */
function importedHashes({ pbkdf2Iterations, bcryptCost, scryptCost }: Costs): Record<string, string> {
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  const pbkdf2 = (iterations: number) =>
    `pbkdf2_sha256$${iterations}$salt$${base64(pbkdf2Sync("right horse", "salt", iterations, 32, "sha256"))}`;
  const scrypt = scryptSync("right horse", "salt", 64, { cost: scryptCost, maxmem: 2 ** 26 });
  return {
    ...Object.fromEntries(pbkdf2Iterations.map((count) => [`imported-pbkdf2-${count}`, pbkdf2(count)])),
    "imported-bcrypt": `bcrypt$${hashSync("right horse", { cost: bcryptCost })}`,
    "imported-scrypt": `scrypt$${scryptCost}$salt$8$1$${base64(scrypt)}`,
    "inactive-imported": pbkdf2(Math.max(...pbkdf2Iterations)),
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

/** The kinds whose attempts do other work than those of a wrong password for a password hashed here. */
export function worksOtherwise(timings: readonly Timing[]): string[] {
  const expected = timings.find(({ kind }) => kind === WRONG)?.work ?? null;
  return timings.filter(({ work }) => work === null || work !== expected).map(({ kind }) => kind);
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
