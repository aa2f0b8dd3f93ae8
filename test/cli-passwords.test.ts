import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createSandbox, login, type Sandbox } from "./support/process.ts";
import { startRangeService } from "./support/range-service.ts";
import { runAtTerminal, type Step } from "./support/terminal.ts";

const PROCESSES = { timeout: 60_000 };

const STRONG = "speak friend and enter";
const HINT = "To accept it, add --allow-weak.";
const TOO_SHORT = "This password is too short. It must contain at least 8 characters.";
const TOO_COMMON = "This password is too common.";

/** Types a password twice. */
const type = (password: string): Step[] => [
  ["Password: ", `${password}\r`],
  ["Password (again): ", `${password}\r`],
];

async function assertLogsIn(sandbox: Sandbox, username: string, passwords: Record<string, number>): Promise<void> {
  const server = await sandbox.serveInProcess();
  for (const [password, status] of Object.entries(passwords)) {
    assert.equal((await login(server, username, password)).status, status, password);
  }
  await server.stop();
}

describe("a weak password at a terminal", () => {
  test("gets its validation errors, and is accepted after a confirmation", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const { code, stdout } = await runAtTerminal(
      sandbox.folder,
      ["createsuperuser", "monkey1", "--email", ""],
      [
        ...type("monkey"),
        ["The password is too similar to the username.\r\n", ""],
        [`${TOO_SHORT}\r\n`, ""],
        [`${TOO_COMMON}\r\n`, ""],
        ["Bypass password validation and create user anyway? [y/N]: ", "y\r"],
      ],
    );
    assert.equal(code, 0);
    assert.match(stdout, /Superuser monkey1 created\.\r\n$/);
    await assertLogsIn(sandbox, "monkey1", { monkey: 202 });
  });

  test("is asked for again without a confirmation", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const question = "Bypass password validation and create user anyway? [y/N]: ";
    const steps: Step[] = ["\r", "n\r", "yes\r"].flatMap((answer): Step[] => [
      ...type("mysecret"),
      [TOO_COMMON, ""],
      [question, answer],
    ]);
    const command = ["createuser", "alice", "--email", ""];
    const { code, stdout } = await runAtTerminal(sandbox.folder, command, [...steps, ...type(STRONG)]);
    assert.equal(code, 0);
    assert.match(stdout, /User alice created\.\r\n$/);
    assert(!stdout.includes("mysecret") && !stdout.includes(STRONG));
    await assertLogsIn(sandbox, "alice", { mysecret: 400, [STRONG]: 202 });
  });

  test(
    "is compared with the user's names in changepassword, and accepted after a confirmation",
    PROCESSES,
    async () => {
      await using sandbox = await createSandbox();
      const names = ["--email", "ally@example.com", "--last-name", "Liddell"];
      await sandbox.run(["createuser", "alice", ...names, "--password-stdin"], { input: STRONG });
      const question = "Bypass password validation and change the password anyway? [y/N]: ";
      const { code } = await runAtTerminal(
        sandbox.folder,
        ["changepassword", "alice"],
        [
          ...type("example.com"),
          ["The password is too similar to the email address.", ""],
          [question, "n\r"],
          ...type("liddell-1"),
          ["The password is too similar to the last name.", ""],
          [question, "Y\r"],
        ],
      );
      assert.equal(code, 0);
      await assertLogsIn(sandbox, "alice", { [STRONG]: 400, "liddell-1": 202 });
    },
  );

  test("is accepted with a warning and without a question with --allow-weak", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const command = ["createuser", "alice", "--email", "", "--allow-weak"];
    const { code, stdout } = await runAtTerminal(sandbox.folder, command, type("mysecret"));
    assert.equal(code, 0);
    assert(stdout.includes(`Warning: ${TOO_COMMON}`) && !stdout.includes("[y/N]"));
  });
});

describe("a weak password from standard input", () => {
  const create = ["createuser", "alice", "--password-stdin"];

  test("is denied with all its validation errors, and no user is created", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const stderr = `${TOO_SHORT}\n${TOO_COMMON}\n${HINT}\n`;
    assert.deepEqual(await sandbox.run(create, { input: "monkey\n" }), { code: 1, stdout: "", stderr });
    assert.equal((await sandbox.run(["users", "--json"])).stdout, "[]\n");
  });

  test("is accepted with a warning with --allow-weak", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const stderr = `Warning: ${TOO_SHORT}\nWarning: ${TOO_COMMON}\n`;
    const made = await sandbox.run([...create, "--allow-weak"], { input: "monkey\n" });
    assert.deepEqual(made, { code: 0, stdout: "User alice created.\n", stderr });
    await assertLogsIn(sandbox, "alice", { monkey: 202 });
  });

  test("does not replace another without --allow-weak", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await sandbox.run(create, { input: STRONG });
    const change = ["changepassword", "alice", "--password-stdin"];
    const denied = await sandbox.run(change, { input: "alice2026" });
    const similar = "The password is too similar to the username.";
    assert.deepEqual(denied, { code: 1, stdout: "", stderr: `${similar}\n${HINT}\n` });
    await assertLogsIn(sandbox, "alice", { [STRONG]: 202 });
    assert.equal((await sandbox.run([...change, "--allow-weak"], { input: "alice2026" })).code, 0);
    await assertLogsIn(sandbox, "alice", { [STRONG]: 400, alice2026: 202 });
  });

  test("that is blank, too long or has a NUL is denied even with --allow-weak", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    for (const [input, sentence] of [
      ["", "Blank passwords aren't allowed."],
      ["speak\0friend", "Null characters are not allowed."],
      ["x".repeat(4097), "The password is 4097 bytes long; at most 4096 are allowed."],
    ] as const) {
      const denied = await sandbox.run([...create, "--allow-weak"], { input });
      assert.deepEqual(denied, { code: 1, stdout: "", stderr: `${sentence}\n` });
    }
  });

  test("is checked by the rules of the settings and by the service for breached passwords", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await using service = await startRangeService([STRONG]);
    const breached = { POSTERN_BREACHED_PASSWORDS: service.url };
    const sentence = "This password has appeared in a data breach and must not be used.";
    const denied = await sandbox.run(create, { input: STRONG, environment: breached });
    assert.deepEqual(denied, { code: 1, stdout: "", stderr: `${sentence}\n${HINT}\n` });
    const short = await sandbox.run(create, { input: "right horse", environment: { POSTERN_PASSWORD_RULES: "nist" } });
    assert.match(short.stderr, /^This password is too short\. It must contain at least 15 characters\.\n/);
    const made = await sandbox.run(create, { input: "x", environment: { POSTERN_PASSWORD_RULES: "none" } });
    assert.deepEqual(made, { code: 0, stdout: "User alice created.\n", stderr: "" });
  });
});
