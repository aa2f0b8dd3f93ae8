import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chmod, chown, copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { explainError } from "../lib/cli/explain-error.ts";
import { usePostgres } from "./support/postgres.ts";
import { createSandbox, quickProgram, type Sandbox } from "./support/process.ts";

const PROCESSES = { timeout: 120_000 };

/** The user `nobody`, because file modes do not restrict root. */
const USER = 65534;
const skip = process.getuid?.() === 0 ? false : "only root can run a command as another user";

/** A sandbox of that user, with a database. */
async function createUsersSandbox(): Promise<Sandbox> {
  const sandbox = await createSandbox();
  await chown(sandbox.folder, USER, USER);
  assert.equal((await sandbox.run(["migrate"], { uid: USER })).code, 0);
  return sandbox;
}

interface Expected {
  args: string[];
  url?: string;
  sentence: RegExp;
}

/** Asserts exit code 1 and one line on standard error, without a stack trace. */
async function assertNamed(sandbox: Sandbox, { args, url, sentence }: Expected, uid?: number): Promise<void> {
  const environment = url === undefined ? { PORT: "0" } : { PORT: "0", DATABASE_URL: url };
  const { code, stderr } = await sandbox.run(args, { environment, ...(uid === undefined ? {} : { uid }) });
  assert.match(stderr, sentence, args.join(" "));
  assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
  assert.equal(code, 1);
}

/** The commands run at the same time, as that user. */
async function assertAllNamed(sandbox: Sandbox, all: Expected[]): Promise<void> {
  await Promise.all(all.map((expected) => assertNamed(sandbox, expected, USER)));
}

describe("one sentence, and no stack trace, for", () => {
  test("a folder without search or write permission", { ...PROCESSES, skip }, async () => {
    await using sandbox = await createUsersSandbox();
    const folder = join(sandbox.folder, "locked");
    await mkdir(folder);
    for (const name of ["locked/postern.db", "copy.db"]) {
      await copyFile(join(sandbox.folder, "postern.db"), join(sandbox.folder, name));
      await chown(join(sandbox.folder, name), USER, USER);
    }
    const url = "sqlite:locked/postern.db";
    for (const [mode, problem] of [
      [0o700, "this user may not search the folder /.*/locked, or one above it"],
      [0o755, "this user may not write the folder /.*/locked"],
    ] as const) {
      await chmod(folder, mode);
      const beside = mode === 0o755 ? ", and SQLite creates its log there, beside the database" : "";
      const opening = new RegExp(`^Cannot open the database locked/postern\\.db: ${problem}${beside}\\.\\n$`);
      const restoring = /^Cannot restore copy\.db: this user may not write the folder \/.*\/locked\.\n$/;
      const writing = /^Cannot write the backup locked\/x\.db: this user may not write the folder \/.*\/locked\.\n$/;
      await assertAllNamed(sandbox, [
        { args: ["serve"], url, sentence: opening },
        { args: ["users"], url, sentence: opening },
        { args: ["restore", "copy.db", "--yes"], url, sentence: restoring },
        { args: ["backup", "locked/x.db"], sentence: writing },
      ]);
    }
  });

  test("a file without read permission", { ...PROCESSES, skip }, async () => {
    await using sandbox = await createUsersSandbox();
    await copyFile(join(sandbox.folder, "postern.db"), join(sandbox.folder, "roots.db"));
    await chmod(join(sandbox.folder, "roots.db"), 0o600);
    const opening = /^Cannot open the database roots\.db: this user may not read it\. Run as its owner/;
    const restoring = /^Cannot restore roots\.db: this user may not read it\.\n$/;
    await assertAllNamed(sandbox, [
      { args: ["users"], url: "sqlite:roots.db", sentence: opening },
      { args: ["restore", "roots.db", "--yes"], sentence: restoring },
    ]);
  });

  test("a damaged database, with the remedy", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await sandbox.run(["createuser", "alice", "--password-stdin"], { input: "right horse" });
    const whole = await readFile(join(sandbox.folder, "postern.db"));
    await writeFile(join(sandbox.folder, "half.db"), whole.subarray(0, whole.length / 2));
    const page = Buffer.from(whole);
    const at = page.indexOf("argon2$argon2id$");
    page.fill(0xff, at - (at % 4096), at - (at % 4096) + 200);
    await writeFile(join(sandbox.folder, "page.db"), page);
    for (const name of ["half", "page"]) {
      const sentence = new RegExp(
        `database ${name}\\.db[ :].*(malformed|damaged).*\\. Restore a backup, or save what is left: sqlite3 ${name}\\.db \\.recover`,
      );
      await assertNamed(sandbox, { args: ["users"], url: `sqlite:${name}.db`, sentence });
    }
  });

  test("standard output on a full disk", { ...PROCESSES, skip: !existsSync("/dev/full") }, async () => {
    await using sandbox = await createSandbox();
    await sandbox.run(["createuser", "alice", "--password-stdin"], { input: "right horse" });
    const run = async (command: string) => {
      const program = ["sh", "-c", `exec "$@" ${command} > /dev/full`, "sh", ...quickProgram()];
      const expected = { code: 1, stdout: "", stderr: "The command cannot go on: the disk is full.\n" };
      assert.deepEqual(await sandbox.run([], { program }), expected, command);
    };
    await Promise.all(["users", "users --json", "help"].map(run));
  });

  test("a path that is not a file", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await writeFile(join(sandbox.folder, "file"), "");
    for (const [url, problem] of [
      ["sqlite:/dev/null", "it is not a file"],
      ["sqlite:file/x.db", "file is not a folder"],
      [`sqlite:${"a".repeat(300)}.db`, "the name is too long"],
    ] as const) {
      await assertNamed(sandbox, { args: ["serve"], url, sentence: new RegExp(`: ${problem}\\.\\n$`) });
    }
  });
});

describe("one sentence, and no stack trace, for a Postgres server that", () => {
  const postgres = usePostgres(PROCESSES);

  test("does not answer, has an unknown host name, or denies the user", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const url = new URL(await postgres.createDatabase("named"));
    const changed = (part: Partial<URL>) => Object.assign(new URL(url), part).href;
    for (const [wrong, sentence] of [
      [
        "postgres://me@127.0.0.1:1/x",
        /^No Postgres answers at 127\.0\.0\.1 port 1 \(ECONNREFUSED\)\. Start it, or set/,
      ],
      ["postgres://me@nohost.invalid/x", /^The host nohost\.invalid of the Postgres (is unknown|cannot be looked up)/],
      [changed({ pathname: "/nowhere" }), /^Postgres has no database nowhere\. Create it/],
      [changed({ username: "stranger" }), /^Postgres denied user stranger: /],
    ] as const) {
      for (const args of [["serve"], ["users"]]) await assertNamed(sandbox, { args, url: wrong, sentence });
    }
  });

  test("takes no writes, as a standby: it never listens", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const url = await postgres.createDatabase("standby");
    assert.equal((await sandbox.run(["migrate"], { environment: { DATABASE_URL: url } })).code, 0);
    const environment = { DATABASE_URL: `${url}?options=-c%20default_transaction_read_only%3Don` };
    const { code, stdout, stderr } = await sandbox.run(["serve"], { environment });
    assert.deepEqual({ code, stdout }, { code: 1, stdout: "" });
    assert.match(stderr, /^Cannot migrate the database: .*read-only.*\.\n$/);
  });
});

test("two commands that give one name at the same moment on Postgres end in a sentence", () => {
  const error = Object.assign(new Error('duplicate key value violates unique constraint "users_username_key"'), {
    code: "23505",
  });
  assert.equal(
    explainError(error, "postgres://me@db.example/x"),
    "Another command gave the same name at the same moment. Try again.",
  );
});
