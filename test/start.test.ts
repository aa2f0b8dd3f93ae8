import assert from "node:assert/strict";
import { once } from "node:events";
import { chmod, copyFile, mkdir, readdir, stat, symlink, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { parseConfig } from "../lib/config/load.ts";
import { IS_LONG } from "./support/effort.ts";
import { createSandbox, login, profile, type RunOptions, type Sandbox } from "./support/process.ts";
import { IS_DENO } from "./support/runtime.ts";

const PROCESSES = { timeout: 60_000 };

const PASSWORD = "right horse";

/** The user `nobody`, because file modes do not restrict root. */
const NOBODY = 65534;

/** Asserts exit code 1, an empty standard output, and exactly these sentences on standard error. */
async function assertStops(sandbox: Sandbox, sentences: string[], options: RunOptions = {}): Promise<void> {
  const expected = { code: 1, stdout: "", stderr: sentences.map((sentence) => `${sentence}\n`).join("") };
  assert.deepEqual(await sandbox.run(["serve"], options), expected);
}

describe("the start fails with one sentence if the database is", () => {
  test("a file of another format, which stays unchanged", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await writeFile(join(sandbox.folder, "postern.db"), "Dear diary,\n".repeat(1000));
    await assertStops(sandbox, [
      "Cannot open the database postern.db: file is not a database. Restore a backup, or save what is left: " +
        "sqlite3 postern.db .recover | sqlite3 recovered.db.",
    ]);
    assert.deepEqual(await readdir(sandbox.folder), ["postern.db"]);
  });

  test("a folder", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await mkdir(join(sandbox.folder, "postern.db"));
    await assertStops(sandbox, ["Cannot open the database postern.db: it is a folder."]);
  });

  test("in a missing folder, which is not created", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const sentence = "Cannot open the database data/postern.db: the folder data does not exist.";
    await assertStops(sandbox, [sentence], { environment: { DATABASE_URL: "sqlite:data/postern.db" } });
    assert.deepEqual(await readdir(sandbox.folder), []);
  });

  test("migrated by a newer Postern: so does every command, and the file stays unchanged", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await sandbox.run(["migrate"]);
    await sandbox.withDatabase((db) =>
      db
        .withTables<{ postern_migration: { name: string; timestamp: string } }>()
        .insertInto("postern_migration")
        .values({ name: "9999_x", timestamp: "2099-01-01T00:00:00.000Z" })
        .execute(),
    );
    const sentence =
      "The database was migrated by a newer Postern (it has 9999_x, which this version does not know). " +
      "Run that version, or restore a backup from before the upgrade.";
    await assertStops(sandbox, [sentence]);
    for (const args of [["migrate"], ["users"], ["createuser", "bob", "--password-stdin"]]) {
      assert.deepEqual(await sandbox.run(args, { input: "x" }), { code: 1, stdout: "", stderr: `${sentence}\n` });
    }
  });

  test("of another application that has tables of the same names", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await sandbox.withDatabase((db) => db.schema.createTable("users").addColumn("x", "text").execute());
    const { code, stdout, stderr } = await sandbox.run(["serve"]);
    assert.deepEqual({ code, stdout }, { code: 1, stdout: "" });
    assert.match(stderr, /^[^\n]+\.\n$/);
    const tables = await sandbox.withDatabase((db) => db.introspection.getTables({ withInternalKyselyTables: true }));
    assert.deepEqual(
      tables.map(({ name }) => name),
      ["users"],
    );
  });

  test("a read-only file", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await sandbox.run(["migrate"]);
    const folder = join(sandbox.folder, "read-only");
    await mkdir(folder);
    await copyFile(join(sandbox.folder, "postern.db"), join(folder, "postern.db"));
    await chmod(join(folder, "postern.db"), 0o444);
    await chmod(folder, 0o555);
    await chmod(sandbox.folder, 0o755);
    const options: RunOptions = {
      environment: { DATABASE_URL: "sqlite:read-only/postern.db", HOME: folder },
      // File modes do not restrict root.
      ...(process.getuid?.() === 0 ? { uid: NOBODY } : {}),
    };
    const result = await sandbox.run(["serve"], options).finally(() => chmod(folder, 0o755));
    assert.deepEqual({ code: result.code, stdout: result.stdout }, { code: 1, stdout: "" });
    // The reason is the system's or SQLite's own.
    assert.match(result.stderr, /^Cannot open the database read-only\/postern\.db: .+\.\n$/);
  });
});

test("the start fails with one sentence if the port is in use", PROCESSES, async () => {
  await using sandbox = await createSandbox();
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const address = other.address();
  assert(address !== null && typeof address === "object");
  const sentence = `Port ${address.port} is in use. Stop the other server, or set PORT.`;
  await assertStops(sandbox, [sentence], { environment: { PORT: String(address.port) } });
  other.close();
});

describe("the start fails for these settings:", () => {
  test("several wrong ones, all of which are listed", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const environment = {
      PORT: "80x",
      DATABASE_URL: "mysql://root:hidden@localhost/x",
      PUBLIC_URL: "https://example.com/path",
      POSTERN_SESSION_IDLE_SECONDS: "1",
      POSTERN_SESION_MAX_AGE_SECONDS: "3600",
    };
    const { code, stdout, stderr } = await sandbox.run(["serve"], { environment });
    assert.deepEqual({ code, stdout }, { code: 1, stdout: "" });
    assert.deepEqual(stderr.trimEnd().split("\n").sort(), [
      "DATABASE_URL is not understood: expected sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME.",
      'PORT is "80x": expected a whole number from 0 to 65535.',
      "POSTERN_SESION_MAX_AGE_SECONDS is not a setting. Did you mean POSTERN_SESSION_MAX_AGE_SECONDS? The command help settings lists them.",
      'POSTERN_SESSION_IDLE_SECONDS is "1": expected a whole number from 300 to 34560000.',
      'PUBLIC_URL is "https://example.com/path": expected an origin such as https://example.com, without a path.',
    ]);
    assert.deepEqual(await readdir(sandbox.folder), []);
  });

  for (const [what, environment, sentence] of [
    [
      "an unknown name that begins with POSTERN_",
      { POSTERN_COOKIE_NAME: "sid" },
      "POSTERN_COOKIE_NAME is not a setting. The command help settings lists them.",
    ],
    [
      "a prefix that the name of a setting does not have",
      { POSTERN_DATABASE_URL: "sqlite:x.db" },
      "POSTERN_DATABASE_URL is not a setting. Did you mean DATABASE_URL? The command help settings lists them.",
    ],
    [
      "a __Host- cookie without https",
      { POSTERN_SESSION_COOKIE_NAME: "__Host-sid", PUBLIC_URL: "http://example.com" },
      'POSTERN_SESSION_COOKIE_NAME is "__Host-sid": browsers accept this prefix over https only. Set PUBLIC_URL to an https origin.',
    ],
    [
      "a __Host- cookie with a domain",
      {
        POSTERN_SESSION_COOKIE_NAME: "__Host-sid",
        PUBLIC_URL: "https://login.example.com",
        POSTERN_COOKIE_DOMAIN: "example.com",
      },
      'POSTERN_SESSION_COOKIE_NAME is "__Host-sid": a __Host- cookie has no domain. Unset POSTERN_COOKIE_DOMAIN.',
    ],
    [
      "an idle timeout that is not longer than the body timeout",
      { POSTERN_IDLE_TIMEOUT_SECONDS: "20", POSTERN_BODY_TIMEOUT_SECONDS: "20" },
      "POSTERN_IDLE_TIMEOUT_SECONDS is 20, and POSTERN_BODY_TIMEOUT_SECONDS is 20: the connection of a slow body would be closed without an answer. Set the first to more than the second.",
    ],
    [
      "a cookie domain that does not include the public host",
      { PUBLIC_URL: "https://login.notexample.com", POSTERN_COOKIE_DOMAIN: "example.com" },
      'POSTERN_COOKIE_DOMAIN is "example.com": login.notexample.com, the host of PUBLIC_URL, is outside of it, so browsers would reject the cookies.',
    ],
  ] as const) {
    test(what, PROCESSES, async () => {
      await using sandbox = await createSandbox();
      await assertStops(sandbox, [sentence], { environment });
    });
  }

  test("but not for the variables that Kubernetes sets if a Service is named postern", () => {
    const environment = {
      POSTERN_SERVICE_HOST: "10.0.0.1",
      POSTERN_PORT: "tcp://10.0.0.1:8000",
      POSTERN_PORT_8000_TCP: "x",
    };
    assert.equal(parseConfig(environment).port, 8000);
  });

  test("but not for an empty variable, which counts as unset", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const environment = { DATABASE_URL: "", HOST: "", PUBLIC_URL: "", POSTERN_COOKIE_DOMAIN: "" };
    const server = await sandbox.serve({ environment });
    assert.equal((await server.stop()).code, 0);
    assert.deepEqual((await readdir(sandbox.folder)).sort(), ["postern.db", "postern.key"]);
  });
});

for (const [where, name] of [
  ["where it is to be", "postern.db"],
  ["where a link leads to", "behind.db"],
] as const) {
  test(`a new database, created ${where}, can be read by its owner only`, PROCESSES, async () => {
    await using sandbox = await createSandbox();
    if (name !== "postern.db") await symlink(name, join(sandbox.folder, "postern.db"));
    const server = await sandbox.serveInProcess();
    await sandbox.run(["createuser", "alice", "--password-stdin"], { input: PASSWORD });
    const made = await readdir(sandbox.folder);
    assert(made.includes(`${name}-wal`));
    for (const file of made) assert.equal((await stat(join(sandbox.folder, file))).mode & 0o077, 0, file);
    await server.stop();
  });
}

test("two processes that start at the same time on one new file share users and sessions", PROCESSES, async () => {
  await using sandbox = await createSandbox();
  const [first, second] = await Promise.all([sandbox.serve(), sandbox.serve()]);
  await sandbox.run(["createuser", "alice", "--password-stdin"], { input: PASSWORD });
  const logins = await Promise.all([first, second].map((server) => login(server, "alice", PASSWORD)));
  for (const { status, cookie } of logins) {
    assert.equal(status, 202);
    for (const server of [first, second]) assert.equal((await profile(server, cookie)).status, 200);
  }
});

describe("the server that is stopped", () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`by ${signal} exits with 0, even if a client keeps its connection open`, PROCESSES, async () => {
      await using sandbox = await createSandbox();
      await sandbox.run(["createuser", "alice", "--password-stdin"], { input: PASSWORD });
      const server = await sandbox.serve();
      const idle = connect(server.port, "127.0.0.1");
      idle.on("error", () => {});
      idle.write("GET /profile/ HTTP/1.1\r\nHost: x\r\n\r\n");
      await once(idle, "data");
      const { code, stderr } = await server.stop(signal);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
      assert.equal(server.events().at(-1)?.["event"], "stopped");
      idle.destroy();
    });
  }

  test("immediately after it logs that it listens exits with 0", PROCESSES, async () => {
    const startAndStop = async () => {
      await using sandbox = await createSandbox();
      const server = await sandbox.serve({}, ["serve"], { isHasty: true });
      assert.equal((await server.stop()).code, 0);
    };
    await Promise.all(Array.from({ length: IS_LONG ? 5 : 2 }, startAndStop));
  });

  test("accepts no new connection, but answers the request in flight", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await sandbox.run(["createuser", "alice", "--password-stdin"], { input: PASSWORD });
    const server = await sandbox.serve();
    const body = JSON.stringify({ username: "alice", password: PASSWORD });
    const head = `POST /login/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`;
    const client = connect(server.port, "127.0.0.1");
    client.write(`${head}\r\nExpect: 100-continue\r\n\r\n`);
    // The interim answer shows that the request is in flight.
    const [interim] = await once(client, "data");
    assert.match(String(interim), /^HTTP\/1\.1 100 /);
    const stopped = server.stop();
    // Deno would abort the body, so there the server listens until the last answer.
    if (IS_DENO) await sleep(200);
    else while (await accepts(server.port));
    client.write(body);
    const [answer] = await once(client, "data");
    assert.match(String(answer), /^HTTP\/1\.1 202 /);
    client.end();
    assert.equal((await stopped).code, 0);
    assert.equal(await accepts(server.port), false);
  });

  test("leaves one database file with all data in it", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await sandbox.run(["createuser", "alice", "--password-stdin"], { input: PASSWORD });
    const server = await sandbox.serve();
    const { cookie } = await login(server, "alice", PASSWORD);
    await server.stop();
    assert.deepEqual((await readdir(sandbox.folder)).sort(), ["postern.db", "postern.key"]);
    const next = await sandbox.serveInProcess();
    assert.equal((await profile(next, cookie)).status, 200);
  });
});

/** @returns whether the port accepts a connection */
function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
