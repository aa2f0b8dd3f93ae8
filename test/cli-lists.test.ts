import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fillDatabase } from "./support/content.ts";
import { createSandbox, quickProgram, type Sandbox } from "./support/process.ts";

const PROCESSES = { timeout: 60_000 };

async function withContent(contents: { users: number; sessions: number }): Promise<Sandbox> {
  const sandbox = await createSandbox();
  await sandbox.run(["migrate"]);
  await fillDatabase(`sqlite:${join(sandbox.folder, "postern.db")}`, contents);
  return sandbox;
}

async function print(sandbox: Sandbox, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await sandbox.run(args);
  assert.deepEqual([code, stderr], [0, ""]);
  return stdout;
}

/** @returns the values in a column of a table, without its heading */
function column(table: string, heading: string): string[] {
  const [headings = "", ...rows] = table.trimEnd().split("\n");
  const start = headings.indexOf(heading);
  return rows.map((row) => row.slice(start).split(/ {2,}/)[0] ?? "");
}

describe("users and sessions", () => {
  test("print each of thousands once and in order, as one table and as one array", PROCESSES, async () => {
    await using sandbox = await withContent({ users: 1234, sessions: 0 });
    const names = Array.from({ length: 1234 }, (_, index) => `user${index + 1}`).sort();
    const json = await print(sandbox, "users", "--json");
    const parsed: { username: string }[] = JSON.parse(json);
    assert.deepEqual(
      parsed.map(({ username }) => username),
      names,
    );
    assert.equal(json, `${JSON.stringify(parsed, null, 2)}\n`);
    assert.deepEqual(column(await print(sandbox, "users"), "USERNAME"), names);
  });

  test(
    "print every session of a user, also if more than a page of them are from the same millisecond",
    PROCESSES,
    async () => {
      await using sandbox = await withContent({ users: 1, sessions: 1234 });
      const sorted = Array.from({ length: 1234 }, (_, index) => `Firefox/${index + 1}`).sort();
      const json = await print(sandbox, "sessions", "user1", "--json");
      const parsed: { user_agent: string }[] = JSON.parse(json);
      assert.deepEqual(parsed.map(({ user_agent }) => user_agent).sort(), sorted);
      assert.equal(json, `${JSON.stringify(parsed, null, 2)}\n`);
      assert.deepEqual(column(await print(sandbox, "sessions", "user1"), "USER AGENT").sort(), sorted);
    },
  );

  test("print headings, or an empty array, if there is nothing to list", PROCESSES, async () => {
    await using sandbox = await withContent({ users: 1, sessions: 0 });
    assert.equal(await print(sandbox, "sessions", "user1"), "STARTED  LAST SEEN  EXPIRES  ADDRESS  USER AGENT\n");
    assert.equal(await print(sandbox, "sessions", "user1", "--json"), "[]\n");
  });

  test("end without an error if the reader closes the pipe", PROCESSES, async () => {
    await using sandbox = await withContent({ users: 2000, sessions: 4000 });
    for (const args of [["users"], ["users", "--json"], ["sessions", "user1"], ["sessions", "user1", "--json"]]) {
      const command = [...quickProgram(), ...args].map((word) => `'${word}'`).join(" ");
      const options = { cwd: sandbox.folder, encoding: "utf8" } as const;
      const { stdout, stderr } = spawnSync("sh", ["-c", `${command} | head -2`], options);
      assert.deepEqual([stdout.split("\n").length, stderr], [3, ""], args.join(" "));
    }
  });
});

describe("clearsessions", () => {
  test("ends the sessions that exceed a lowered limit", PROCESSES, async () => {
    await using sandbox = await withContent({ users: 2, sessions: 250 });
    const environment = { POSTERN_SESSIONS_PER_USER: "5" };
    const { stdout } = await sandbox.run(["clearsessions"], { environment });
    assert.equal(stdout, "0 sessions cleared.\n240 sessions over the limit ended.\n");
    assert.equal(JSON.parse(await print(sandbox, "sessions", "user2", "--json")).length, 5);
    assert.equal(await print(sandbox, "clearsessions"), "0 sessions cleared.\n");
    assert.match(await print(sandbox, "audit"), / sessions_ended +user1 +system +.*, over the limit of 5\n/);
  });

  test("is done by serve too, which logs the number", PROCESSES, async () => {
    await using sandbox = await withContent({ users: 1, sessions: 150 });
    const server = await sandbox.serve();
    assert.equal((await server.event("sessions_over_limit_ended"))["count"], 50);
    await server.stop();
  });
});
