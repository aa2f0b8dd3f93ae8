import assert from "node:assert/strict";
import { chmod, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { configFindings } from "../lib/cli/findings.ts";
import { mailFindings } from "../lib/cli/mail-findings.ts";
import { parseConfig } from "../lib/config/load.ts";
import { createSandbox, type Sandbox } from "./support/process.ts";

const PROCESSES = { timeout: 60_000 };

const PROXIES = { POSTERN_TRUSTED_PROXIES: "127.0.0.1" };
const SAFE = { PUBLIC_URL: "https://login.example.com", ...PROXIES };

/** `check` counts hashes with other costs than those of production. */
const SUPERUSER = { input: "right horse", hasRealHashes: true };

interface Found {
  level: string;
  code: string;
  message: string;
  mend: string | null;
}

/** @returns the findings of `check --json` but the one that says that mail is off: level, code and remedy */
async function check(
  sandbox: Sandbox,
  environment: Record<string, string> = SAFE,
): Promise<{ exit: number | null; found: string[] }> {
  const { code, stdout } = await sandbox.run(["check", "--json"], { environment });
  const findings: Found[] = JSON.parse(stdout);
  const others = findings.filter(({ code }) => code !== "mail_off" && code !== "passkeys_off");
  return { exit: code, found: others.map(({ level, code, mend }) => `${level} ${code} ${mend}`) };
}

/** A sandbox without findings, over https. */
async function createSound(): Promise<Sandbox> {
  const sandbox = await createSandbox();
  const made = await sandbox.run(["createsuperuser", "alice", "--password-stdin"], SUPERUSER);
  assert.equal(made.code, 0);
  return sandbox;
}

const MAIL_OFF =
  "info    Mail is off: there is no password reset, no sign-up, and no notice to users. [POSTERN_MAIL_URL]\n";

describe("check", () => {
  test("finds nothing to change in a safe installation, and exits with 0", PROCESSES, async () => {
    await using sandbox = await createSound();
    const result = await sandbox.run(["check"], { environment: SAFE });
    assert.deepEqual(result, { code: 0, stdout: `${MAIL_OFF}Nothing to fix.\n`, stderr: "" });
    assert.deepEqual(await check(sandbox), { exit: 0, found: [] });
  });

  test("prints each finding with its remedy, and exits with 1", PROCESSES, async () => {
    await using sandbox = await createSound();
    await chmod(join(sandbox.folder, "postern.db"), 0o644);
    assert.deepEqual(await sandbox.run(["check"]), {
      code: 1,
      stdout:
        "unsafe  PUBLIC_URL is not set: the server accepts every Host, and cookies are not Secure. [PUBLIC_URL]\n" +
        "unsafe  Other users can read or write postern.db, which has password hashes. [chmod 600 postern.db]\n" +
        "info    Passkeys are off: without PUBLIC_URL their domain is unknown. They work at localhost alone. [PUBLIC_URL]\n" +
        MAIL_OFF,
      stderr: "2 findings to fix.\n",
    });
  });

  test("follows links to the files", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await symlink("behind.db", join(sandbox.folder, "postern.db"));
    const server = await sandbox.serve();
    await chmod(join(sandbox.folder, "behind.db-wal"), 0o644);
    const { stdout } = await sandbox.run(["check"]);
    assert.match(stdout, /read or write \S*behind\.db-wal,/);
    assert.doesNotMatch(stdout, /read or write \S*postern\.db,/);
    await server.stop();
  });

  const skip = process.getuid?.() === 0 ? false : "only root can run the command as another user";
  test("finds and names a folder that its user cannot write", { ...PROCESSES, skip }, async () => {
    await using sandbox = await createSound();
    await chmod(sandbox.folder, 0o755);
    await chmod(join(sandbox.folder, "postern.db"), 0o666);
    const { code, stdout } = await sandbox.run(["check"], { environment: SAFE, uid: 65534 });
    assert.equal(code, 1);
    assert(stdout.startsWith(`error   This user cannot write to the folder ${sandbox.folder}. `), stdout);
  });

  test("lists every error in the settings, with its setting", PROCESSES, async () => {
    await using sandbox = await createSound();
    const { exit, found } = await check(sandbox, { PORT: "80x", POSTERN_SESION: "1" });
    assert.equal(exit, 1);
    assert.deepEqual(found.sort(), ["error setting PORT", "error setting POSTERN_SESION"]);
  });

  test("creates no database and migrates none", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    assert.deepEqual(await check(sandbox), { exit: 1, found: ["error database DATABASE_URL"] });
    assert.deepEqual(await readdir(sandbox.folder), []);
    await sandbox.withDatabase((db) => db.introspection.getTables());
    const before = await readFile(join(sandbox.folder, "postern.db"));
    assert.deepEqual(await check(sandbox), { exit: 1, found: ["error not_migrated migrate"] });
    assert.deepEqual(await readFile(join(sandbox.folder, "postern.db")), before);
  });

  test("finds a database that is newer, foreign, in memory, damaged, or does not answer", PROCESSES, async () => {
    await using sandbox = await createSound();
    const on = (DATABASE_URL: string) => check(sandbox, { ...SAFE, DATABASE_URL });
    const unreachable = await on("postgres://me:hush@127.0.0.1:1/x");
    assert.deepEqual(unreachable, { exit: 1, found: ["error database DATABASE_URL"] });
    assert.deepEqual(await on("sqlite::memory:"), { exit: 1, found: ["error memory DATABASE_URL"] });
    await writeFile(join(sandbox.folder, "diary"), "Dear diary,\n".repeat(1000));
    assert.deepEqual(await on("sqlite:diary"), { exit: 1, found: ["error database DATABASE_URL"] });
    await sandbox.withDatabase((db) =>
      db
        .withTables<{ postern_migration: { name: string; timestamp: string } }>()
        .insertInto("postern_migration")
        .values({ name: "9999_x", timestamp: "2099-01-01T00:00:00.000Z" })
        .execute(),
    );
    assert.deepEqual(await check(sandbox), { exit: 1, found: ["error newer DATABASE_URL"] });
    await using foreign = await createSandbox();
    await foreign.withDatabase((db) => db.schema.createTable("users").addColumn("x", "text").execute());
    assert.deepEqual(await check(foreign), { exit: 1, found: ["error foreign DATABASE_URL"] });
  });

  test("finds a damaged page", PROCESSES, async () => {
    await using sandbox = await createSound();
    const path = join(sandbox.folder, "postern.db");
    const bytes = await readFile(path);
    // A table's page with pointers to missing cells.
    const at = bytes.indexOf("argon2$argon2id$");
    bytes.fill(0xff, at - (at % 4096) + 8, at - (at % 4096) + 10);
    await writeFile(path, bytes);
    const { exit, found } = await check(sandbox);
    assert.equal(exit, 1);
    assert.equal(found.length, 1);
    assert.match(found[0] ?? "", /^error (damaged restore|database DATABASE_URL)$/);
  });

  test("finds that there is no active superuser, and that ended sessions were not deleted", PROCESSES, async () => {
    await using sandbox = await createSound();
    await sandbox.withDatabase(async (db) => {
      const { id } = await db.selectFrom("users").select("id").executeTakeFirstOrThrow();
      const times = { created_at: 0, last_seen_at: 0, expires_at: 1 };
      await db
        .insertInto("sessions")
        .values({ id: "00", user_id: id, ip: "", user_agent: "", ...times })
        .execute();
      await db.updateTable("users").set({ is_active: 0 }).execute();
    });
    const findings = ["info no_superuser createsuperuser", "error sessions_not_cleared clearsessions"];
    assert.deepEqual(await check(sandbox), { exit: 1, found: findings });
    await sandbox.run(["clearsessions"]);
    assert.deepEqual(await check(sandbox), { exit: 0, found: findings.slice(0, 1) });
  });

  test("works while a server runs", PROCESSES, async () => {
    await using sandbox = await createSound();
    const server = await sandbox.serve();
    assert.deepEqual(await check(sandbox), { exit: 0, found: [] });
    assert.equal((await server.stop()).code, 0);
  });
});

describe("settings that check finds unsafe:", () => {
  const https = "https://login.example.com";
  for (const [what, environment, codes] of [
    ["none on https", { PUBLIC_URL: https }, []],
    ["none on a loopback address", { PUBLIC_URL: "http://127.0.0.1:8000" }, []],
    ["http on another", { PUBLIC_URL: "http://login.example.com" }, ["public_url_http"]],
    ["a cookie for a whole domain", { PUBLIC_URL: https, POSTERN_COOKIE_DOMAIN: "example.com" }, ["cookie_domain"]],
    ["a cookie without its prefix", { PUBLIC_URL: https, POSTERN_SESSION_COOKIE_NAME: "sid" }, ["cookie_name"]],
    ["not a cookie with it", { PUBLIC_URL: https, POSTERN_SESSION_COOKIE_NAME: "__Host-sid" }, []],
    ["not a sibling's origin", { PUBLIC_URL: https, POSTERN_TRUSTED_ORIGINS: "https://app.example.com" }, []],
    ["no proxy that is trusted", { PUBLIC_URL: https, POSTERN_TRUSTED_PROXIES: "" }, ["no_trusted_proxies"]],
    ["not that without https", { PUBLIC_URL: "http://127.0.0.1", POSTERN_TRUSTED_PROXIES: "" }, []],
    ["an underscore in the host", { PUBLIC_URL: "https://log_in.example.com" }, ["host_name"]],
    [
      "an underscore in an origin's host",
      { PUBLIC_URL: https, POSTERN_TRUSTED_ORIGINS: "https://my_app.example.com" },
      ["host_name"],
    ],
    ["logins that are not throttled", { PUBLIC_URL: https, POSTERN_THROTTLE: "off" }, ["throttle_off"]],
    ["another site's", { PUBLIC_URL: https, POSTERN_TRUSTED_ORIGINS: "https://example.org" }, ["foreign_origin"]],
    ["another scheme's", { PUBLIC_URL: https, POSTERN_TRUSTED_ORIGINS: "http://app.example.com" }, ["foreign_origin"]],
    [
      "an origin of another customer of the same registry",
      { PUBLIC_URL: "https://a.co.uk", POSTERN_TRUSTED_ORIGINS: "https://b.co.uk,https://app.a.co.uk" },
      ["foreign_origin"],
    ],
    [
      "another address",
      { PUBLIC_URL: "http://127.0.0.1", POSTERN_TRUSTED_ORIGINS: "http://10.1.0.1,http://127.0.0.1:3000" },
      ["foreign_origin"],
    ],
  ] as const) {
    test(what, async () => {
      const findings = await configFindings(parseConfig({ ...PROXIES, ...environment }));
      assert.deepEqual(
        findings.map(({ code }) => code),
        codes,
      );
    });
  }
});

describe("check says whether mail is on, and finds", () => {
  const url = "https://login.example.com";
  const sender = { POSTERN_MAIL_FROM: "login@example.com", PUBLIC_URL: url };
  for (const [what, environment, findings] of [
    ["nothing unsafe without mail", {}, ["info mail_off"]],
    ["nothing unsafe with TLS", { ...sender, POSTERN_MAIL_URL: "smtps://u:p@mail.example.com" }, ["info mail_on"]],
    ["nothing unsafe on this machine", { ...sender, POSTERN_MAIL_URL: "smtp://[::1]:25?tls=off" }, ["info mail_on"]],
    [
      "mail to another machine without TLS",
      { ...sender, POSTERN_MAIL_URL: "smtp://mail.example.com?tls=off" },
      ["info mail_on", "unsafe mail_without_tls"],
    ],
    ["mails that are printed in production", { ...sender, POSTERN_MAIL_URL: "console:" }, ["unsafe mail_console"]],
    ["nothing unsafe in development", { POSTERN_MAIL_URL: "console:" }, ["info mail_console"]],
  ] as const) {
    test(what, () => {
      const found = mailFindings(parseConfig(environment));
      assert.deepEqual(
        found.map(({ level, code }) => `${level} ${code}`),
        findings,
      );
      assert(!JSON.stringify(found).includes("u:p@"));
    });
  }
});
