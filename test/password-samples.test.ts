import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { setPassword } from "../db/users.ts";
import { rememberSamples } from "../lib/account/password-samples.ts";
import { kindOf, withRounds } from "../lib/crypto/kind.ts";
import { createTestApp } from "./support/test-app.ts";

const OWN = "argon2$argon2id$v=19$m=8,t=1,p=1$*";

async function setUp(passwords: string[]) {
  const test = await createTestApp();
  const users = await Promise.all(passwords.map((_, index) => test.addUser({ username: `u${index}`, password: "x" })));
  for (const [index, user] of users.entries()) await setPassword(test.services.db, user.id, passwords[index] ?? "");
  return { ...test, users, samples: rememberSamples(test.services) };
}

describe("the samples of stored passwords", () => {
  test("are one of every kind, and none of ours or of who cannot log in", async () => {
    const kinds = [
      "pbkdf2_sha256$260000$",
      "pbkdf2_sha256$216000$",
      "pbkdf2_sha1$260000$",
      "bcrypt_sha256$$2b$12$",
      "bcrypt_sha256$$2b$10$",
      "argon2$argon2id$v=19$m=102400,t=2,p=8$",
      "argon2$argon2i$v=19$m=512,t=2,p=2$",
      "md5$",
    ];
    const scrypt = ["scrypt$16384$a$8$1$x", "scrypt$16384$b$8$1$y", "scrypt$16384$c$8$5$z"];
    const stored = [...kinds.flatMap((kind) => [`${kind}a$x`, `${kind}b$y`]), ...scrypt, "!never", ""];
    const { samples } = await setUp([...stored, "argon2$argon2id$v=19$m=8,t=1,p=1$a$b"]);
    const found = await samples(OWN);
    const counts = [...kinds, "scrypt$16384$"].map((kind) => found.filter((sample) => sample.startsWith(kind)).length);
    assert.deepEqual(counts, [...kinds.map(() => 1), 2]);
    assert.equal(found.filter((sample) => sample.startsWith("!") || sample.startsWith(OWN.slice(0, -1))).length, 0);
  });

  test("are looked for again after ten minutes, and remembered while the database does not tell", async () => {
    const { samples, users, services, clock, logged, close } = await setUp(["pbkdf2_sha256$1000$a$x", "!never"]);
    const set = (index: number, password: string) => setPassword(services.db, users[index]?.id ?? 0, password);
    assert.deepEqual(await samples(OWN), ["pbkdf2_sha256$1000$a$x"]);
    await set(1, "bcrypt$$2b$04$abc");
    assert.equal((await samples(OWN)).length, 1);
    clock.advance(601);
    assert.equal((await samples(OWN)).length, 2);
    await set(0, "!never");
    await set(1, "!never");
    clock.advance(601);
    assert.deepEqual(await samples(OWN), []);
    await set(0, "pbkdf2_sha256$1000$a$x");
    clock.advance(601);
    assert.equal((await samples(OWN)).length, 1);
    clock.advance(601);
    await services.db.schema.alterTable("users").renameTo("elsewhere").execute();
    assert.equal((await samples(OWN)).length, 1);
    assert(logged.some((line) => line.includes("password_kinds_unknown")));
    await services.db.schema.alterTable("elsewhere").renameTo("users").execute();
    await close();
  });

  test("are found in an end, whatever is stored", async () => {
    const odd = [
      "%",
      "_",
      "\\",
      "$",
      "a\\$b",
      "pbkdf2_sha256$x$",
      "pbkdf2_sha256$1$s$h",
      "scrypt$2$%$1$1$h",
      "*",
      "A$B",
    ];
    const { samples } = await setUp([...odd, ...odd.map((text) => `${text}\\`), ...odd.map((text) => `%${text}*`)]);
    assert((await samples(OWN)).includes("pbkdf2_sha256$1$s$h"));
  });
});

test("a kind is told from any text without an error, and the rounds of pbkdf2 can be made others", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => kindOf(text) === null || assert.fail(text)));
  assert.deepEqual(kindOf("pbkdf2_sha256$260000$salt$hash"), {
    name: "pbkdf2_sha256",
    rounds: 260000,
    pattern: "pbkdf2_sha256$260000$*",
  });
  assert.equal(withRounds("pbkdf2_sha256$260000$sa$1$lt$hash", 5), "pbkdf2_sha256$5$sa$1$lt$hash");
  assert.equal(withRounds("bcrypt$$2b$12$abc", 5), "bcrypt$$2b$12$abc");
});
