import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { describe, test } from "node:test";
import { COMMANDS } from "../lib/cli/commands.ts";
import { OPTIONS } from "../lib/config/options.ts";
import manifest from "../package.json" with { type: "json" };
import { createSandbox } from "./support/process.ts";
import { PROGRAM } from "./support/runtime.ts";

const PROCESSES = { timeout: 60_000 };

describe("help", () => {
  test("lists every command, its other name and its operand", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const { code, stdout, stderr } = await sandbox.spawn(["help"]);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    for (const { name, alias, operand, about } of COMMANDS) {
      const line = stdout.split("\n").find((line) => line.trimStart().split(/[ ,]/, 1)[0] === name) ?? "";
      assert(line.includes(operand) && line.endsWith(about) && line.includes(alias ?? ""), name);
    }
    for (const flag of ["--help", "-h"]) assert.equal((await sandbox.run([flag])).stdout, stdout);
  });

  test("of a command lists its options, in every form of the request, and runs nothing", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const commands = COMMANDS.map(async ({ name, options, about }) => {
      const { code, stdout, stderr } = await sandbox.run(["help", name]);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
      assert(stdout.startsWith(`Usage: ${PROGRAM} ${name}`) && stdout.includes(about));
      for (const option of Object.keys(options)) assert(stdout.includes(`--${option}`), option);
      assert.deepEqual(await sandbox.run([name, "--help"]), { code, stdout, stderr });
    });
    await Promise.all(commands);
    assert.deepEqual(await readdir(sandbox.folder), []);
  });

  test("`help settings` lists every setting with its default", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const { stdout } = await sandbox.run(["help", "settings"]);
    const rows = stdout
      .trimEnd()
      .split("\n")
      .slice(1)
      .map((line) => line.split(/ {2,}/));
    assert.deepEqual(
      rows.map(([name, value]) => [name, value]),
      Object.values(OPTIONS).map((option) => [option.name, option.default || "-"]),
    );
  });

  test("--version prints the version, even with wrong settings", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    for (const flag of ["--version", "-V"]) {
      const { code, stdout } = await sandbox.spawn([flag], { environment: { PORT: "nonsense" } });
      assert.deepEqual({ code, stdout }, { code: 0, stdout: `postern ${manifest.version}\n` });
    }
  });
});

describe("wrong arguments exit with 2 and one sentence", () => {
  for (const [what, args, sentence] of [
    ["an unknown command", ["nosuch"], `There is no command "nosuch". See: ${PROGRAM} help`],
    ["a name that every object has", ["constructor"], `There is no command "constructor". See: ${PROGRAM} help`],
    ["help on an unknown command", ["help", "nosuch"], `There is no command "nosuch". See: ${PROGRAM} help`],
    ["a misspelt command", ["chekc"], `There is no command "chekc". Did you mean check? See: ${PROGRAM} help`],
    [
      "help on a misspelt command",
      ["help", "runsever"],
      `There is no command "runsever". Did you mean runserver? See: ${PROGRAM} help`,
    ],
    [
      "a misspelt option",
      ["createuser", "bob", "--emial", "x"],
      `Unknown option '--emial'. Did you mean --email? See: ${PROGRAM} help createuser`,
    ],
    [
      "Django's other spelling of an option",
      ["createuser", "bob", "--no-input"],
      `Unknown option '--no-input'. Did you mean --noinput? See: ${PROGRAM} help createuser`,
    ],
    ["an unknown option", ["users", "--nosuch"], `Unknown option '--nosuch'. See: ${PROGRAM} help users`],
    ["a missing user", ["changepassword"], `The username is missing. See: ${PROGRAM} help changepassword`],
    ["too many users", ["activate", "a", "b"], `Too many arguments. See: ${PROGRAM} help activate`],
    ["a user where none belongs", ["users", "alice"], `Too many arguments. See: ${PROGRAM} help users`],
    [
      "an option without its value",
      ["createuser", "bob", "--email"],
      `Option '--email <value>' argument missing. See: ${PROGRAM} help createuser`,
    ],
    ["a user who is named twice", ["createuser", "bob", "--username", "carl"], "The username is given twice."],
    [
      "no terminal to ask for a password at",
      ["createuser", "bob"],
      "There is no terminal to ask for the password. Use --password-stdin.",
    ],
    [
      "no terminal to ask for a username at",
      ["createsuperuser", "--password-stdin"],
      "There is no terminal to ask for the username. Add it to the command.",
    ],
  ] as const) {
    test(what, PROCESSES, async () => {
      await using sandbox = await createSandbox();
      assert.deepEqual(await sandbox.run([...args]), { code: 2, stdout: "", stderr: `${sentence}\n` });
    });
  }

  test("also in a separate process", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const stderr = `Unknown option '--nosuch'. See: ${PROGRAM} help users\n`;
    assert.deepEqual(await sandbox.spawn(["users", "--nosuch"]), { code: 2, stdout: "", stderr });
  });

  test("no terminal to confirm at, and nothing is deleted", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await sandbox.run(["createuser", "alice", "--password-stdin"], { input: "right horse" });
    const stderr = "There is no terminal to confirm at. Add --yes.\n";
    assert.deepEqual(await sandbox.run(["deleteuser", "alice"]), { code: 2, stdout: "", stderr });
    assert.match((await sandbox.run(["users"])).stdout, /^alice /m);
  });
});

describe("a failed command exits with 1 and one sentence, and creates no user", () => {
  const create = ["createuser", "bob", "--password-stdin"];
  for (const [what, args, input, sentence] of [
    ["a name that is taken", ["createsuperuser", "alice", "--password-stdin"], "x", "That username is already taken."],
    [
      "a name with a space in it",
      ["createuser", "b b", "--password-stdin"],
      "x",
      "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.",
    ],
    [
      "a name of 151 characters",
      ["createuser", "b".repeat(151), "--password-stdin"],
      "x",
      "Ensure this value has at most 150 characters (it has 151).",
    ],
    ["an address without an @", [...create, "--email", "bob"], "x", "Enter a valid email address."],
    ["no password", create, "", "Blank passwords aren't allowed."],
    ["a line break for a password", create, "\n", "Blank passwords aren't allowed."],
    ["a password of two lines", create, "x\ny\n", "The password has more than one line."],
    ["a password with a NUL in it", create, "x\0y", "Null characters are not allowed."],
    ["a password that is not UTF-8", create, Uint8Array.of(0x78, 0xff), "Standard input is not UTF-8."],
    [
      "a password of more than 4096 bytes",
      create,
      "x".repeat(4097),
      "The password is 4097 bytes long; at most 4096 are allowed.",
    ],
  ] as const) {
    test(what, PROCESSES, async () => {
      await using sandbox = await createSandbox();
      await sandbox.run(["createuser", "alice", "--password-stdin"], { input: "right horse" });
      assert.deepEqual(await sandbox.run([...args], { input }), { code: 1, stdout: "", stderr: `${sentence}\n` });
      const users: unknown[] = JSON.parse((await sandbox.run(["users", "--json"])).stdout);
      assert.equal(users.length, 1);
    });
  }

  test("a password that is not UTF-8, also in a separate process", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const result = await sandbox.spawn(create, { input: Uint8Array.of(0x78, 0xff) });
    assert.deepEqual(result, { code: 1, stdout: "", stderr: "Standard input is not UTF-8.\n" });
  });

  test("a missing database, which is not created", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    for (const args of [["users"], ["sessions", "alice"], ["clearsessions"]]) {
      const { code, stdout, stderr } = await sandbox.run(args);
      assert.deepEqual({ code, stdout }, { code: 1, stdout: "" });
      assert.match(stderr, /^There is no database at \/.*\/postern\.db\. Run migrate or serve to create one\.\n$/);
    }
    assert.deepEqual(await readdir(sandbox.folder), []);
  });

  test("an unknown user, for every command with a user", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await sandbox.run(["migrate"]);
    const commands = COMMANDS.filter(({ operand }) => operand === "USER").map(({ name }) => name);
    assert(commands.length >= 6);
    const stderr = 'There is no user "nobody".\n';
    for (const name of commands) {
      const change = name === "edituser" ? ["--staff"] : [];
      assert.deepEqual(await sandbox.run([name, "nobody", ...change]), { code: 1, stdout: "", stderr }, name);
    }
  });
});
