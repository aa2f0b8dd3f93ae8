import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { readHash } from "../lib/crypto/foreign-hash.ts";
import { createPasswords } from "../lib/crypto/password.ts";
import { KIB_64, soup } from "./support/soup.ts";
import { QUICK_ARGON2 } from "./support/test-app.ts";

interface Recorded {
  note: string;
  password: string;
  encoded: string;
}

const read = (name: string) => JSON.parse(readFileSync(join(import.meta.dirname, "fixtures", name), "utf8"));
const VECTORS: { passwords: Recorded[]; refused: Recorded[] } = read("drf/vectors.json");
const DJANGO: Recorded[] = read("django-hashes.json");

const quick = () => createPasswords({ atOnce: 2, waiting: 1000, argon2: QUICK_ARGON2 });
const isBcrypt = ({ encoded }: Recorded) => encoded.startsWith("bcrypt$");

/** The verifier of a hash that must be one. */
function verifierOf(encoded: string) {
  const verify = readHash(encoded);
  assert(verify, `${encoded} is not read`);
  return verify;
}

describe("a hash that Django made", () => {
  for (const [source, recorded] of [
    ["one Django", VECTORS.passwords],
    ["another", DJANGO],
  ] as const) {
    test(`is right for its password and for no other (${source})`, { timeout: 120_000 }, async () => {
      assert(recorded.length > 0);
      for (const { note, password, encoded } of recorded) {
        const verify = verifierOf(encoded);
        // The difference stands first: plain bcrypt looks at 72 bytes.
        const [right, wrong] = await Promise.all([verify(password), verify(`x${password}`)]);
        assert.deepEqual([right, wrong], [true, false], `${note}: ${password}`);
      }
    });
  }

  test("is wrong for what is nearly its password", { timeout: 60_000 }, async () => {
    const cheap = DJANGO.filter(({ encoded }) => /^pbkdf2_\w+\$1000\$|^bcrypt/.test(encoded));
    assert(cheap.length > 0);
    for (const { note, password, encoded } of cheap) {
      const verify = verifierOf(encoded);
      // Django counts no byte past 72 of plain bcrypt's either.
      const longer =
        encoded.startsWith("bcrypt$") && Buffer.byteLength(password) >= 72 ? [] : [`${password} `, `${password}x`];
      for (const nearly of ["", password.toUpperCase(), ` ${password}`, password.slice(1), ...longer])
        assert.equal(await verify(nearly), nearly === password, `${note}: ${JSON.stringify(nearly)}`);
    }
  });

  test("that Django refuses is refused, except plain bcrypt, which it reads where it is told to", async () => {
    const refused = VECTORS.refused.filter((recorded) => !isBcrypt(recorded));
    assert.equal(refused.length, VECTORS.refused.length - 1);
    for (const { note, password, encoded } of refused) {
      assert.equal(readHash(encoded), null, note);
      assert.deepEqual(await quick().check(password, encoded), { right: false }, note);
    }
  });
});

describe("a stored hash", () => {
  const pieces = [
    "$",
    "argon2",
    "argon2id",
    "v=19",
    "m=8",
    "m=102400",
    "t=2",
    ",",
    "p=1",
    "pbkdf2_sha256",
    "pbkdf2_sha1",
    "bcrypt",
    "bcrypt_sha256",
    "scrypt",
    "1000",
    "16384",
    "2b",
    "12",
    "salt",
    "=",
    "YWJjZGVmZ2hpamtsbW5v",
    "!",
  ];

  test("is read or not, whatever it is, and nothing is thrown", () => {
    fc.assert(
      fc.property(soup(...pieces), (encoded) => {
        const verify = readHash(encoded);
        assert(verify === null || typeof verify === "function");
      }),
      { numRuns: 5000 },
    );
    for (const piece of pieces) for (const end of ["", "$", "="]) readHash(piece.repeat(KIB_64 / piece.length) + end);
  });

  const cheap = [
    "argon2$argon2id$v=19$m=8,t=1,p=1$YWJjZGVmZ2hpamtsbW5vcA$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXo",
    "pbkdf2_sha256$1$salt$xNZMnRcJ/BYKkTNjidI0MyBwjC9m5R4IVAmsGGwlEx0=",
    "pbkdf2_sha1$1$salt$xnb6Waevn/KzRdW60N8K57F+Wpk=",
    "bcrypt$$2b$04$0sAKKhQhEUUIfBJb6NGfweVMSF/8bEk5kXStu/Z1RCDjTLJ27gfFe",
    "bcrypt_sha256$$2b$04$9PifR11KNNMFZBS.XynI0OKn3KgBf.08VXaboMaT6/VE4Tg.053g.",
    `scrypt$2$salt$1$1$${btoa("a".repeat(64))}`,
  ];

  test("damaged in any place is not read or not right, and nothing is thrown", { timeout: 60_000 }, async () => {
    const damage = fc.tuple(fc.constantFrom(...cheap), fc.nat(), fc.nat(2), fc.constantFrom(..."$=,.!+/-_ AzB\0é\n"));
    await fc.assert(
      fc.asyncProperty(damage, async ([encoded, at, removed, character]) => {
        const place = at % encoded.length;
        const damaged = encoded.slice(0, place) + character + encoded.slice(place + removed);
        assert.equal((await readHash(damaged)?.("no password of theirs")) ?? false, false, damaged);
      }),
      { numRuns: 2000 },
    );
  });

  test("cut short anywhere, or with a part too many, is not read or not right", { timeout: 60_000 }, async () => {
    for (const encoded of cheap) {
      assert(readHash(encoded));
      assert.equal(readHash(`${encoded}$`), null);
      for (let end = 0; end < encoded.length; end++)
        assert.equal((await readHash(encoded.slice(0, end))?.("x")) ?? false, false);
    }
  });

  test("that would take too much time or memory is not read", () => {
    const argon2 = (parameters: string, version = 19) =>
      `argon2$argon2id$v=${version}$${parameters}$YWJjZGVmZ2hpamtsbW5vcA$YWJjZGVmZ2hpamtsbW5vcA`;
    const scrypt = (cost: string | number, block: number, lanes: number) =>
      `scrypt$${cost}$salt$${block}$${lanes}$${btoa("a".repeat(64))}`;
    const pbkdf2 = (rounds: string) => `pbkdf2_sha256$${rounds}$salt$${btoa("a".repeat(32))}`;
    const bcrypt = (cost: string) => `bcrypt$$2b$${cost}$${"a".repeat(53)}`;
    const tooMuch = [
      ...[
        "m=262145,t=1,p=1",
        "m=262144,t=5,p=1",
        "m=4294967296,t=1,p=1",
        "m=8,t=33,p=1",
        "m=8,t=4294967295,p=1",
        `m=${"9".repeat(400)},t=1,p=1`,
        "m=800,t=1,p=100",
      ].map((text) => argon2(text)),
      // Not huge, but nothing that argon2 or scrypt could be run with.
      ...["m=7,t=1,p=1", "m=8,t=0,p=1", "m=8,t=1,p=0", "m=8,t=1,p=2", "m=08,t=1,p=1", "m=8,t=1", "m=-8,t=1,p=1"].map(
        (text) => argon2(text),
      ),
      argon2("m=8,t=1,p=1", 18),
      `${argon2("m=8,t=1,p=1")}==`, // PHC strings have no padding.
      argon2("m=8,t=1,p=1", 99),
      ...[
        scrypt(2 ** 24, 8, 1),
        scrypt(2 ** 18, 8, 1),
        scrypt(16384, 65, 1),
        scrypt(16384, 8, 33),
        scrypt("1e3", 8, 1),
      ],
      ...[
        scrypt(0, 8, 1),
        scrypt(1, 8, 1),
        scrypt(1000, 8, 1),
        scrypt(2 ** 16, 1, 1),
        scrypt(2, 0, 1),
        scrypt(2, 1, 0),
      ],
      ...["5000001", "999999999999", "0", "-1", "1e3", "1.5", "", " 1", "0x10"].map(pbkdf2),
      ...["17", "31", "99", "1", "100", "-4"].map(bcrypt),
    ];
    for (const encoded of tooMuch) assert.equal(readHash(encoded), null, encoded);
    for (const encoded of [
      argon2("m=262144,t=4,p=1"),
      argon2("m=32768,t=32,p=32"),
      scrypt(2 ** 17, 8, 7),
      scrypt(2 ** 15, 1, 1),
      pbkdf2("5000000"),
      bcrypt("16"),
    ])
      assert(readHash(encoded), encoded);
  });
});

describe("a check", () => {
  const OURS = "argon2$argon2id$v=19$m=19456,t=2,p=1$";

  test("of the right password replaces a foreign hash with our own, which is right and stays", {
    timeout: 60_000,
  }, async () => {
    const passwords = createPasswords({ atOnce: 2, waiting: 10 });
    const foreign = DJANGO.find(
      ({ encoded, password }) => encoded.startsWith("pbkdf2_sha256$1000$") && /\P{ASCII}/u.test(password),
    );
    assert(foreign);
    const first = await passwords.check(foreign.password, foreign.encoded);
    assert(first.right && first.replacement?.startsWith(OURS));
    assert.deepEqual(await passwords.check(foreign.password, first.replacement), { right: true, replacement: null });
    assert.deepEqual(await passwords.check(`${foreign.password} `, first.replacement), { right: false });
  });

  test("of the wrong password replaces nothing", async () => {
    const cheap = DJANGO.filter(({ encoded }) => /^pbkdf2_\w+\$1000\$|^bcrypt/.test(encoded));
    for (const { encoded } of cheap) assert.deepEqual(await quick().check("wrong", encoded), { right: false });
  });

  test("replaces our own hash where its parameters are others, also higher ones", async () => {
    const costs = [
      QUICK_ARGON2,
      { ...QUICK_ARGON2, memoryCost: 16 },
      { ...QUICK_ARGON2, timeCost: 2 },
      { memoryCost: 16, timeCost: 1, parallelism: 2 },
    ];
    for (const made of costs) {
      const encoded = await createPasswords({ atOnce: 1, waiting: 0, argon2: made }).hash("right");
      for (const wanted of costs) {
        const check = await createPasswords({ atOnce: 1, waiting: 0, argon2: wanted }).check("right", encoded);
        assert(check.right);
        const { memoryCost, timeCost, parallelism } = wanted;
        if (made === wanted) assert.equal(check.replacement, null);
        else
          assert(check.replacement?.startsWith(`argon2$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$`));
      }
    }
  });

  test("reads back what it hashed, whatever the text is, with a salt of its own each time", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary", maxLength: 100 }), async (password) => {
        const passwords = quick();
        const [one, other] = await Promise.all([passwords.hash(password), passwords.hash(password)]);
        assert.notEqual(one, other);
        assert.deepEqual(await passwords.check(password, one), { right: true, replacement: null });
        assert.deepEqual(await passwords.check(`${password}.`, one), { right: false });
      }),
      { numRuns: 300 },
    );
  });

  test("costs a hash of ours, whatever else there is to look at", async () => {
    // Nothing can be hashed with these parameters: that it is tried shows.
    const passwords = createPasswords({ atOnce: 1, waiting: 0, argon2: { ...QUICK_ARGON2, memoryCost: 1 } });
    const blind = [
      null,
      "",
      "!unusable",
      "mysecret",
      "md5$salt$76395199f0164af4b0c1cce3fbbe7ca9",
      "pbkdf2_sha256$x$salt$hash",
      "argon2$",
    ];
    for (const encoded of blind)
      await assert.rejects(passwords.check("mysecret", encoded), `there is no decoy for ${encoded}`);
    const readable = DJANGO.find(({ encoded }) => encoded.startsWith("pbkdf2_sha256$1000$"));
    assert(readable);
    await assert.rejects(passwords.check("wrong", readable.encoded), "nor beside one of another kind");
    for (const encoded of blind) assert.deepEqual(await quick().check("mysecret", encoded), { right: false });
  });
});
