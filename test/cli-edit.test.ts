import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createSandbox, login, type Sandbox } from "./support/process.ts";
import { PROGRAM } from "./support/runtime.ts";

const PROCESSES = { timeout: 60_000 };

const PASSWORD = "right horse";

/** A database with the users alice and bob. */
async function createUsers(): Promise<Sandbox> {
  const sandbox = await createSandbox();
  for (const name of ["alice", "bob"]) {
    await sandbox.run(["createuser", name, "--password-stdin"], { input: PASSWORD });
  }
  return sandbox;
}

async function userOf(sandbox: Sandbox, username: string): Promise<Record<string, unknown> | undefined> {
  const users: Record<string, unknown>[] = JSON.parse((await sandbox.run(["users", "--json"])).stdout);
  return users.find((user) => user["username"] === username);
}

/** The fields that the audit trail names for each change. */
async function listChanges(sandbox: Sandbox): Promise<unknown[]> {
  const { stdout } = await sandbox.run(["audit", "--json"]);
  const events: Record<string, unknown>[] = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  return events
    .filter(({ event }) => event === "user_changed")
    .map(({ username, actor, detail }) => ({ username, actor, detail }));
}

describe("edituser", () => {
  test("changes the given fields, and the audit trail names the fields that differ", PROCESSES, async () => {
    await using sandbox = await createUsers();
    const names = ["--email", "Bob@EXAMPLE.com", "--first-name", "Bob", "--last-name", "Builder"];
    const stdout = "User bob changed.\n";
    const ended = { code: 0, stdout, stderr: "" };
    assert.deepEqual(await sandbox.run(["edituser", "bob", ...names, "--staff", "--superuser"]), ended);
    const common = {
      email: "Bob@example.com",
      email_proved_at: null,
      first_name: "Bob",
      last_name: "Builder",
      is_active: true,
      groups: [],
      second_factors: { totp: false, passkeys: 0, recovery_codes: 0 },
    };
    const { id, date_joined, last_login, ...user } = (await userOf(sandbox, "bob")) ?? {};
    assert.deepEqual(user, { ...common, username: "bob", is_staff: true, is_superuser: true });
    assert.deepEqual(await sandbox.run(["edituser", "bob", "--email", "Bob@example.com", "--no-staff"]), ended);
    assert.deepEqual(await sandbox.run(["edituser", "bob", "--no-staff", "--last-name", "Builder"]), ended);
    assert.equal((await userOf(sandbox, "bob"))?.["is_staff"], false);
    const by = { username: "bob", actor: "command line" };
    assert.deepEqual(await listChanges(sandbox), [
      { ...by, detail: "first_name last_name email is_staff is_superuser" },
      { ...by, detail: "is_staff" },
    ]);
  });

  test("gives a user another name, in NFKC, under which the user logs in", PROCESSES, async () => {
    await using sandbox = await createUsers();
    const wide = "\uff52obert";
    const { stdout } = await sandbox.run(["edituser", "bob", "--username", wide]);
    assert.equal(stdout, "User robert changed.\n");
    const server = await sandbox.serveInProcess();
    assert.equal((await login(server, "robert", PASSWORD)).status, 202);
    assert.equal((await login(server, "bob", PASSWORD)).status, 400);
    await server.stop();
  });

  for (const [what, args, code, sentence] of [
    ["a name that another user has", ["--username", "alice"], 1, "That username is already taken."],
    [
      "a name with a space in it",
      ["--username", "b b"],
      1,
      "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.",
    ],
    ["an address without an @", ["--email", "bob"], 1, "Enter a valid email address."],
    [
      "a name of 151 characters",
      ["--first-name", "b".repeat(151)],
      1,
      "Ensure this value has at most 150 characters (it has 151).",
    ],
    ["no change", [], 2, `Nothing to change is given. See: ${PROGRAM} help edituser`],
    ["a flag and its opposite", ["--staff", "--no-staff"], 2, "--staff and --no-staff exclude each other."],
  ] as const) {
    test(`denies ${what}, and changes nothing`, PROCESSES, async () => {
      await using sandbox = await createUsers();
      const before = await userOf(sandbox, "bob");
      const denied = { code, stdout: "", stderr: `${sentence}\n` };
      assert.deepEqual(await sandbox.run(["edituser", "bob", ...args]), denied);
      assert.deepEqual(await userOf(sandbox, "bob"), before);
    });
  }

  test("changes the address of a user whose imported name is not valid", PROCESSES, async () => {
    await using sandbox = await createUsers();
    await sandbox.withDatabase((db) =>
      db.updateTable("users").set({ username: "b b" }).where("username", "=", "bob").execute(),
    );
    assert.equal((await sandbox.run(["edituser", "b b", "--email", "bob@example.com"])).code, 0);
  });
});

describe("createuser --noinput", () => {
  test("creates a user who cannot log in until a password is set, and check counts the user", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const made = await sandbox.run(["createuser", "robot", "--noinput"]);
    const stderr = `robot has no password. Set one: ${PROGRAM} changepassword robot\n`;
    assert.deepEqual(made, { code: 0, stdout: "User robot created.\n", stderr });
    const findings: { code: string; message: string }[] = JSON.parse((await sandbox.run(["check", "--json"])).stdout);
    const unusable = findings.find((finding) => finding.code === "unusable_passwords");
    assert.match(unusable?.message ?? "", /1 user\./);
    const server = await sandbox.serveInProcess();
    for (const password of ["!", PASSWORD]) assert.equal((await login(server, "robot", password)).status, 400);
    await sandbox.run(["changepassword", "robot", "--password-stdin"], { input: PASSWORD });
    assert.equal((await login(server, "robot", PASSWORD)).status, 202);
    await server.stop();
  });

  test("takes a password from standard input, as createsuperuser does", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const args = ["createsuperuser", "--noinput", "--username", "root", "--password-stdin"];
    const made = { code: 0, stdout: "Superuser root created.\n", stderr: "" };
    assert.deepEqual(await sandbox.run(args, { input: PASSWORD }), made);
    const server = await sandbox.serveInProcess();
    assert.equal((await login(server, "root", PASSWORD)).status, 202);
    await server.stop();
  });

  test("needs a username", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const denied = { code: 2, stdout: "", stderr: "--noinput needs a username.\n" };
    assert.deepEqual(await sandbox.run(["createuser", "--noinput"]), denied);
  });
});
