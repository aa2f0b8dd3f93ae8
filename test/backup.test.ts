import assert from "node:assert/strict";
import { chmod, copyFile, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fillDatabase, readDatabase } from "./support/content.ts";
import { IS_LONG } from "./support/effort.ts";
import { createSandbox, login, profile, type Sandbox, type Server } from "./support/process.ts";
import { runAtTerminal } from "./support/terminal.ts";

const PROCESSES = { timeout: 240_000 };

const SESSIONS = IS_LONG ? 20_000 : 5000;

const PASSWORD = "right horse";

async function addUser(sandbox: Sandbox, name: string): Promise<void> {
  assert.equal((await sandbox.run(["createuser", name, "--password-stdin"], { input: PASSWORD })).code, 0);
}

async function usernames(sandbox: Sandbox): Promise<string[]> {
  const users: { username: string }[] = JSON.parse((await sandbox.run(["users", "--json"])).stdout);
  return users.map(({ username }) => username);
}

const urlOf = (sandbox: Sandbox, name = "postern.db") => `sqlite:${join(sandbox.folder, name)}`;

/** Logs in without a pause until `stop` is called. @returns the number of successful logins */
function logInAllTheTime(server: Server): () => Promise<number> {
  let isOver = false;
  let count = 0;
  const loop = async () => {
    while (!isOver) if ((await login(server, "alice", PASSWORD)).status === 202) count++;
  };
  const loops = [loop(), loop(), loop()];
  return async () => {
    isOver = true;
    await Promise.all(loops);
    return count;
  };
}

/** A database with alice and bob, and a backup from before bob was created. */
async function backUpBeforeBob(sandbox: Sandbox): Promise<void> {
  await addUser(sandbox, "alice");
  assert.equal((await sandbox.run(["backup", "backup.db"])).code, 0);
  await addUser(sandbox, "bob");
}

/** Asserts one sentence on standard error, and that no file changed. */
async function assertRefuses(sandbox: Sandbox, code: number, args: string[], sentence: RegExp): Promise<void> {
  const before = await fingerprint(sandbox);
  const result = await sandbox.run(args);
  assert.deepEqual({ code: result.code, stdout: result.stdout }, { code, stdout: "" });
  assert.match(result.stderr, sentence);
  assert.equal(result.stderr.trimEnd().split("\n").length, 1);
  assert.deepEqual(await fingerprint(sandbox), before);
}

async function fingerprint(sandbox: Sandbox): Promise<Record<string, string>> {
  const names = (await readdir(sandbox.folder)).filter((name) => !/-(wal|shm)$/.test(name)).sort();
  const hashes = names.map(async (name) => {
    const hash = await crypto.subtle.digest("SHA-256", await readFile(join(sandbox.folder, name)));
    return [name, Buffer.from(hash).toString("hex")];
  });
  return Object.fromEntries(await Promise.all(hashes));
}

describe("backup", () => {
  test("is complete, consistent and readable by its owner only, while a server writes", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await addUser(sandbox, "alice");
    await fillDatabase(urlOf(sandbox), { users: 300, sessions: SESSIONS });
    const server = await sandbox.serve();
    assert.equal((await login(server, "alice", PASSWORD)).status, 202);
    const stopLogins = logInAllTheTime(server);
    for (const name of ["first.db", "second.db"]) {
      const result = await sandbox.run(["backup", name]);
      assert.deepEqual([result.code, result.stderr], [0, ""]);
      assert(result.stdout.startsWith(`Backup written to ${name} and checked. It does not have the secret key. `));
      assert.equal((await stat(join(sandbox.folder, name))).mode & 0o777, 0o600);
    }
    assert((await stopLogins()) > 0);
    await server.stop();
    const [first, second] = [
      await readDatabase(urlOf(sandbox, "first.db")),
      await readDatabase(urlOf(sandbox, "second.db")),
    ];
    assert(first.users.length === 301 && first.sessions.length > SESSIONS);
    assert(second.sessions.length >= first.sessions.length);
    assert(!(await readdir(sandbox.folder)).some((name) => name.includes("unfinished")));
  });

  test("overwrites no file and creates no folder", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await addUser(sandbox, "alice");
    await writeFile(join(sandbox.folder, "diary"), "Dear diary,\n");
    await assertRefuses(
      sandbox,
      1,
      ["backup", "diary"],
      /^diary exists already\. Choose another name: a backup overwrites nothing\.\n$/,
    );
    await assertRefuses(
      sandbox,
      1,
      ["backup", "no/such.db"],
      /^Cannot write the backup no\/such\.db: the folder no does not exist\.\n$/,
    );
    await assertRefuses(sandbox, 2, ["backup"], /^The file is missing\./);
  });

  test("names pg_dump for Postgres, and fails without a database", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const environment = { DATABASE_URL: "postgres://me@127.0.0.1:1/x" };
    const dumped = await sandbox.run(["backup", "x.db"], { environment });
    assert.deepEqual([dumped.code, /pg_dump/.test(dumped.stderr)], [1, true]);
    const restored = await sandbox.run(["restore", "x.db", "--yes"], { environment });
    assert.deepEqual([restored.code, /pg_restore/.test(restored.stderr)], [1, true]);
    await assertRefuses(sandbox, 1, ["backup", "x.db"], /^There is no database at /);
  });
});

describe("restore", () => {
  test("restores the backup, and keeps the replaced database", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await backUpBeforeBob(sandbox);
    const { code, stdout, stderr } = await sandbox.run(["restore", "backup.db", "--yes"]);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    const kept =
      /The replaced database is .*\/(postern\.db\.replaced-\d{4}-\d\d-\d\dT\d{6}\.\d{3}Z)\.\n$/.exec(stdout)?.[1] ?? "";
    assert.deepEqual((await readdir(sandbox.folder)).sort(), ["backup.db", "postern.db", kept, "postern.key"]);
    assert.deepEqual(await usernames(sandbox), ["alice"]);
    assert.equal((await stat(join(sandbox.folder, "postern.db"))).mode & 0o777, 0o600);
    const server = await sandbox.serveInProcess();
    assert.equal((await login(server, "alice", PASSWORD)).status, 202);
    await server.stop();
    // The replaced database can be restored too.
    assert.equal((await sandbox.run(["restore", kept, "--yes"])).code, 0);
    assert.deepEqual(await usernames(sandbox), ["alice", "bob"]);
  });

  test("creates a missing database, and does not apply the log of an older one", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await backUpBeforeBob(sandbox);
    await using elsewhere = await createSandbox();
    await copyFile(join(sandbox.folder, "backup.db"), join(elsewhere.folder, "backup.db"));
    for (const suffix of ["-wal", "-shm"]) await writeFile(join(elsewhere.folder, `postern.db${suffix}`), "stale");
    assert.equal((await elsewhere.run(["restore", "backup.db", "--yes"])).code, 0);
    assert.deepEqual((await readdir(elsewhere.folder)).sort(), ["backup.db", "postern.db"]);
    assert.deepEqual(await usernames(elsewhere), ["alice"]);
  });

  test("restores the sessions of the backup, or none with --end-sessions", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await addUser(sandbox, "alice");
    const server = await sandbox.serveInProcess();
    const { cookie } = await login(server, "alice", PASSWORD);
    await sandbox.run(["backup", "backup.db"]);
    await sandbox.run(["logoutuser", "alice"]);
    await server.stop();
    for (const [args, status] of [
      [[], 200],
      [["--end-sessions"], 403],
    ] as const) {
      assert.equal((await sandbox.run(["restore", "backup.db", "--yes", ...args])).code, 0);
      const server = await sandbox.serveInProcess();
      assert.equal((await profile(server, cookie)).status, status);
      await server.stop();
    }
  });

  test("fails while a server runs, idle or under load, and the server goes on", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await backUpBeforeBob(sandbox);
    const server = await sandbox.serve();
    const restore = ["restore", "backup.db", "--yes"];
    const sentence = /^\/.*\/postern\.db is open in a server or another command\. Stop it first\.\n$/;
    await assertRefuses(sandbox, 1, restore, sentence);
    const stopLogins = logInAllTheTime(server);
    for (let times = 0; times < (IS_LONG ? 3 : 1); times++) {
      const { code, stderr } = await sandbox.run(restore);
      assert.equal(code, 1);
      assert.match(stderr, sentence);
    }
    assert((await stopLogins()) > 0);
    assert.deepEqual(await usernames(sandbox), ["alice", "bob"]);
    await server.stop();
    assert.equal((await sandbox.run(restore)).code, 0);
  });

  test(
    "of a missing, foreign, truncated or newer file, or of the database itself, changes nothing",
    PROCESSES,
    async () => {
      await using sandbox = await createSandbox();
      await addUser(sandbox, "alice");
      await fillDatabase(urlOf(sandbox), { users: 5, sessions: 2000 });
      await sandbox.run(["backup", "backup.db"]);
      const whole = await readFile(join(sandbox.folder, "backup.db"));
      await writeFile(join(sandbox.folder, "cut.db"), whole.subarray(0, whole.length / 2));
      const scratched = Buffer.from(whole);
      scratched.fill(0xff, whole.length / 2, whole.length / 2 + 4096);
      await writeFile(join(sandbox.folder, "scratched.db"), scratched);
      await writeFile(join(sandbox.folder, "diary"), "Dear diary,\n".repeat(1000));
      await writeFile(join(sandbox.folder, "empty.db"), "");
      await using newer = await createSandbox();
      await addUser(newer, "alice");
      await newer.withDatabase((db) =>
        db
          .withTables<{ postern_migration: { name: string; timestamp: string } }>()
          .insertInto("postern_migration")
          .values({ name: "9999_x", timestamp: "2099-01-01T00:00:00.000Z" })
          .execute(),
      );
      await copyFile(join(newer.folder, "postern.db"), join(sandbox.folder, "newer.db"));
      for (const [file, sentence] of [
        ["nosuch.db", /^There is no file \/.*\/nosuch\.db\.\n$/],
        ["diary", /^Cannot restore diary: file is not a database\.\n$/],
        ["cut.db", /^Cannot restore cut\.db: .*(malformed|damaged).*\.\n$/],
        ["scratched.db", /^Cannot restore scratched\.db: .*(malformed|damaged).*\.\n$/],
        ["empty.db", /^Cannot restore empty\.db: it is not a database of Postern\.\n$/],
        ["newer.db", /^Cannot restore newer\.db: The database was migrated by a newer Postern /],
        ["postern.db", /^postern\.db is the database itself\. Name a backup of it\.\n$/],
      ] as const) {
        await assertRefuses(sandbox, 1, ["restore", file, "--yes"], sentence);
      }
    },
  );

  test("replaces a database that is too damaged to open, and keeps it", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await backUpBeforeBob(sandbox);
    await writeFile(join(sandbox.folder, "postern.db"), "Dear diary,\n".repeat(1000));
    assert.equal((await sandbox.run(["restore", "backup.db", "--yes"])).code, 0);
    assert.deepEqual(await usernames(sandbox), ["alice"]);
    const kept = (await readdir(sandbox.folder)).find((name) => name.includes("replaced")) ?? "";
    assert.match(await readFile(join(sandbox.folder, kept), "utf8"), /^Dear diary,/);
  });

  test("asks for a yes at a terminal, and needs --yes without one", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await backUpBeforeBob(sandbox);
    await assertRefuses(sandbox, 2, ["restore", "backup.db"], /^There is no terminal to confirm at\. Add --yes\.\n$/);
    await assertRefuses(sandbox, 1, ["restore", "nope.db"], /^There is no file \/.*\/nope\.db\.\n$/);
    const question = "backup.db, which has 1 user, 0 sessions and 1 event? Type yes to go on: ";
    const denied = await runAtTerminal(sandbox.folder, ["restore", "backup.db"], [[question, "y\r"]]);
    assert.equal(denied.code, 1);
    assert(denied.stdout.includes("Not confirmed. Nothing was changed."));
    assert.deepEqual((await readdir(sandbox.folder)).sort(), ["backup.db", "postern.db", "postern.key"]);
    const confirmed = await runAtTerminal(sandbox.folder, ["restore", "backup.db"], [[question, "yes\r"]]);
    assert.equal(confirmed.code, 0);
    assert.deepEqual(await usernames(sandbox), ["alice"]);
  });

  test("leaves the backup unchanged, and accepts a read-only one", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await backUpBeforeBob(sandbox);
    await chmod(join(sandbox.folder, "backup.db"), 0o400);
    const before = (await fingerprint(sandbox))["backup.db"];
    assert.equal((await sandbox.run(["restore", "backup.db", "--yes"])).code, 0);
    assert.equal((await fingerprint(sandbox))["backup.db"], before);
  });
});
