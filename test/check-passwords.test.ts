import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createSandbox, type Sandbox } from "./support/process.ts";

const PROCESSES = { timeout: 60_000 };

const SAFE = { PUBLIC_URL: "https://login.example.com", POSTERN_TRUSTED_PROXIES: "127.0.0.1" };

const PBKDF2 = "pbkdf2_sha256$260000$oracleSALT0123456789ab$xNZMnRcJ/BYKkTNjidI0MyBwjC9m5R4IVAmsGGwlEx0=";
const MD5 = "96425fcc38caeb7f96f753af5276537e";
const SHA1 = "2c6f757d3e4bdf92c0760ebf6f904a52e90a2538";
const ARGON2_OF_DJANGO = "argon2$argon2id$v=19$m=102400,t=2,p=8$b3JhY2xlU0FMVDAxMjM0NTY3ODlhYg$PgByPuCaFxsNrrnWTJocQg";

/** A sandbox with the superuser alice and imported users with these stored passwords. */
async function createImported(...passwords: string[]): Promise<Sandbox> {
  const sandbox = await createSandbox();
  await sandbox.run(["createsuperuser", "alice", "--password-stdin"], {
    input: "right horse",
    hasRealHashes: true,
  });
  const common = { email: "", first_name: "", last_name: "", is_active: 1, is_staff: 0, is_superuser: 0 };
  const rows = passwords.map((password, n) => ({ ...common, username: `u${n}`, password, date_joined: 0 }));
  await sandbox.withDatabase((db) => db.insertInto("users").values(rows).execute());
  return sandbox;
}

async function check(sandbox: Sandbox) {
  const { code, stdout } = await sandbox.run(["check", "--json"], { environment: SAFE });
  const all: { level: string; code: string; message: string; mend: string | null }[] = JSON.parse(stdout);
  const findings = all.filter(({ code }) => code !== "mail_off");
  const messages = Object.fromEntries(findings.map((finding) => [finding.code, finding.message]));
  return { exit: code, found: findings.map(({ level, code, mend }) => `${level} ${code} ${mend}`), messages };
}

describe("check counts the stored passwords", () => {
  test("that the next login replaces, by algorithm, as information", PROCESSES, async () => {
    await using sandbox = await createImported(
      PBKDF2,
      PBKDF2,
      ARGON2_OF_DJANGO,
      `sha1$a1b2c$${SHA1}`,
      MD5,
      `md5$$${MD5}`,
    );
    const { exit, found, messages } = await check(sandbox);
    assert.deepEqual({ exit, found }, { exit: 0, found: ["info foreign_hashes null", "info own_hashes null"] });
    assert.equal(
      messages["foreign_hashes"],
      "With an imported password hash: 6 users (2 pbkdf2_sha256, 2 unsalted md5, 1 argon2, 1 sha1). " +
        "The next login of a user replaces it. If the database is stolen, MD5 and SHA-1 protect no password. " +
        "Set a new password for users who no longer log in.",
    );
    assert.equal(messages["own_hashes"], "With a password hash of Postern, argon2id: 1 user.");
  });

  test("that together cost more than a login may take", PROCESSES, async () => {
    const bcrypt = "$$2b$16$0sAKKhQhEUUIfBJb6NGfweVMSF/8bEk5kXStu/Z1RCDjTLJ27gfFe";
    await using sandbox = await createImported(`bcrypt${bcrypt}`, `bcrypt_sha256${bcrypt}`, PBKDF2);
    const { exit, found, messages } = await check(sandbox);
    assert.equal(exit, 1);
    assert(found.includes("unsafe costly_hashes changepassword"), String(found));
    assert.match(
      messages["costly_hashes"] ?? "",
      /about 8 s .* Postern spends 4 s, .*: bcrypt\$\$2b\$16, bcrypt_sha256\$\$2b\$16, /,
    );
  });

  test("that no login can match, by algorithm, and says what to do", PROCESSES, async () => {
    await using sandbox = await createImported(
      "crypt$$abJnggxhB/yWI",
      "pbkdf2_sha256$260000$salt$c2hvcnQ=",
      "argon2$argon2id$v=19$m=19456,t=2,p=1$cut",
      "$2b$04$0sAKKhQhEUUIfBJb6NGfweVMSF/8bEk5kXStu/Z1RCDjTLJ27gfFe",
      "sha512_crypt$6$rounds=5000$salt$hash",
      "speak$friend",
      "speak friend",
      MD5.toUpperCase(),
      "",
      "!",
      "!never",
    );
    const { exit, found, messages } = await check(sandbox);
    assert.equal(exit, 1);
    assert.deepEqual(found, [
      "error unreadable_hashes changepassword",
      "error empty_passwords changepassword",
      "info unusable_passwords changepassword",
      "info own_hashes null",
    ]);
    assert.equal(
      messages["unreadable_hashes"],
      "With an unreadable password hash: 8 users (3 of no known format, 1 $2b$, 1 crypt, " +
        "1 damaged or too costly argon2, 1 damaged or too costly pbkdf2_sha256, 1 sha512_crypt). " +
        "These users cannot log in. Set a new password for each.",
    );
    assert.match(messages["empty_passwords"] ?? "", /: 1 user\./);
    assert.match(messages["unusable_passwords"] ?? "", /: 2 users\./);
    assert(!/speak|friend/i.test(JSON.stringify(messages)), "shows no password that was stored in plain text");
  });

  test("of more users than one batch holds", PROCESSES, async () => {
    await using sandbox = await createImported("!");
    await sandbox.withDatabase(async (db) => {
      const common = { email: "", first_name: "", last_name: "", is_active: 1, is_staff: 0, is_superuser: 0 };
      for (let batch = 0; batch < 12; batch++) {
        const names = Array.from({ length: 1000 }, (_, n) => `batch${batch}-${n}`);
        const rows = names.map((username) => ({ ...common, username, password: `md5$salt$${MD5}`, date_joined: 0 }));
        await db.insertInto("users").values(rows).execute();
      }
    });
    assert.match((await check(sandbox)).messages["foreign_hashes"] ?? "", /: 12,000 users \(12,000 md5\)\./);
  });
});
