import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, test } from "node:test";
import { sql } from "kysely";
import { fillDatabase } from "./support/content.ts";
import { until } from "./support/poll.ts";
import { createSandbox, login, quickProgram, type Sandbox, sendSignal, start } from "./support/process.ts";

const PROCESSES = { timeout: 60_000 };

const PASSWORD = { input: "right horse battery" };

async function createUser(sandbox: Sandbox, name: string): Promise<void> {
  assert.equal((await sandbox.run(["createuser", name, "--password-stdin"], PASSWORD)).code, 0);
}

async function readJson(sandbox: Sandbox, ...args: string[]): Promise<Record<string, unknown>[]> {
  const { code, stdout, stderr } = await sandbox.run(["audit", "--json", ...args]);
  assert.equal(code, 0, stderr);
  return stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

describe("audit", () => {
  test("prints the events of every command, also of deleted users", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await createUser(sandbox, "alice");
    await createUser(sandbox, "bob");
    const server = await sandbox.serveInProcess();
    await login(server, "alice", PASSWORD.input);
    await login(server, "hunter2", "secret");
    await server.stop();
    await sandbox.run(["changepassword", "alice", "--password-stdin"], { input: "another horse battery" });
    for (const command of ["deactivate", "activate"]) await sandbox.run([command, "alice"]);
    await sandbox.run(["deleteuser", "bob", "--yes"]);
    const { stdout } = await sandbox.run(["audit"]);
    const rows = stdout
      .trim()
      .split("\n")
      .map((line) => line.split(/ {2,}/).slice(1, 4));
    assert.deepEqual(rows, [
      ["EVENT", "USER", "BY"],
      ["user_made", "alice", "command line"],
      ["user_made", "user:2", "command line"],
      ["login", "alice", "alice"],
      ["login_failed", "(no such user)", "nobody"],
      ["password_changed", "alice", "command line"],
      ["user_deactivated", "alice", "command line"],
      ["user_activated", "alice", "command line"],
      ["user_deleted", "user:2", "command line"],
    ]);
    const ofBob = await readJson(sandbox, "--user", "user:2");
    assert.deepEqual(
      ofBob.map(({ event, username }) => [event, username]),
      [
        ["user_made", null],
        ["user_deleted", null],
      ],
    );
    const ofAlice = await readJson(sandbox, "--user", "alice", "--since", "1h");
    assert.deepEqual(
      ofAlice.map(({ number }) => number),
      [1, 2, 3, 4, 5],
    );
    assert.equal(ofAlice[1]?.["previous"], ofAlice[0]?.["hash"]);
    assert.deepEqual(await readJson(sandbox, "--since", "2100-01-01"), []);
  });

  test("--follow prints new events until Ctrl-C, and then exits with 0", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await createUser(sandbox, "alice");
    const running = start([...quickProgram(), "audit", "--follow", "--json"], sandbox.folder);
    await until("the first event", () => running.output.stdout.includes("user_made"));
    await sandbox.run(["deactivate", "alice"]);
    await until("the second event", () => running.output.stdout.includes("user_deactivated"));
    sendSignal(running.child, "SIGINT");
    const { code, stdout, stderr } = await running.ended;
    assert.deepEqual([code, stderr, stdout.trim().split("\n").length], [0, "", 2]);
  });

  test("--follow prints each event once, even if an event with a lower id is committed later", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await createUser(sandbox, "alice");
    await sandbox.withDatabase((db) => sql`update sqlite_sequence set seq = 5 where name = 'events'`.execute(db));
    await sandbox.run(["deactivate", "alice"]);
    const running = start([...quickProgram(), "audit", "--follow", "--json"], sandbox.folder);
    await until("the event with the higher id", () => running.output.stdout.includes('"id":6'));
    await sandbox.withDatabase(async (db) => {
      const event = {
        kind: "login" as const,
        subject: "user:9",
        actor: "nobody",
        address: "",
        browser: "",
        system: "",
      };
      const rest = { at: Date.now(), request_id: "", detail: "", number: 1, previous: "", hash: "" };
      await db
        .insertInto("events")
        .values({ id: 3, ...event, ...rest })
        .execute();
    });
    await until("the event with the lower id", () => running.output.stdout.includes('"id":3'));
    sendSignal(running.child, "SIGINT");
    assert.equal((await running.ended).stdout.trim().split("\n").length, 3);
  });

  test("prints thousands in batches, and ends without an error if the reader closes the pipe", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await sandbox.run(["migrate"]);
    await fillDatabase(`sqlite:${join(sandbox.folder, "postern.db")}`, { users: 2, sessions: 0, events: 3000 });
    const ids = (await readJson(sandbox)).map(({ id }) => id);
    assert.deepEqual(
      ids,
      Array.from({ length: 3000 }, (_, index) => index + 1),
    );
    const command = [...quickProgram(), "audit"].map((word) => `'${word}'`).join(" ");
    const { stdout, stderr } = spawnSync("sh", ["-c", `${command} | head -2`], {
      cwd: sandbox.folder,
      encoding: "utf8",
    });
    assert.deepEqual([stdout.split("\n").length, stderr], [3, ""]);
  });

  test("--verify names each break of the trail, and fails", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    for (const name of ["alice", "bob", "carol"]) await createUser(sandbox, name);
    for (const name of ["alice", "bob"]) await sandbox.run(["deactivate", name]);
    const whole = await sandbox.run(["audit", "--verify"]);
    assert.deepEqual([whole.code, whole.stderr], [0, ""]);
    assert.match(
      whole.stdout,
      /^Head: number 5, MAC [0-9a-f]{64}\.\n5 events about 3 subjects read\. The trail is intact\.\n$/,
    );
    const [head] = await readJson(sandbox, "--verify");
    assert.deepEqual([head?.["events"], head?.["number"], head?.["sealed_at"]], [5, 5, null]);
    assert(whole.stdout.includes(String(head?.["mac"])));
    await sandbox.withDatabase(async (db) => {
      for (const name of ["update", "delete"]) await sql.raw(`drop trigger events_${name}`).execute(db);
      await db.updateTable("events").set({ actor: "user:3" }).where("id", "=", 1).execute();
      await db.deleteFrom("events").where("id", "=", 5).execute();
    });
    const broken = await sandbox.run(["audit", "--verify"]);
    assert.deepEqual(
      [broken.code, broken.stdout.replace(/Head: .*\n/, ""), broken.stderr],
      [
        1,
        "Event 1 of alice (user:1) was changed.\nEvent 2 of bob (user:2) was removed.\n" +
          "1 event removed from lane 0: numbers 5 to 5.\n",
        "4 events about 3 subjects read. The trail is broken in 3 places.\n",
      ],
    );
    const { stdout } = await sandbox.run(["audit", "--verify", "--json"]);
    assert.deepEqual(JSON.parse(stdout.split("\n")[0] ?? ""), { subject: "user:1", number: 1, mistake: "changed" });
  });

  test("denies invalid arguments with one sentence", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await createUser(sandbox, "alice");
    for (const time of ["yesterday", "2026-13-01", "2026-01-01T25:00", "7", "-1d", "2026-1-1"]) {
      const { code, stderr } = await sandbox.run(["audit", `--since=${time}`]);
      assert.equal(code, 2, time);
      assert.match(stderr, /^--since must be a time .*\n$/);
    }
    assert.match((await sandbox.run(["audit", "--user", "nobody"])).stderr, /^There is no user "nobody"\.\n$/);
    assert.equal((await sandbox.run(["audit", "--verify", "--follow"])).code, 2);
  });
});
