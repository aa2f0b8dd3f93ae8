import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createSandbox, login, type Sandbox } from "./support/process.ts";
import { runAtPseudoTerminal } from "./support/pseudo-terminal.ts";
import { CTRL_C, CTRL_D, runAtTerminal, type Step } from "./support/terminal.ts";

const PROCESSES = { timeout: 60_000 };

const CANCELLED = "Cancelled. Nothing was changed.";

async function usernames(sandbox: Sandbox): Promise<string[]> {
  const { stdout } = await sandbox.run(["users", "--json"]);
  const users: { username: string }[] = JSON.parse(stdout);
  return users.map(({ username }) => username);
}

describe("at a terminal", () => {
  test(
    "createsuperuser asks for the name, the address, and twice for the password, without showing it",
    PROCESSES,
    async () => {
      await using sandbox = await createSandbox();
      const { code, stdout } = await runAtPseudoTerminal(
        sandbox.folder,
        ["createsuperuser"],
        [
          ["Username: ", "alice\r"],
          ["Email address: ", "alice@example.com\r"],
          ["Password: ", "right horse\r"],
          ["Password (again): ", "right horse\r"],
        ],
      );
      assert.equal(code, 0);
      assert.match(stdout, /Superuser alice created\.\r\n$/);
      assert(!stdout.includes("right") && !stdout.includes("horse"));
      const server = await sandbox.serveInProcess();
      assert.equal((await login(server, "alice", "right horse")).status, 202);
      await server.stop();
    },
  );

  test("different or blank passwords are asked for again and not shown", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const { code, stdout } = await runAtTerminal(
      sandbox.folder,
      ["createuser", "bob", "--email", "bob@example.com"],
      [
        ["Password: ", "right horse\r"],
        ["Password (again): ", "right house\r"],
        ["Your passwords didn't match.", ""],
        ["Password: ", "\r"],
        ["Password (again): ", "\r"],
        ["Blank passwords aren't allowed.", ""],
        ["Password: ", "right horse\r"],
        ["Password (again): ", "right horse\r"],
      ],
    );
    assert.equal(code, 0);
    assert.match(stdout, /User bob created\.\r\n$/);
    assert(!/right|horse|house/.test(stdout));
    assert.deepEqual(await usernames(sandbox), ["bob"]);
  });

  test("a taken or malformed name is denied before the password is asked for", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await sandbox.run(["createuser", "alice", "--password-stdin"], { input: "right horse" });
    for (const [name, sentence] of [
      ["alice", "That username is already taken."],
      ["a b", "Enter a valid username."],
    ] as const) {
      const steps: Step[] = [
        ["Username: ", `${name}\r`],
        ["Email address: ", "\r"],
      ];
      const { code, stdout } = await runAtTerminal(sandbox.folder, ["createsuperuser"], steps);
      assert.equal(code, 1);
      assert(stdout.includes(sentence));
      assert(!stdout.includes("Password"));
    }
  });

  test("Ctrl-C and Ctrl-D at any question exit with 1 and a sentence, and change nothing", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const questions: Step[] = [
      ["Username: ", "alice\r"],
      ["Email address: ", "\r"],
      ["Password: ", "right horse\r"],
      ["Password (again): ", "right horse\r"],
    ];
    for (const key of [CTRL_C, CTRL_D]) {
      for (const [index, [question]] of questions.entries()) {
        const steps: Step[] = [...questions.slice(0, index), [question, key]];
        // The last question uses a terminal of the system, which turns some keys into signals.
        const runAt = index === questions.length - 1 ? runAtPseudoTerminal : runAtTerminal;
        const { code, stdout } = await runAt(sandbox.folder, ["createsuperuser"], steps);
        assert.equal(code, 1, question);
        assert(stdout.includes(CANCELLED), question);
      }
    }
    assert.deepEqual(await usernames(sandbox), []);
  });

  test("Ctrl-C in the middle of a password shows no part of it", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await sandbox.run(["createuser", "alice", "--password-stdin"], { input: "right horse" });
    const { code, stdout } = await runAtPseudoTerminal(
      sandbox.folder,
      ["changepassword", "alice"],
      [["Password: ", `left horse${CTRL_C}`]],
    );
    assert.equal(code, 1);
    assert(stdout.includes(CANCELLED));
    assert(!stdout.includes("left"));
    const server = await sandbox.serveInProcess();
    assert.equal((await login(server, "alice", "right horse")).status, 202);
    await server.stop();
  });

  test("changepassword accepts letters of every script", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await sandbox.run(["createuser", "alice", "--password-stdin"], { input: "right horse" });
    const password = "pässwörd 馬 🐴";
    const { code } = await runAtPseudoTerminal(
      sandbox.folder,
      ["changepassword", "alice"],
      [
        ["Password: ", `${password}\r`],
        ["Password (again): ", `${password}\r`],
      ],
    );
    assert.equal(code, 0);
    const server = await sandbox.serveInProcess();
    assert.equal((await login(server, "alice", password)).status, 202);
    await server.stop();
  });

  test("deleteuser deletes only if the username is typed again", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await sandbox.run(["createuser", "alice", "--password-stdin"], { input: "right horse" });
    const question = "Type the username (alice) to go on: ";
    const denied = await runAtTerminal(sandbox.folder, ["deleteuser", "alice"], [[question, "y\r"]]);
    assert.equal(denied.code, 1);
    assert(denied.stdout.includes("Not confirmed. Nothing was changed."));
    assert.deepEqual(await usernames(sandbox), ["alice"]);
    const confirmed = await runAtTerminal(sandbox.folder, ["deleteuser", "alice"], [[question, "alice\r"]]);
    assert.equal(confirmed.code, 0);
    assert.deepEqual(await usernames(sandbox), []);
  });

  test("a password that is typed at the moment of its question is not shown", {
    ...PROCESSES,
  }, async () => {
    await using sandbox = await createSandbox();
    const { code, stdout } = await runAtPseudoTerminal(
      sandbox.folder,
      ["createuser", "bob", "--email", "bob@example.com"],
      [
        ["Password: ", "right horse\r"],
        ["Password (again): ", "right horse\r"],
      ],
      { isHasty: true },
    );
    assert.equal(code, 0);
    assert(!stdout.includes("right"));
  });
});
