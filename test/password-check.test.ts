import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { readHash } from "../lib/passwords/django-hash.ts";
import { createHasher } from "../lib/passwords/hasher.ts";
import { repeats } from "./support/effort.ts";
import { QUICK_ARGON2 } from "./support/quick-argon2.ts";
import { characters } from "./support/soup.ts";

const DJANGO: { password: string; encoded: string }[] = JSON.parse(
  readFileSync(join(import.meta.dirname, "fixtures", "django-hashes.json"), "utf8"),
);

const quick = () => createHasher({ concurrency: 2, maxWaiting: 1000, argon2: QUICK_ARGON2 });

describe("a password check", () => {
  const OURS = "argon2$argon2id$v=19$m=19456,t=2,p=1$";

  test("of the right password returns a replacement for an imported hash, and none for the replacement", {
    timeout: 60_000,
  }, async () => {
    const passwords = createHasher({ concurrency: 2, maxWaiting: 10 });
    const foreign = DJANGO.find(
      ({ encoded, password }) => encoded.startsWith("pbkdf2_sha256$1000$") && /\P{ASCII}/u.test(password),
    );
    assert(foreign);
    const first = await passwords.check(foreign.password, foreign.encoded);
    assert(first.right && first.replacement?.startsWith(OURS));
    assert.deepEqual(await passwords.check(foreign.password, first.replacement), { right: true, replacement: null });
    assert.deepEqual(await passwords.check(`${foreign.password} `, first.replacement), { right: false });
  });

  test("of a wrong password returns no replacement", async () => {
    const cheap = DJANGO.filter(({ encoded }) => /^pbkdf2_\w+\$1000\$|^bcrypt/.test(encoded));
    for (const { encoded } of cheap) assert.deepEqual(await quick().check("wrong", encoded), { right: false });
  });

  test("returns a replacement if the argon2 parameters differ, even if they were higher", async () => {
    const costs = [
      QUICK_ARGON2,
      { ...QUICK_ARGON2, memoryCost: 16 },
      { ...QUICK_ARGON2, timeCost: 2 },
      { memoryCost: 16, timeCost: 1, parallelism: 2 },
    ];
    for (const made of costs) {
      const encoded = await createHasher({ concurrency: 1, maxWaiting: 0, argon2: made }).hash("right");
      for (const wanted of costs) {
        const check = await createHasher({ concurrency: 1, maxWaiting: 0, argon2: wanted }).check("right", encoded);
        assert(check.right);
        const { memoryCost, timeCost, parallelism } = wanted;
        if (made === wanted) assert.equal(check.replacement, null);
        else
          assert(check.replacement?.startsWith(`argon2$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$`));
      }
    }
  });

  test("matches the hash of any text, and each hash has its own salt", async () => {
    await fc.assert(
      fc.asyncProperty(characters(100), async (password) => {
        const passwords = quick();
        const [one, other] = await Promise.all([passwords.hash(password), passwords.hash(password)]);
        assert.notEqual(one, other);
        assert.deepEqual(await passwords.check(password, one), { right: true, replacement: null });
        assert.deepEqual(await passwords.check(`${password}.`, one), { right: false });
      }),
      { numRuns: repeats(300) },
    );
  });

  test("computes one argon2 hash for every stored text, also for an unreadable one", async () => {
    const read: string[] = [];
    const count = (encoded: string) => {
      read.push(encoded);
      return readHash(encoded);
    };
    const passwords = createHasher({ concurrency: 1, maxWaiting: 0, argon2: QUICK_ARGON2, read: count });
    const isOurs = (encoded: string) => encoded.startsWith("argon2$argon2id$v=19$m=8,t=1,p=1$");
    const blind = [
      null,
      "",
      "!unusable",
      "mysecret",
      "md5$salt$76395199f0164af4b0c1cce3fbbe7ca",
      "pbkdf2_sha256$x$salt$hash",
      "argon2$",
    ];
    const readable = DJANGO.find(({ encoded }) => encoded.startsWith("pbkdf2_sha256$1000$"));
    assert(readable);
    for (const encoded of [...blind, readable.encoded]) {
      read.length = 0;
      assert.deepEqual(await passwords.check("wrong", encoded), { right: false });
      assert.equal(read.filter(isOurs).length, 1, `for ${encoded}`);
    }
  });
});
