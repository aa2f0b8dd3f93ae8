import assert from "node:assert/strict";
import { test } from "node:test";
import { readHash } from "../lib/passwords/django-hash.ts";
import { decoyHash, estimateMs } from "../lib/passwords/hash-scheme.ts";
import { createHasher, MAX_DECOY_MS } from "../lib/passwords/hasher.ts";

test("a wrong password costs no more than a limit, however many costly schemes an import has", async () => {
  const costs = [
    "bcrypt$$2b$04",
    "bcrypt$$2b$16",
    "bcrypt_sha256$$2b$16",
    "pbkdf2_sha256$5000000",
    "pbkdf2_sha1$5000000",
    "scrypt$131072$8$4",
    ...[1, 2, 3, 4].map((passes) => `argon2$argon2id$v=19$m=262144,t=${passes},p=1`),
  ];
  for (const cost of costs) assert(readHash(decoyHash(cost) ?? ""), cost);
  const steps: string[] = [];
  const hasher = createHasher({
    concurrency: 1,
    maxWaiting: 1,
    costs: async () => costs,
    read: (encoded) => {
      steps.push(encoded);
      return async () => false;
    },
  });
  await hasher.check("wrong", null);
  const totalMs = steps.reduce((sum, encoded) => sum + estimateMs(encoded), 0);
  assert(totalMs > 1000 && totalMs <= MAX_DECOY_MS, `${totalMs} ms`);
});
