import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { readHash } from "../lib/passwords/django-hash.ts";
import { estimateMs, parseScheme } from "../lib/passwords/hash-scheme.ts";
import { createHasher } from "../lib/passwords/hasher.ts";
import { IS_LONG, repeats } from "./support/effort.ts";
import { QUICK_ARGON2 } from "./support/quick-argon2.ts";
import { KIB_64, soup } from "./support/soup.ts";

interface Recorded {
  note: string;
  password: string;
  encoded: string;
}

const read = (name: string) => JSON.parse(readFileSync(join(import.meta.dirname, "fixtures", name), "utf8"));
const VECTORS: { passwords: Recorded[]; refused: Recorded[] } = read("drf/vectors.json");
const DJANGO: Recorded[] = read("django-hashes.json");

const quick = () => createHasher({ concurrency: 2, maxWaiting: 1000, argon2: QUICK_ARGON2 });
const COSTLY_MS = 20;
const isBcrypt = ({ encoded }: Recorded) => encoded.startsWith("bcrypt$");

function verifierOf(encoded: string) {
  const verify = readHash(encoded);
  assert(verify, `${encoded} is not read`);
  return verify;
}

const algorithmOf = (encoded: string) => encoded.split("$", 1)[0];

function cheapestMs(recorded: Recorded[], algorithm: string | undefined): number {
  const same = recorded.filter(({ encoded }) => algorithmOf(encoded) === algorithm);
  return Math.min(...same.map(({ encoded }) => estimateMs(encoded)));
}

describe("a hash that Django made", () => {
  for (const [source, recorded] of [
    ["one Django", VECTORS.passwords],
    ["another", DJANGO],
  ] as const) {
    test(`matches its own password and no other (${source})`, { timeout: 120_000 }, async () => {
      assert(recorded.length > 0);
      const seen = new Set<string>();
      for (const { note, password, encoded } of recorded) {
        const verify = verifierOf(encoded);
        // Many take as long as in production. `npm test` checks every password with the cheapest scheme of each algorithm,
        // and one password with each costlier scheme. Of costly schemes, one wrong password an algorithm is enough.
        const [algorithm, scheme] = [algorithmOf(encoded), JSON.stringify(parseScheme(encoded))];
        const isCheapest = estimateMs(encoded) === cheapestMs(recorded, algorithm);
        if (!IS_LONG && !isCheapest && seen.has(scheme)) continue;
        const isWrongChecked = IS_LONG || estimateMs(encoded) <= COSTLY_MS || (isCheapest && !seen.has(scheme));
        seen.add(scheme);
        // The difference is at the beginning: plain bcrypt reads only 72 bytes.
        const [right, wrong] = await Promise.all([verify(password), isWrongChecked && verify(`x${password}`)]);
        assert.deepEqual([right, wrong], [true, false], `${note}: ${password}`);
      }
    });
  }

  test("does not match a password that differs in one place", { timeout: 60_000 }, async () => {
    const cheap = DJANGO.filter(({ encoded }) => /^pbkdf2_\w+\$1000\$|^bcrypt/.test(encoded));
    assert(cheap.length > 0);
    for (const { note, password, encoded } of cheap) {
      const verify = verifierOf(encoded);
      // Django's plain bcrypt, too, ignores all bytes after the 72nd.
      const longer =
        encoded.startsWith("bcrypt$") && Buffer.byteLength(password) >= 72 ? [] : [`${password} `, `${password}x`];
      for (const nearly of ["", password.toUpperCase(), ` ${password}`, password.slice(1), ...longer])
        assert.equal(await verify(nearly), nearly === password, `${note}: ${JSON.stringify(nearly)}`);
    }
  });

  test("that Django cannot read is not read, except by hashers that Django leaves off by default", async () => {
    const isOptional = (recorded: Recorded) => isBcrypt(recorded) || /md5/.test(recorded.note);
    const unmatched = VECTORS.refused.filter((recorded) => !isOptional(recorded));
    assert.equal(unmatched.length, VECTORS.refused.length - 3);
    for (const { note, password, encoded } of unmatched) {
      assert.equal(readHash(encoded), null, note);
      assert.deepEqual(await quick().check(password, encoded), { right: false }, note);
    }
  });

  test("by md5 or sha1 does not match with another spelling of the digest or another salt", async () => {
    const digests = DJANGO.filter(({ encoded }) => /^(md5|sha1)\$|^[0-9a-f]{32}$/.test(encoded));
    assert.equal(digests.length, 21);
    for (const { password, encoded } of digests) {
      const hash = /[0-9a-f]+$/.exec(encoded)?.[0] ?? "";
      const name = encoded.slice(0, -hash.length);
      const spellings = [
        ...[`${name}${hash.toUpperCase()}`, `${encoded}0`, encoded.slice(0, -1), `${encoded}\n`, ` ${encoded}`],
        ...[`${name}$${hash}`, `md5$a$b$${hash}`, `unsalted_md5$${hash}`, `$${hash}`, name],
      ];
      for (const spelling of spellings) assert.equal(readHash(spelling), null, spelling);
      for (const salted of [`md5$other$${hash}`, `sha1$other$${hash}`, `sha1$$${hash}`, `md5$${password}$${hash}`]) {
        if (salted === encoded) continue;
        assert.equal((await readHash(salted)?.(password)) ?? false, false, salted);
      }
    }
  });

  test("by md5 or sha1 is replaced by a correct check", async () => {
    for (const { password, encoded } of DJANGO) {
      if (!/^(md5|sha1)\$|^[0-9a-f]{32}$/.test(encoded)) continue;
      const check = await quick().check(password, encoded);
      assert(check.right && check.replacement !== null);
      assert.deepEqual(await quick().check(password, check.replacement), { right: true, replacement: null });
      assert.deepEqual(await quick().check(`${password}x`, encoded), { right: false });
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
    "md5",
    "sha1",
    "06c219e5bc8378f3a8a3f83b4b7e4649",
    "1000",
    "16384",
    "2b",
    "12",
    "salt",
    "=",
    "YWJjZGVmZ2hpamtsbW5v",
    "!",
  ];

  test("of any text is parsed without an error", () => {
    fc.assert(
      fc.property(soup(...pieces), (encoded) => {
        const verify = readHash(encoded);
        assert(verify === null || typeof verify === "function");
      }),
      { numRuns: repeats(5000) },
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
    "md5$a1B2c3D4e5F6$96425fcc38caeb7f96f753af5276537e",
    "sha1$a1b2c$2c6f757d3e4bdf92c0760ebf6f904a52e90a2538",
    "sha1$$e9fe51f94eadabf54dbf2fbbd57188b9abee436e",
    "06c219e5bc8378f3a8a3f83b4b7e4649",
  ];

  test("that is damaged in any place matches no password and throws no error", { timeout: 60_000 }, async () => {
    const damage = fc.tuple(fc.constantFrom(...cheap), fc.nat(), fc.nat(2), fc.constantFrom(..."$=,.!+/-_ AzB\0é\n"));
    await fc.assert(
      fc.asyncProperty(damage, async ([encoded, at, removed, character]) => {
        const place = at % encoded.length;
        const damaged = encoded.slice(0, place) + character + encoded.slice(place + removed);
        assert.equal((await readHash(damaged)?.("no password of theirs")) ?? false, false, damaged);
      }),
      { numRuns: repeats(2000) },
    );
  });

  test("that is cut anywhere, or has an extra part, matches no password", { timeout: 60_000 }, async () => {
    for (const encoded of cheap) {
      assert(readHash(encoded));
      assert.equal(readHash(`${encoded}$`), null);
      for (let end = 0; end < encoded.length; end++)
        assert.equal((await readHash(encoded.slice(0, end))?.("x")) ?? false, false);
    }
  });

  test("that exceeds the limits of time or memory is not read", () => {
    const argon2 = (parameters: string, version = 19) =>
      `argon2$argon2id$v=${version}$${parameters}$YWJjZGVmZ2hpamtsbW5vcA$YWJjZGVmZ2hpamtsbW5vcA`;
    const scrypt = (cost: string | number, block: number, lanes: number) =>
      `scrypt$${cost}$salt$${block}$${lanes}$${btoa("a".repeat(64))}`;
    const pbkdf2 = (iterations: string) => `pbkdf2_sha256$${iterations}$salt$${btoa("a".repeat(32))}`;
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
      // Parameters that argon2 does not accept.
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
      `md5$${"a".repeat(257)}$06c219e5bc8378f3a8a3f83b4b7e4649`,
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
