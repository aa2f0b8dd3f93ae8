import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { COMMANDS } from "../lib/cli/commands.ts";
import { createSandbox, FROM_SOURCE, login, profile, type Sandbox, type Server } from "./support/process.ts";
import { exchange } from "./support/raw-http.ts";
import { PROGRAM } from "./support/runtime.ts";

const PROCESSES = { timeout: 60_000 };

const PASSWORD = "right horse";

async function createAlice(sandbox: Sandbox): Promise<void> {
  const { code, stdout } = await sandbox.run(["createuser", "alice", "--password-stdin"], { input: PASSWORD });
  assert.deepEqual({ code, stdout }, { code: 0, stdout: "User alice created.\n" });
}

/** A database with alice, and a server on it in a separate process. */
async function withAlice(sandbox: Sandbox): Promise<Server> {
  await createAlice(sandbox);
  return sandbox.serve();
}

/** The same with the server in this process. */
async function withAliceInProcess(sandbox: Sandbox): Promise<Pick<Server, "url">> {
  await createAlice(sandbox);
  return sandbox.serveInProcess();
}

async function assertPrints(sandbox: Sandbox, args: string[], stdout: string, input = ""): Promise<void> {
  assert.deepEqual(await sandbox.run(args, { input }), { code: 0, stdout, stderr: "" });
}

/** Asserts this exit code and one sentence on standard error. */
async function assertRefuses(
  sandbox: Sandbox,
  code: number,
  args: string[],
  sentence: string,
  input: string | Uint8Array = "",
): Promise<void> {
  assert.deepEqual(await sandbox.run(args, { input }), { code, stdout: "", stderr: `${sentence}\n` });
}

const NO_FACTORS = { totp: false, passkeys: 0, recovery_codes: 0 };

describe("users", () => {
  test("are listed after they are created, as a table and as JSON", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const bob = ["--email", "Bob@EXAMPLE.com", "--first-name", "Bob", "--last-name", "Builder", "--staff"];
    // In processes of their own.
    const made = await sandbox.spawn(["createuser", "bob", ...bob, "--password-stdin"], { input: PASSWORD });
    assert.deepEqual(made, { code: 0, stdout: "User bob created.\n", stderr: "" });
    const alice = ["createsuperuser", "--username", "alice", "--password-stdin"];
    await assertPrints(sandbox, alice, "Superuser alice created.\n", PASSWORD);
    await assertPrints(sandbox, ["deactivate", "bob"], "bob can no longer log in. Every session ended.\n");
    const { stdout } = await sandbox.spawn(["users"]);
    const instant = "\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d";
    const [heading = "", first = "", second = "", ...rest] = stdout.split("\n");
    assert.match(heading, /^USERNAME +EMAIL +PROVED +NAME +ACTIVE +ROLE +JOINED +LAST LOGIN +FACTORS +GROUPS$/);
    assert.match(first, new RegExp(`^alice +yes +superuser +${instant} +never$`));
    assert.match(second, new RegExp(`^bob +Bob@example\\.com +no +Bob Builder +no +staff +${instant} +never$`));
    assert.deepEqual(rest, [""]);
    const json: Record<string, unknown>[] = JSON.parse((await sandbox.run(["users", "--json"])).stdout);
    const common = { email_proved_at: null, is_staff: true, groups: [], last_login: null, second_factors: NO_FACTORS };
    assert.deepEqual(
      json.map(({ id, date_joined, ...user }) => user),
      [
        { ...common, username: "alice", email: "", first_name: "", last_name: "", is_active: true, is_superuser: true },
        {
          ...common,
          username: "bob",
          email: "Bob@example.com",
          first_name: "Bob",
          last_name: "Builder",
          is_active: false,
          is_superuser: false,
        },
      ],
    );
  });

  test("can log in after they are created, also if a line break followed the password", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await createAlice(sandbox);
    const server = await sandbox.serveInProcess();
    for (const [name, input] of [
      ["bob", "right horse\n"],
      ["carl", "right horse\r\n"],
    ] as const) {
      await assertPrints(sandbox, ["createuser", name, "--password-stdin"], `User ${name} created.\n`, input);
      assert.equal((await login(server, name, PASSWORD)).status, 202);
    }
    const { cookie } = await login(server, "alice", PASSWORD);
    assert.equal((await profile(server, cookie)).status, 200);
  });

  test("may have a password of 4096 bytes, but not of 4097", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const server = await sandbox.serveInProcess();
    const longest = "ä".repeat(2048);
    await assertPrints(sandbox, ["createuser", "alice", "--password-stdin"], "User alice created.\n", longest);
    assert.equal((await login(server, "alice", longest)).status, 202);
    const sentence = "The password is 4097 bytes long; at most 4096 are allowed.";
    await assertRefuses(sandbox, 1, ["createuser", "bob", "--password-stdin"], sentence, `${longest}x`);
  });

  test("whose name is typed in full-width letters get the normalised name", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const wide = "\uff41\uff4c\uff49\uff43\uff45";
    const made = await sandbox.run(["createuser", wide, "--password-stdin"], { input: "right horse" });
    assert.equal(made.stdout, "User alice created.\n");
    assert.equal((await sandbox.run(["logoutuser", wide])).stdout, "0 sessions of alice ended.\n");
    const again = await sandbox.run(["createuser", wide, "--password-stdin"], { input: "x" });
    assert.equal(again.stderr, "That username is already taken.\n");
  });

  test("have no password in the output, the log or the files", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const server = await withAlice(sandbox);
    await login(server, "alice", PASSWORD);
    const changed = await sandbox.run(["changepassword", "alice", "--password-stdin"], { input: "left horse" });
    await login(server, "alice", "left horse");
    const written = [changed.stdout, changed.stderr, JSON.stringify(server.events())];
    for (const name of await readdir(sandbox.folder)) {
      written.push((await readFile(join(sandbox.folder, name))).toString("latin1"));
    }
    assert(written.every((text) => !/right horse|left horse/.test(text)));
    assert(written.some((text) => text.includes("argon2$argon2id$")));
  });

  test("get no password from an argument, and none is printed", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const optionNames = COMMANDS.flatMap(({ options }) => Object.entries(options))
      .filter(([, { type }]) => type === "string")
      .map(([name]) => name);
    assert.deepEqual(
      [...new Set(optionNames)].join(" "),
      "username email first-name last-name group add-group remove-group language retry drop user since from to",
    );
    for (const args of [["--password=secret"], ["--password", "secret"], ["secret"], ["--password-stdin=secret"]]) {
      const { code, stdout, stderr } = await sandbox.run(["createuser", "bob", ...args]);
      assert.equal(code, 2);
      assert(!`${stdout}${stderr}`.includes("secret"));
    }
  });
});

describe("beside a running server", () => {
  for (const [args, input, again] of [
    [["changepassword", "alice", "--password-stdin"], "left horse", 400],
    [["deactivate", "alice"], "", 400],
    [["deleteuser", "alice", "--yes"], "", 400],
    [["logoutuser", "alice"], "", 202],
  ] as const) {
    test(`${args[0]} ends all sessions of the user, and no others, before the next request`, PROCESSES, async () => {
      await using sandbox = await createSandbox();
      await createAlice(sandbox);
      // The first in a process of its own, the others beside the commands.
      const server = await (args[0] === "changepassword" ? sandbox.serve() : sandbox.serveInProcess());
      await sandbox.run(["createuser", "bob", "--password-stdin"], { input: PASSWORD });
      const [alice, bob] = [await login(server, "alice", PASSWORD), await login(server, "bob", PASSWORD)];
      assert.equal((await profile(server, alice.cookie)).status, 200);
      assert.equal((await sandbox.run([...args], { input })).code, 0);
      assert.equal((await profile(server, alice.cookie)).status, 403);
      assert.equal((await profile(server, bob.cookie)).status, 200);
      assert.equal((await login(server, "alice", PASSWORD)).status, again);
    });
  }

  test("changepassword makes the new password valid", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const server = await withAliceInProcess(sandbox);
    const sentence = "Password of alice changed. Every session ended.\n";
    await assertPrints(sandbox, ["changepassword", "alice", "--password-stdin"], sentence, "left horse\n");
    assert.equal((await login(server, "alice", "left horse")).status, 202);
  });

  test("activate permits logins again, but restores no ended session", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const server = await withAliceInProcess(sandbox);
    const { cookie } = await login(server, "alice", PASSWORD);
    await sandbox.run(["deactivate", "alice"]);
    await assertPrints(sandbox, ["activate", "alice"], "alice can log in.\n");
    assert.equal((await profile(server, cookie)).status, 403);
    assert.equal((await login(server, "alice", PASSWORD)).status, 202);
  });

  test("sessions lists a user's sessions, and no User-Agent controls the terminal", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const server = await withAliceInProcess(sandbox);
    // 0x9B of Latin-1 is CSI in one byte. A header cannot contain ESC, so the test writes it to the database.
    const body = JSON.stringify({ username: "alice", password: PASSWORD });
    const head = `POST /login/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`;
    const request = Buffer.from(`${head}\r\nUser-Agent: Evil\x9b2J\r\n\r\n${body}`, "latin1");
    assert.equal((await exchange(Number(new URL(server.url).port), request, false))?.status, 202);
    await login(server, "alice", PASSWORD);
    await sandbox.withDatabase((db) =>
      db
        .updateTable("sessions")
        .set({ user_agent: "\x1b]0;owned\x07\u202e" })
        .where("user_agent", "not like", "Evil%")
        .execute(),
    );
    const { code, stdout } = await sandbox.run(["sessions", "alice"]);
    assert.equal(code, 0);
    assert.match(stdout, /^STARTED +LAST SEEN +EXPIRES +ADDRESS +USER AGENT\n/);
    assert.equal(stdout.match(/ 127\.0\.0\.1 /g)?.length, 2);
    assert(stdout.includes("Evil") && stdout.includes("owned"));
    assert.doesNotMatch(stdout.replaceAll("\n", ""), /\p{C}/u);
    const json: Record<string, unknown>[] = JSON.parse((await sandbox.run(["sessions", "alice", "--json"])).stdout);
    assert.deepEqual(
      json.map((session) => Object.keys(session)),
      Array(2).fill(["created_at", "last_seen_at", "expires_at", "ip", "user_agent"]),
    );
  });

  test("clearsessions deletes exactly the ended sessions", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const server = await withAliceInProcess(sandbox);
    const logins = await Promise.all([1, 2, 3].map(() => login(server, "alice", PASSWORD)));
    await sandbox.withDatabase(async (db) => {
      const [idle, expired] = await db.selectFrom("sessions").select("id").execute();
      await db
        .updateTable("sessions")
        .set({ last_seen_at: 0 })
        .where("id", "=", idle?.id ?? "")
        .execute();
      await db
        .updateTable("sessions")
        .set({ expires_at: 0 })
        .where("id", "=", expired?.id ?? "")
        .execute();
    });
    await assertPrints(sandbox, ["clearsessions"], "2 sessions cleared.\n");
    await assertPrints(sandbox, ["clearsessions"], "0 sessions cleared.\n");
    const answers = await Promise.all(logins.map(({ cookie }) => profile(server, cookie)));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 403, 403]);
  });
});

describe("the database", () => {
  test("migrate applies the missing migrations, and none the second time", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const { code, stdout } = await sandbox.run(["migrate"]);
    assert.equal(code, 0);
    assert.match(stdout, /^Applied 0001_users_and_sessions\b.*\.\n$/);
    await assertPrints(sandbox, ["migrate"], "No migrations to apply.\n");
  });

  test("serve on an empty database names the command that creates the first user", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const server = await sandbox.serve();
    const { remark } = await server.event("no_users");
    assert.equal(remark, `There is no user yet. Create one: ${PROGRAM} createsuperuser`);
    await server.stop();
    await sandbox.run(["createsuperuser", "alice", "--password-stdin"], { input: PASSWORD });
    const next = await sandbox.serve();
    await next.stop();
    assert(!next.events().some(({ event }) => event === "no_users"));
  });

  test("settings are read from .env in the folder, but the environment has priority", PROCESSES, async () => {
    await using sandbox = await createSandbox(FROM_SOURCE); // server.ts reads the file on Deno.
    await writeFile(join(sandbox.folder, ".env"), "DATABASE_URL=sqlite:from-dot-env.db\nPUBLIC_URL=nonsense\n");
    const sentence = 'PUBLIC_URL is "nonsense": expected an origin such as https://example.com, without a path.';
    await assertRefuses(sandbox, 1, ["migrate"], sentence);
    const { code } = await sandbox.run(["migrate"], { environment: { PUBLIC_URL: "https://example.com" } });
    assert.equal(code, 0);
    assert.deepEqual((await readdir(sandbox.folder)).sort(), [".env", "from-dot-env.db", "postern.key"]);
  });

  test("serve is the default command, and runserver is its other name", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    for (const args of [[], ["runserver"]]) {
      const server = await sandbox.serve({}, args);
      assert.equal((await profile(server, "")).status, 403);
      assert.equal((await server.stop()).code, 0);
    }
  });
});
