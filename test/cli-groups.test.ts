import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { usePostgres } from "./support/postgres.ts";
import { createSandbox, type RunOptions, type Sandbox } from "./support/process.ts";
import { PROGRAM } from "./support/runtime.ts";
import { runAtTerminal } from "./support/terminal.ts";

const PROCESSES = { timeout: 60_000 };

const postgres = usePostgres(PROCESSES);

/** A database with the users alice and bob, and the groups editors and writers. */
async function createGroups(options: RunOptions = {}): Promise<Sandbox> {
  const sandbox = await createSandbox();
  for (const name of ["alice", "bob"])
    assert.equal((await sandbox.run(["createuser", name, "--noinput"], options)).code, 0);
  for (const name of ["writers", "editors"]) {
    const created = { code: 0, stdout: `Group ${name} created.\n`, stderr: "" };
    assert.deepEqual(await sandbox.run(["addgroup", name], options), created);
  }
  return sandbox;
}

const add = (...names: string[]) => names.flatMap((name) => ["--add-group", name]);
const remove = (...names: string[]) => names.flatMap((name) => ["--remove-group", name]);

async function readJson(
  sandbox: Sandbox,
  args: string[],
  options: RunOptions = {},
): Promise<Record<string, unknown>[]> {
  const { code, stdout, stderr } = await sandbox.run([...args, "--json"], options);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

async function groupsOf(sandbox: Sandbox, username: string, options: RunOptions = {}): Promise<unknown> {
  const users = await readJson(sandbox, ["users"], options);
  return users.find((user) => user["username"] === username)?.["groups"];
}

/** The cells of each row, without the headings. */
async function readTable(sandbox: Sandbox, command: string): Promise<string[][]> {
  const { stdout } = await sandbox.run([command]);
  const lines = stdout.trimEnd().split("\n").slice(1);
  return lines.map((line) => line.split(/ {2,}/));
}

async function assertDenied(sandbox: Sandbox, args: string[], code: number, sentence: string): Promise<void> {
  assert.deepEqual(await sandbox.run(args), { code, stdout: "", stderr: `${sentence}\n` });
}

describe("edituser and createuser", () => {
  test("add users to groups and remove them, several at once, and users lists the groups", PROCESSES, async () => {
    await using sandbox = await createGroups();
    const changed = { code: 0, stdout: "User bob changed.\n", stderr: "" };
    assert.deepEqual(await sandbox.run(["edituser", "bob", ...add("writers", "\uff45ditors", "editors")]), changed);
    assert.deepEqual(await groupsOf(sandbox, "bob"), ["editors", "writers"]);
    assert.deepEqual(await groupsOf(sandbox, "alice"), []);
    assert.equal((await readTable(sandbox, "users"))[1]?.at(-1), "editors,writers");
    await sandbox.run(["addgroup", "staff"]);
    const both = ["edituser", "bob", ...remove("writers", "editors"), ...add("staff"), "--email", "bob@example.com"];
    assert.deepEqual(await sandbox.run(both), changed);
    assert.deepEqual(await groupsOf(sandbox, "bob"), ["staff"]);
    for (const args of [add("staff"), remove("writers")]) {
      assert.deepEqual(await sandbox.run(["edituser", "bob", ...args]), changed);
    }
    const events = (await readTable(sandbox, "audit")).slice(4).map((cells) => cells.slice(1));
    assert.deepEqual(events, [
      ["added_to_group", "bob", "command line", "writers"],
      ["added_to_group", "bob", "command line", "editors"],
      ["group_made", "group:3", "command line", "staff"],
      ["user_changed", "bob", "command line", "email"],
      ["added_to_group", "bob", "command line", "staff"],
      ["removed_from_group", "bob", "command line", "writers"],
      ["removed_from_group", "bob", "command line", "editors"],
    ]);
    const verified = await sandbox.run(["audit", "--verify"]);
    assert.match(verified.stdout, /The trail is intact\.\n$/);
  });

  test("create a user in groups", PROCESSES, async () => {
    await using sandbox = await createGroups();
    const groups = ["--group", "writers", "--group=editors"];
    assert.equal((await sandbox.run(["createuser", "carol", "--noinput", ...groups])).stdout, "User carol created.\n");
    assert.deepEqual(await groupsOf(sandbox, "carol"), ["editors", "writers"]);
    await assertDenied(
      sandbox,
      ["createuser", "dave", "--noinput", "--group", "writers", "--group", "editor"],
      1,
      'There is no group "editor". Did you mean editors?',
    );
    assert.equal(await groupsOf(sandbox, "dave"), undefined);
  });

  for (const [what, args, code, sentence] of [
    ["a misspelt group", add("writers", "editrs"), 1, 'There is no group "editrs". Did you mean editors?'],
    ["a group that does not exist", [...add("writers"), ...remove("x")], 1, 'There is no group "x".'],
    ["a blank group", [...add("writers"), ...add("")], 1, 'There is no group "".'],
    [
      "a group to add and to remove",
      [...add("writers", "editors"), ...remove("\uff45ditors")],
      2,
      "--add-group and --remove-group both have the group editors.",
    ],
    ["another wrong value", [...add("writers"), "--email", "bob"], 1, "Enter a valid email address."],
    ["a taken username", [...add("writers"), "--username", "alice"], 1, "That username is already taken."],
  ] as const) {
    test(`edituser denies ${what}, and changes nothing`, PROCESSES, async () => {
      await using sandbox = await createGroups();
      await assertDenied(sandbox, ["edituser", "bob", "--last-name", "Builder", ...args], code, sentence);
      const bob = (await readJson(sandbox, ["users"]))[1];
      assert.deepEqual([bob?.["groups"], bob?.["last_name"], bob?.["email"]], [[], "", ""]);
    });
  }

  test("deny more than 100 groups of a user", PROCESSES, async () => {
    await using sandbox = await createGroups();
    const names = Array.from({ length: 101 }, (_, number) => `g${number}`);
    await sandbox.withDatabase((db) =>
      db
        .insertInto("groups")
        .values(names.map((name) => ({ name, created_at: 1 })))
        .execute(),
    );
    const sentence = "bob would be in 101 groups. A user can be in at most 100.";
    await assertDenied(sandbox, ["edituser", "bob", ...add(...names)], 1, sentence);
    assert.deepEqual(await groupsOf(sandbox, "bob"), []);
    assert.equal((await sandbox.run(["edituser", "bob", ...add(...names.slice(1))])).code, 0);
    await assertDenied(sandbox, ["edituser", "bob", ...add("g0")], 1, sentence);
    assert.equal((await sandbox.run(["edituser", "bob", ...add("g0"), ...remove("g1")])).code, 0);
    const create = ["createuser", "carol", "--noinput", ...names.flatMap((name) => ["--group", name])];
    await assertDenied(sandbox, create, 1, "carol would be in 101 groups. A user can be in at most 100.");
  });
});

describe("groups, addgroup and deletegroup", () => {
  test("list the groups by name with their members, as a table and as JSON", PROCESSES, async () => {
    await using sandbox = await createGroups();
    assert.deepEqual((await sandbox.run(["groups"])).stdout.split("\n")[0], "NAME     MEMBERS  CREATED");
    for (const user of ["alice", "bob"]) await sandbox.run(["edituser", user, ...add("writers")]);
    const rows = (await readTable(sandbox, "groups")).map((cells) => cells.slice(0, 2));
    assert.deepEqual(rows, [
      ["editors", "0"],
      ["writers", "2"],
    ]);
    const json = (await readJson(sandbox, ["groups"])).map(({ created_at, ...group }) => group);
    assert.deepEqual(json, [
      { id: 2, name: "editors", members: 0 },
      { id: 1, name: "writers", members: 2 },
    ]);
  });

  test("list each of hundreds once and in order, and end at the limit", PROCESSES, async () => {
    await using sandbox = await createGroups();
    const names = Array.from({ length: 998 }, (_, number) => `g${number}`);
    await sandbox.withDatabase((db) =>
      db
        .insertInto("groups")
        .values(names.map((name) => ({ name, created_at: 1 })))
        .execute(),
    );
    const listed = (await readJson(sandbox, ["groups"])).map(({ name }) => name);
    assert.deepEqual(listed, [...names, "editors", "writers"].sort());
    await assertDenied(sandbox, ["addgroup", "next"], 1, "There are 1000 groups, and no more are allowed.");
  });

  for (const [what, args, code, sentence] of [
    ["addgroup denies a name that is taken", ["addgroup", "\uff45ditors"], 1, 'There is a group "editors" already.'],
    [
      "addgroup denies a comma",
      ["addgroup", "a,b"],
      1,
      "Enter a valid name for the group. It has only letters, numbers, and @/./+/-/_ characters.",
    ],
    ["addgroup needs a name", ["addgroup"], 2, `The name is missing. See: ${PROGRAM} help addgroup`],
    [
      "deletegroup denies an unknown name",
      ["deletegroup", "writer", "--yes"],
      1,
      'There is no group "writer". Did you mean writers?',
    ],
    ["deletegroup asks", ["deletegroup", "writers"], 2, "There is no terminal to confirm at. Add --yes."],
  ] as const) {
    test(what, PROCESSES, async () => {
      await using sandbox = await createGroups();
      await assertDenied(sandbox, [...args], code, sentence);
      assert.equal((await readJson(sandbox, ["groups"])).length, 2);
    });
  }

  test("delete a group after its name is typed, and its members stay users", PROCESSES, async () => {
    await using sandbox = await createGroups();
    for (const user of ["alice", "bob"]) await sandbox.run(["edituser", user, ...add("writers")]);
    const question = "This cannot be undone. Type the name of the group (writers) to go on: ";
    const denied = await runAtTerminal(sandbox.folder, ["deletegroup", "writers"], [[question, "yes\r"]]);
    assert.equal(denied.code, 1);
    assert.match(denied.stdout, /Not confirmed\. Nothing was changed\.\r\n$/);
    const deleted = await runAtTerminal(sandbox.folder, ["deletegroup", "writers"], [[question, "writers\r"]]);
    assert.match(deleted.stdout, /Group writers deleted\. It had 2 members\.\r\n$/);
    assert.deepEqual(await groupsOf(sandbox, "alice"), []);
    const yes = { code: 0, stdout: "Group editors deleted. It had 0 members.\n", stderr: "" };
    assert.deepEqual(await sandbox.run(["deletegroup", "editors", "--yes"]), yes);
    assert.equal((await sandbox.run(["groups", "--json"])).stdout, "[]\n");
  });
});

describe("processes at the same time", () => {
  for (const [name, createOptions] of [
    ["SQLite", async (): Promise<RunOptions> => ({})],
    [
      "Postgres",
      async (): Promise<RunOptions> => ({ environment: { DATABASE_URL: await postgres.createDatabase("groups") } }),
    ],
  ] as const) {
    test(
      `add a user to groups on ${name}: the user is in all of them, and the trail is intact`,
      PROCESSES,
      async () => {
        const options = await createOptions();
        await using sandbox = await createGroups(options);
        const ended = await Promise.all([
          sandbox.spawn(["edituser", "bob", ...add("editors")], options),
          sandbox.spawn(["edituser", "bob", ...add("editors", "writers")], options),
        ]);
        for (const { code, stderr } of ended) assert.deepEqual([code, stderr], [0, ""]);
        assert.deepEqual(await groupsOf(sandbox, "bob", options), ["editors", "writers"]);
        const { stdout } = await sandbox.run(["audit", "--user", "bob"], options);
        assert.equal(stdout.match(/added_to_group/g)?.length, 2);
        const verified = await sandbox.run(["audit", "--verify"], options);
        assert.match(verified.stdout, /The trail is intact\.\n$/);
      },
    );
  }
});
