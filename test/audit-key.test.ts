import assert from "node:assert/strict";
import { chmod, chown, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { deriveKeys, generateSecretKey, parseSecretKeys } from "../lib/crypto/keys.ts";
import { createSandbox, type Sandbox } from "./support/process.ts";

const PROCESSES = { timeout: 60_000 };
const PASSWORD = { input: "right horse battery" };
const KEY = /^[A-Za-z0-9_-]{43}\n$/;

const createUser = (sandbox: Sandbox, name: string, environment: Record<string, string> = {}) =>
  sandbox.run(["createuser", name, "--password-stdin"], { ...PASSWORD, environment });

/** @returns the findings of `check` about the key */
async function keyFindings(sandbox: Sandbox, environment: Record<string, string> = {}): Promise<string[]> {
  const { stdout } = await sandbox.run(["check", "--json"], { environment });
  const findings: { level: string; code: string }[] = JSON.parse(stdout);
  return findings.filter(({ code }) => /(^|_)key|trail/.test(code)).map(({ level, code }) => `${level} ${code}`);
}

const keysOf = (...texts: string[]) => deriveKeys(parseSecretKeys(texts.join(",")) ?? []).audit;

describe("a secret key", () => {
  test("is 32 bytes in base64url; several are separated by commas", () => {
    const [one, other] = [generateSecretKey(), generateSecretKey()];
    assert.notEqual(one, other);
    assert.equal(parseSecretKeys(one)?.[0]?.length, 32);
    assert.equal(parseSecretKeys(`${one}, ${other}`)?.length, 2);
    const malformed = [
      "",
      ",",
      `${one},`,
      one.slice(1),
      `${one}=`,
      `${one}a`,
      `${one.slice(1)}!`,
      `${"a".repeat(42)}b`,
    ];
    for (const text of malformed) assert.equal(parseSecretKeys(text), null, text);
  });

  test("verifies its own MACs, also after the new key in a rotation", () => {
    const [old, fresh] = [generateSecretKey(), generateSecretKey()];
    const mac = keysOf(old).sign(["a", 1]);
    assert(keysOf(old).verify(["a", 1], mac));
    assert(keysOf(fresh, old).verify(["a", 1], mac));
    assert(!keysOf(fresh).verify(["a", 1], mac));
    assert(!keysOf(fresh).knows(mac));
    assert(keysOf(fresh).verify(["a", 1], keysOf(fresh, old).sign(["a", 1])));
  });

  test("does not verify other values, even if their concatenation is equal", () => {
    const key = keysOf(generateSecretKey());
    const mac = key.sign(["a", "bc", 1]);
    for (const fields of [
      ["ab", "c", 1],
      ["a", "bc", "1"],
      ["a", "bc"],
      ["a", "bc", 1, ""],
      ["a,bc", 1],
    ]) {
      assert(!key.verify(fields, mac), JSON.stringify(fields));
    }
    for (const text of ["", ".", mac.slice(0, -2), `${mac}00`, mac.toUpperCase(), mac.slice(9)]) {
      assert(!key.verify(["a", "bc", 1], text), text);
    }
  });
});

describe("the key file", () => {
  test("is created beside the database, readable by its owner only, and used later", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    assert.equal((await createUser(sandbox, "alice")).code, 0);
    const path = join(sandbox.folder, "postern.key");
    const text = await readFile(path, "utf8");
    assert.match(text, KEY);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal((await createUser(sandbox, "bob")).code, 0);
    assert.equal(await readFile(path, "utf8"), text);
  });

  test("is created once by several processes that start at the same time", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const names = ["alice", "bob", "carol", "dave"];
    const create = (name: string) => sandbox.spawn(["createuser", name, "--password-stdin"], PASSWORD);
    const results = await Promise.all(names.map(create));
    for (const { code, stderr } of results) assert.equal(code, 0, stderr);
    assert.equal((await sandbox.run(["audit", "--verify"])).code, 0);
  });

  test("is not created if the setting holds the key", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const { stdout } = await sandbox.run(["generate-key"]);
    assert.match(stdout, KEY);
    assert.equal((await createUser(sandbox, "alice", { POSTERN_SECRET_KEY: stdout.trim() })).code, 0);
    await assert.rejects(stat(join(sandbox.folder, "postern.key")), { code: "ENOENT" });
  });

  const isRoot = process.getuid?.() === 0;
  const FAULTS: Record<string, [(path: string) => Promise<unknown>, RegExp]> = {
    "can be read by others": [(path) => chmod(path, 0o640), /can be read by other users\. Run: chmod 600 /],
    "is a symbolic link": [
      async (path) => {
        await rename(path, `${path}.elsewhere`);
        await symlink(`${path}.elsewhere`, path);
      },
      /is a symbolic link\. Put the file itself there\./,
    ],
    "is a link that leads nowhere": [
      async (path) => {
        await rm(path);
        await symlink("/nonexistent/postern.key", path);
      },
      /is a symbolic link/,
    ],
    "holds something else": [
      (path) => writeFile(path, "secret\n"),
      /holds no valid key\. Put the key of this database back\./,
    ],
    "is empty": [(path) => writeFile(path, ""), /holds no valid key/],
    ...(isRoot
      ? { "belongs to another user": [(path) => chown(path, 4242, 4242), /belongs to another user \(4242\)/] }
      : {}),
  };
  for (const [what, [spoil, sentence]] of Object.entries(FAULTS)) {
    test(`makes every command fail with a sentence if it ${what}`, PROCESSES, async () => {
      await using sandbox = await createSandbox();
      await createUser(sandbox, "alice");
      const path = join(sandbox.folder, "postern.key");
      const key = (await readFile(path, "utf8")).trim();
      assert.deepEqual(await keyFindings(sandbox), []);
      await spoil(path);
      assert.deepEqual(await keyFindings(sandbox), ["error key_file"]);
      // Each command waits for the text of an empty file, which another process may be writing: both at once.
      const run = what === "is empty" ? sandbox.spawn : sandbox.run;
      const commands = [["serve"], ["users"]].map((command) => run(command, { environment: { PORT: "0" } }));
      for (const { code, stdout, stderr } of await Promise.all(commands)) {
        assert.equal(code, 1);
        assert.match(stderr, sentence);
        assert(!(stdout + stderr).includes(key) && stderr.split("\n").length === 2, stderr);
      }
    });
  }
});

describe("a lost key", () => {
  test("is reported by check and by verification, and the trail goes on", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await createUser(sandbox, "alice");
    const path = join(sandbox.folder, "postern.key");
    await rename(path, `${path}.kept`);
    assert.deepEqual(await keyFindings(sandbox), ["error key_missing"]);
    assert.equal((await createUser(sandbox, "bob")).code, 0);
    assert.match(await readFile(path, "utf8"), KEY);
    assert.deepEqual(await keyFindings(sandbox), ["error trail_changed"]);
    const { code, stdout } = await sandbox.run(["audit", "--verify"]);
    assert.equal(code, 1);
    assert.match(stdout, /signed with a key that POSTERN_SECRET_KEY does not have/);
  });

  test("makes every command fail if the setting has another key, until `audit --new-key`", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await createUser(sandbox, "alice");
    const environment = { POSTERN_SECRET_KEY: generateSecretKey() };
    const wrong = await sandbox.run(["users"], { environment });
    assert.deepEqual([wrong.code, wrong.stdout], [1, ""]);
    assert.match(wrong.stderr, /^The audit trail is signed with another key\. Put the key of this database/);
    assert.deepEqual(await keyFindings(sandbox, environment), ["error key_lost"]);
    assert.equal((await sandbox.run(["audit", "--new-key"], { environment })).code, 0);
    assert.equal((await createUser(sandbox, "bob", environment)).code, 0);
    assert.equal((await sandbox.run(["audit", "--verify"], { environment })).code, 1);
    assert.equal((await sandbox.run(["audit", "--new-key"], { environment })).code, 1);
  });
});

describe("POSTERN_SECRET_KEY", () => {
  test("is required for Postgres, and the sentence says how to get it", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const environment = { DATABASE_URL: "postgres://me:hush@127.0.0.1:1/x", POSTERN_SECRET_KEY: "" };
    const { code, stderr } = await sandbox.run(["users"], { environment });
    assert.deepEqual([code, await keyFindings(sandbox, environment)], [1, ["error key_missing"]]);
    assert.match(stderr, /^POSTERN_SECRET_KEY is not set, and Postgres needs it\. The command generate-key prints one/);
  });

  test("is never printed, valid or not", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const key = generateSecretKey();
    for (const text of [`${key}x`, `${key},`, key]) {
      const environment = { POSTERN_SECRET_KEY: text, PORT: "x" };
      const { stdout, stderr } = await sandbox.run(["serve"], { environment });
      assert(!(stdout + stderr).includes(key), stderr);
    }
  });
});
