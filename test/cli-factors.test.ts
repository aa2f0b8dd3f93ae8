import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { findTotp } from "../db/factors.ts";
import type { Db } from "../db/open.ts";
import { findUser, type User } from "../db/users.ts";
import { deriveKeys, generateSecretKey, parseSecretKeys } from "../lib/crypto/keys.ts";
import { givePasskey } from "./support/enrolling.ts";
import { giveFactors } from "./support/factors.ts";
import { createSandbox, login, profile, type RunOptions, type Sandbox } from "./support/process.ts";
import { runAtTerminal } from "./support/terminal.ts";

const PROCESSES = { timeout: 60_000 };

const PASSWORD = "right horse battery";

const [ONE, TWO] = [generateSecretKey(), generateSecretKey()];

const withKey = (...keys: string[]) => ({ environment: { POSTERN_SECRET_KEY: keys.join(",") } });

async function findAlice(db: Db): Promise<User> {
  const user = await findUser(db, "alice");
  assert(user);
  return user;
}

/** Alice has an authenticator app, sealed with the first key, and recovery codes. */
async function createAlice(sandbox: Sandbox, options: RunOptions = withKey(ONE)): Promise<string[]> {
  const made = await sandbox.run(["createuser", "alice", "--password-stdin"], { input: PASSWORD, ...options });
  assert.equal(made.code, 0, made.stderr);
  const keys = deriveKeys(parseSecretKeys(ONE) ?? []);
  return sandbox.withDatabase(async (db) => {
    const services = { db, keys, now: () => Date.now() };
    return (await giveFactors({ services }, await findAlice(db))).recoveryCodes;
  });
}

/** The findings of `check` about second factors. */
async function checkFactors(sandbox: Sandbox, options: { environment: Record<string, string> }): Promise<string[]> {
  const { stdout } = await sandbox.run(["check", "--json"], options);
  const findings: { level: string; code: string; message: string }[] = JSON.parse(stdout);
  const some = findings.filter(({ code }) => /factor|passkey/.test(code));
  return some.map(({ level, code, message }) => `${level} ${code}: ${message}`);
}

const LOST =
  "1 authenticator app cannot be opened: the key that sealed them is missing. Put the old key back into " +
  "POSTERN_SECRET_KEY. Until then, these users log in with passkeys or recovery codes. For a user who has none, run " +
  "resetfactors USER.";

describe("resetfactors", () => {
  test("deletes the second factors, ends every session, and lets the password alone log in", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const [code = ""] = await createAlice(sandbox);
    await sandbox.withDatabase(async (db) => givePasskey(db, await findAlice(db)));
    const server = await sandbox.serveInProcess({ POSTERN_SECRET_KEY: ONE });
    const first = await fetch(`${server.url}/login/`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ username: "alice", password: PASSWORD }),
    });
    assert.equal(first.status, 403);
    const pending = first.headers.getSetCookie().map((line) => line.split(";", 1)[0] ?? "");
    const enter = (cookie: string) =>
      fetch(`${server.url}/login/second-factor/`, {
        method: "POST",
        headers: { "Content-Type": "application/json", "Sec-Fetch-Site": "same-origin", Cookie: cookie },
        body: JSON.stringify({ code }),
      });
    const waiting = await login(server, "alice", PASSWORD);
    assert.equal(waiting.status, 403);
    const second = await enter(pending.join("; "));
    assert.equal(second.status, 202);
    const cookie = second.headers.getSetCookie().find((line) => line.startsWith("sessionid=")) ?? "";
    assert.equal((await profile(server, cookie)).status, 200);
    const reset = await sandbox.run(["resetfactors", "alice", "--yes"], withKey(ONE));
    assert.deepEqual(reset, {
      code: 0,
      stdout: "Second factors of alice deleted. Every session ended.\n",
      stderr: "",
    });
    assert.equal((await profile(server, cookie)).status, 403);
    assert.equal((await enter(pending.join("; "))).status, 403, "a login that waited begins again");
    assert.equal((await login(server, "alice", PASSWORD)).status, 202);
    const left = await sandbox.withDatabase(async (db) => [
      (await findAlice(db)).hasSecondFactor,
      (await db.selectFrom("totp_factors").select("user_id").execute()).length,
      (await db.selectFrom("passkeys").select("id").execute()).length,
      (await db.selectFrom("recovery_codes").select("id").execute()).length,
      (await db.selectFrom("pending_logins").select("id").execute()).length,
    ]);
    assert.deepEqual(left, [false, 0, 0, 0, 0]);
    const trail = await sandbox.run(["audit", "--json"], withKey(ONE));
    assert.match(trail.stdout, /"factors_reset"/);
  });

  test("does nothing for a user without a second factor, and knows no other user", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await sandbox.run(["createuser", "bob", "--noinput"]);
    const none = await sandbox.run(["resetfactors", "bob", "--yes"]);
    assert.deepEqual(none, { code: 0, stdout: "bob has no second factor. Nothing was changed.\n", stderr: "" });
    const unknown = await sandbox.run(["resetfactors", "carol", "--yes"]);
    assert.deepEqual(unknown, { code: 1, stdout: "", stderr: 'There is no user "carol".\n' });
  });

  test("asks for the username, and changes nothing without it", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await createAlice(sandbox, {});
    const silent = await sandbox.run(["resetfactors", "alice"]);
    assert.deepEqual([silent.code, silent.stderr], [2, "There is no terminal to confirm at. Add --yes.\n"]);
    const question = "Afterwards the password alone logs in. Type the username (alice) to go on: ";
    const denied = await runAtTerminal(sandbox.folder, ["resetfactors", "alice"], [[question, "y\r"]]);
    assert.equal(denied.code, 1);
    assert.equal(await sandbox.withDatabase(async (db) => (await findAlice(db)).hasSecondFactor), true);
  });
});

test("users lists the second factors that each user has", PROCESSES, async () => {
  await using sandbox = await createSandbox();
  await createAlice(sandbox);
  await sandbox.withDatabase(async (db) => givePasskey(db, await findAlice(db)));
  await sandbox.run(["createuser", "bob", "--noinput"], withKey(ONE));
  const table = (await sandbox.run(["users"], withKey(ONE))).stdout;
  assert.match(table, /^USERNAME .* FACTORS +GROUPS$/m);
  assert.match(table, /^alice .* totp, 1 passkey, 10 codes/m);
  const listed: { second_factors: unknown }[] = JSON.parse(
    (await sandbox.run(["users", "--json"], withKey(ONE))).stdout,
  );
  assert.deepEqual(
    listed.map((user) => user.second_factors),
    [
      { totp: true, passkeys: 1, recovery_codes: 10 },
      { totp: false, passkeys: 0, recovery_codes: 0 },
    ],
  );
});

describe("a rotation of the secret key", () => {
  test("is done by rotate-keys, which says when no authenticator app needs the old key", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await createAlice(sandbox);
    const secretOf = () =>
      sandbox.withDatabase(async (db) => (await findTotp(db, (await findAlice(db)).id))?.secret ?? "");
    const before = await secretOf();
    const rotation = withKey(TWO, ONE);
    const old = "info factor_key_old: An old key has sealed the secrets of 1 authenticator app. They still open.";
    assert.deepEqual(
      (await checkFactors(sandbox, rotation)).filter((line) => line.includes("factor_key")),
      [old],
    );
    const first = await sandbox.run(["rotate-keys"], rotation);
    assert.deepEqual(
      [first.code, first.stdout],
      [
        0,
        "Secrets of 1 authenticator app sealed again with the first key. 0 had it before.\n" +
          "No authenticator app needs an old key any more.\n",
      ],
    );
    assert.match(first.stderr, /^Keep the old keys: they have signed the newest events/);
    assert.notEqual(await secretOf(), before);
    await sandbox.run(["createuser", "bob", "--noinput"], rotation);
    const again = await sandbox.run(["rotate-keys"], rotation);
    assert.match(
      again.stdout,
      /^Secrets of 0 authenticator apps sealed again with the first key\. 1 had it before\.\n/,
    );
    assert.match(again.stderr, /^Keep the old keys until the events that they signed are older/);
    assert.deepEqual(
      (await checkFactors(sandbox, withKey(TWO))).filter((line) => line.includes("factor_key")),
      [],
    );
    const alone = await sandbox.run(["rotate-keys"], withKey(TWO));
    assert.deepEqual([alone.code, alone.stderr], [0, ""], "the new key alone is enough");
  });

  test("that lost the old key is named by check, serve and rotate-keys", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await createAlice(sandbox);
    const denied = await sandbox.run(["users"], withKey(TWO));
    assert.match(denied.stderr, /authenticator apps that it sealed cannot be opened/);
    assert.equal((await sandbox.run(["audit", "--new-key"], withKey(TWO))).code, 0);
    assert.deepEqual((await checkFactors(sandbox, withKey(TWO)))[0], `error factor_key_lost: ${LOST}`);
    const rotated = await sandbox.run(["rotate-keys"], withKey(TWO));
    assert.deepEqual([rotated.code, rotated.stderr], [1, `${LOST}\n`]);
    const server = await sandbox.serve(withKey(TWO));
    assert.equal((await server.event("factor_key_lost"))["remark"], LOST);
    await server.stop();
  });
});

test("changepassword asks fewer characters of a user with a second factor, by the rules nist", PROCESSES, async () => {
  await using sandbox = await createSandbox();
  await createAlice(sandbox);
  await sandbox.run(["createuser", "bob", "--noinput"], withKey(ONE));
  const environment = { POSTERN_SECRET_KEY: ONE, POSTERN_PASSWORD_RULES: "nist" };
  const set = (name: string) =>
    sandbox.run(["changepassword", name, "--password-stdin"], { input: "k7#qz!pv", environment });
  assert.equal((await set("alice")).code, 0);
  const denied = await set("bob");
  assert.equal(denied.code, 1);
  assert.match(denied.stderr, /^This password is too short\. It must contain at least 15 characters\.\n/);
});

test("check says that passkeys are off without PUBLIC_URL, and how many there are", PROCESSES, async () => {
  await using sandbox = await createSandbox();
  await createAlice(sandbox);
  const off = "Passkeys are off: without PUBLIC_URL their domain is unknown. They work at localhost alone.";
  assert.deepEqual(await checkFactors(sandbox, withKey(ONE)), [`info passkeys_off: ${off}`]);
  await sandbox.withDatabase(async (db) => givePasskey(db, await findAlice(db)));
  const dead = "1 passkey cannot be used: without PUBLIC_URL their domain is unknown.";
  assert.deepEqual(await checkFactors(sandbox, withKey(ONE)), [`error passkeys_off: ${dead}`]);
  const environment = { POSTERN_SECRET_KEY: ONE, PUBLIC_URL: "https://example.com" };
  assert.deepEqual(await checkFactors(sandbox, { environment }), []);
});

test("a restore says that the key is missing, and lets no waiting login go on", PROCESSES, async () => {
  await using sandbox = await createSandbox();
  await createAlice(sandbox);
  const server = await sandbox.serveInProcess({ POSTERN_SECRET_KEY: ONE });
  assert.equal((await login(server, "alice", PASSWORD)).status, 403);
  const backup = await sandbox.run(["backup", "backup.db"], withKey(ONE));
  assert.match(
    backup.stdout,
    /It does not have the secret key\. .*: the audit trail and authenticator apps need it\.\n$/,
  );
  await server.stop();
  await rm(join(sandbox.folder, "postern.db"));
  const restored = await sandbox.run(["restore", "backup.db", "--yes"]);
  assert.equal(restored.code, 0, restored.stderr);
  assert.match(restored.stdout, /: 1 user, 1 authenticator app, 10 recovery codes, 0 sessions and 1 event\.\n/);
  assert.match(restored.stderr, new RegExp(`\n${LOST.replaceAll(".", "\\.")}\n$`));
  const waiting = await sandbox.withDatabase((db) => db.selectFrom("pending_logins").select("id").execute());
  assert.deepEqual(waiting, []);
});
