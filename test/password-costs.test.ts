import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { sql } from "kysely";
import { listPasswordCosts, selectCosts } from "../db/password-costs.ts";
import { setActive, setPassword } from "../db/users.ts";
import { readHash } from "../lib/passwords/django-hash.ts";
import { decoyHash, parseScheme, withIterations } from "../lib/passwords/hash-scheme.ts";
import { createHasher } from "../lib/passwords/hasher.ts";
import { createClient } from "./support/client.ts";
import { TEST_DATABASE_URL } from "./support/database.ts";
import { repeats } from "./support/effort.ts";
import { QUICK_ARGON2 } from "./support/quick-argon2.ts";
import { soup } from "./support/soup.ts";
import { createTestApp } from "./support/test-app.ts";

const DJANGO: { password: string; encoded: string }[] = JSON.parse(
  readFileSync(join(import.meta.dirname, "fixtures", "django-hashes.json"), "utf8"),
);

const SCRYPT = btoa("a".repeat(64));
const OURS = "argon2$argon2id$v=19$m=8,t=1,p=1";

/** One cheap stored password of each layout. None matches "wrong". */
const CHEAP = {
  argon2: "argon2$argon2id$v=19$m=16,t=2,p=2$YWJjZGVmZ2hpamtsbW5vcA$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXo",
  argon2i: "argon2$argon2i$v=19$m=8,t=1,p=1$YWJjZGVmZ2hpamtsbW5vcA$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXo",
  pbkdf2: "pbkdf2_sha256$300$salt$xNZMnRcJ/BYKkTNjidI0MyBwjC9m5R4IVAmsGGwlEx0=",
  fewerIterations: "pbkdf2_sha256$20$salt$xNZMnRcJ/BYKkTNjidI0MyBwjC9m5R4IVAmsGGwlEx0=",
  pbkdf2Sha1: "pbkdf2_sha1$7$salt$xnb6Waevn/KzRdW60N8K57F+Wpk=",
  bcrypt: "bcrypt$$2b$04$0sAKKhQhEUUIfBJb6NGfweVMSF/8bEk5kXStu/Z1RCDjTLJ27gfFe",
  bcryptSha256: "bcrypt_sha256$$2b$04$9PifR11KNNMFZBS.XynI0OKn3KgBf.08VXaboMaT6/VE4Tg.053g.",
  scrypt: `scrypt$2$salt$1$1$${SCRYPT}`,
  scryptOfFiveLanes: `scrypt$2$salt$1$5$${SCRYPT}`,
  md5: "md5$a1B2c3D4e5F6$96425fcc38caeb7f96f753af5276537e",
  sha1: "sha1$a1b2c$2c6f757d3e4bdf92c0760ebf6f904a52e90a2538",
  bareMd5: "06c219e5bc8378f3a8a3f83b4b7e4649",
};

/** No password matches one of these. */
const UNREADABLE = [
  "!never",
  "",
  "mysecret",
  "crypt$$abJnggxhB/yWI",
  "pbkdf2_sha256$many$salt$",
  "argon2$x",
  "scrypt$",
];

async function setUp(stored: Record<string, string> = {}) {
  const test = await createTestApp({ POSTERN_THROTTLE: "off" });
  const { db } = test.services;
  const work: string[] = [];
  test.services.hasher = createHasher({
    concurrency: 2,
    maxWaiting: 10,
    argon2: QUICK_ARGON2,
    costs: () => listPasswordCosts(db),
    read: (encoded) => {
      const { name = "", iterations = 0 } = parseScheme(encoded) ?? {};
      work.push(...Array.from({ length: iterations }, () => name));
      return readHash(encoded);
    },
  });
  const add = async (username: string, encoded: string) => {
    const user = await test.addUser({ username, password: "right horse" });
    await setPassword(db, user.id, encoded);
    return user;
  };
  const importAll = async (stored: Record<string, string>) => {
    const common = { email: "", first_name: "", last_name: "", is_active: 1, is_staff: 0, is_superuser: 0 };
    const rows = Object.entries(stored).map(([username, password]) => ({
      ...common,
      username,
      password,
      date_joined: 0,
    }));
    if (rows.length > 0) await db.insertInto("users").values(rows).execute();
  };
  await importAll(stored);
  /** Logs in with a wrong password. @returns the iterations of each scheme, in their order */
  const workFor = async (username: string) => {
    work.length = 0;
    assert.equal((await createClient(test.app).login(username, "wrong")).status, 400);
    const counts = new Map<string, number>();
    for (const name of work) counts.set(name, (counts.get(name) ?? 0) + 1);
    return [...counts];
  };
  return { ...test, db, add, importAll, workFor };
}

describe("a wrong password takes the same work", () => {
  test("for each scheme of the user's password, and for an unknown user", async () => {
    const { workFor, addUser, add, db } = await setUp(CHEAP);
    await addUser({ username: "ours", password: "right horse" });
    await setActive(db, (await add("inactive", CHEAP.bcrypt)).id, false);
    for (const [index, encoded] of UNREADABLE.entries()) await add(`unreadable${index}`, encoded);
    const expected = await workFor("unknown");
    assert.deepEqual(expected, [
      [OURS, 1],
      ["md5", 1],
      ["sha1", 1],
      ["argon2$argon2i$v=19$m=8,t=1,p=1", 1],
      ["argon2$argon2id$v=19$m=16,t=2,p=2", 1],
      ["bcrypt$$2b$04", 1],
      ["bcrypt_sha256$$2b$04", 1],
      ["pbkdf2_sha1", 7],
      ["pbkdf2_sha256", 300],
      ["scrypt$2$1$1", 1],
      ["scrypt$2$1$5", 1],
    ]);
    for (const username of [
      ...Object.keys(CHEAP),
      "ours",
      "inactive",
      ...UNREADABLE.keys().map((n) => `unreadable${n}`),
    ])
      assert.deepEqual(await workFor(username), expected, username);
  });

  for (const [kind, encoded] of Object.entries(CHEAP)) {
    test(`at the first request after an import by SQL: ${kind}`, async () => {
      const { db, workFor, addUser } = await setUp();
      await addUser({ username: "ours", password: "right horse" });
      const before = await workFor("unknown");
      // Another program inserts the row.
      await sql`insert into users
        (username, email, first_name, last_name, password, is_active, is_staff, is_superuser, date_joined)
        values ('imported', '', '', '', ${encoded}, 1, 0, 0, 0)`.execute(db);
      const unknown = await workFor("unknown");
      assert.deepEqual(await workFor("imported"), unknown);
      assert.deepEqual(await workFor("ours"), unknown);
      assert(unknown.some(([name]) => name === parseScheme(encoded)?.name));
      await sql`update users set password = '!' where username = 'imported'`.execute(db);
      for (const username of ["unknown", "imported", "ours"]) assert.deepEqual(await workFor(username), before);
    });
  }

  test("if another password of the same scheme is damaged", async () => {
    const { workFor } = await setUp({ damaged: "pbkdf2_sha256$300$salt$short", imported: CHEAP.pbkdf2 });
    assert.deepEqual(await workFor("imported"), await workFor("unknown"));
    assert.deepEqual(await workFor("damaged"), await workFor("unknown"));
  });

  test("if passwords have hundreds of different iterations: the greatest counts", async () => {
    const { db, workFor, importAll } = await setUp({ scrypt: CHEAP.scrypt });
    const numbers = Array.from({ length: 200 }, (_, index) => index + 1);
    await importAll(Object.fromEntries(numbers.map((n) => [`rounds${n}`, CHEAP.pbkdf2.replace("$300$", `$${n}$`)])));
    const expected = await workFor("unknown");
    assert.deepEqual(expected, [
      [OURS, 1],
      ["md5", 1],
      ["sha1", 1],
      ["pbkdf2_sha256", 200],
      ["scrypt$2$1$1", 1],
    ]);
    for (const username of ["rounds1", "rounds99", "rounds200", "scrypt"])
      assert.deepEqual(await workFor(username), expected, username);
    await db.deleteFrom("users").execute();
    await importAll(Object.fromEntries(numbers.map((n) => [`m${n}`, CHEAP.argon2i.replace("m=8,", `m=${n + 8},`)])));
    const schemes = (await workFor("unknown")).length;
    assert(schemes <= 50, `${schemes} schemes are checked`);
  });

  test("and less work after a login has replaced the last imported password", async () => {
    const { app, workFor } = await setUp({
      taro: "pbkdf2_sha256$1000$oracleSALT0123456789ab$b3SaK/eRjQpkwp4jOrm6Oo0Gz0nH3OnhwGtCSzyLujE=",
    });
    assert.equal((await workFor("unknown")).find(([name]) => name === "pbkdf2_sha256")?.[1], 1000);
    assert.equal((await createClient(app).login("taro", "mysecret")).status, 202);
    assert.deepEqual(
      (await workFor("unknown")).map(([name]) => name),
      [OURS, "md5", "sha1"],
    );
  });
});

describe("the costs of stored passwords", () => {
  test("are listed once each, without those of unreadable passwords", async () => {
    const stored = Object.fromEntries([...Object.values(CHEAP), ...UNREADABLE].map((encoded, n) => [`u${n}`, encoded]));
    const { db, add } = await setUp(stored);
    await add("again", CHEAP.scrypt.replace("salt", "other9"));
    await add("unpadded", CHEAP.scrypt.replaceAll("=", ""));
    const readable = (await listPasswordCosts(db)).filter((cost) => readHash(decoyHash(cost) ?? "") !== null);
    assert.deepEqual(readable, [
      "argon2$argon2i$v=19$m=8,t=1,p=1",
      "argon2$argon2id$v=19$m=16,t=2,p=2",
      "bcrypt$$2b$04",
      "bcrypt_sha256$$2b$04",
      "pbkdf2_sha1$7",
      "pbkdf2_sha256$20",
      "pbkdf2_sha256$300",
      "scrypt$2$1$1",
      "scrypt$2$1$5",
    ]);
  });

  test("give a decoy of the same scheme for every readable password", {
    timeout: 60_000,
  }, async () => {
    const { db, add } = await setUp();
    const { id } = await add("any", "!");
    const salt = fc.string({ unit: fc.constantFrom(..."aZ09=,p+/.é密🔑 \\%_"), maxLength: 30 });
    const count = (max: number) => fc.integer({ min: 1, max });
    const base64 = (bytes: number) =>
      fc.constantFrom(btoa("a".repeat(bytes)), btoa("a".repeat(bytes)).replaceAll("=", ""));
    const encoded = fc.oneof(
      fc.tuple(count(5_000_000), salt, base64(32)).map(([rounds, s, h]) => `pbkdf2_sha256$${rounds}$${s}$${h}`),
      fc.tuple(count(5_000_000), salt, base64(20)).map(([rounds, s, h]) => `pbkdf2_sha1$${rounds}$${s}$${h}`),
      fc
        .tuple(count(14), salt, count(32), count(32), base64(64))
        .map(([n, s, r, p, h]) => `scrypt$${2 ** n}$${s}$${r}$${p}$${h}`),
      fc
        .tuple(fc.constantFrom("i", "d", "id"), count(32), count(8))
        .map(
          ([type, t, p]) =>
            `argon2$argon2${type}$v=19$m=${8 * p * t},t=${t},p=${p}$YWJjZGVmZ2hpamtsbW5vcA$${btoa("a".repeat(24))}`,
        ),
      fc.constantFrom(...DJANGO.map((one) => one.encoded), ...Object.values(CHEAP)),
    );
    await fc.assert(
      fc.asyncProperty(encoded, async (encoded) => {
        fc.pre(readHash(encoded) !== null);
        await setPassword(db, id, encoded);
        const kind = parseScheme(encoded);
        assert(kind);
        if (kind.name === "md5" || kind.name === "sha1") return; // Every check does one of each.
        const costs = await listPasswordCosts(db);
        assert.deepEqual(
          costs.map((cost) => parseScheme(decoyHash(cost) ?? "")),
          [kind],
        );
        for (const cost of costs) assert(readHash(decoyHash(cost) ?? ""), cost);
      }),
      { numRuns: repeats(500) },
    );
  });

  test("hold any text, however long", async () => {
    const { db, importAll } = await setUp();
    const starts = ["argon2$", "pbkdf2_sha256$", "pbkdf2_sha1$", "bcrypt$$2", "bcrypt_sha256$$2", "scrypt$", "x"];
    const ends = ["9".repeat(10_000), `$,p=${"a".repeat(10_000)}`, "=".repeat(200), `${"$".repeat(200)}=`, "$8$1$"];
    const odd = [...ends, `$8$${"1".repeat(200)}`, "é".repeat(200), "0"];
    const stored = starts.flatMap((start) => odd.map((end) => start + end));
    await importAll(Object.fromEntries(stored.map((encoded, n) => [`u${n}`, encoded])));
    assert((await listPasswordCosts(db)).every((cost) => cost.length <= 60));
  });

  test("are read from the index, however many users there are", async () => {
    const { db } = await setUp();
    const query = selectCosts(db, {});
    const isPostgres = TEST_DATABASE_URL !== undefined;
    if (isPostgres) return; // Whose planner reads a small table from end to end.
    const { rows } = await db.executeQuery<{ detail: string }>({ ...query, sql: `explain query plan ${query.sql}` });
    const reads = rows.map(({ detail }) => detail).filter((detail) => detail.includes("users"));
    assert.equal(reads.length, 2);
    for (const read of reads) assert.match(read, /^SEARCH users USING COVERING INDEX users_password_cost/);
  });
});

test("the scheme of any text is parsed without an error, and PBKDF2's iterations can be replaced", () => {
  const pieces = [
    "$",
    "argon2",
    "argon2id",
    "v=19",
    "m=8,t=1,p=1",
    "pbkdf2_sha256",
    "bcrypt",
    "2b",
    "12",
    "scrypt",
    "md5",
  ];
  fc.assert(
    fc.property(soup(...pieces), (text) => {
      const { iterations = 1 } = parseScheme(text) ?? {};
      assert(iterations >= 1 && typeof (decoyHash(text) ?? "") === "string");
    }),
    { numRuns: repeats(2000) },
  );
  assert.deepEqual(parseScheme("pbkdf2_sha256$260000$salt$hash"), { name: "pbkdf2_sha256", iterations: 260000 });
  assert.equal(withIterations("pbkdf2_sha256$260000$sa$1$lt$hash", 5), "pbkdf2_sha256$5$sa$1$lt$hash");
  assert.equal(withIterations("bcrypt$$2b$12$abc", 5), "bcrypt$$2b$12$abc");
});
