import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createSandbox, type Sandbox } from "./support/process.ts";

const PROCESSES = { timeout: 60_000 };

/** @returns the kinds of the events about alice */
async function eventsOf(sandbox: Sandbox): Promise<string[]> {
  const { stdout } = await sandbox.run(["audit", "--user", "alice", "--json"]);
  const lines = stdout.split("\n").filter((line) => line !== "");
  return lines.map((line): { event: string } => JSON.parse(line)).map(({ event }) => event);
}

describe("a command that changes nothing says so, exits with 0 and writes no event:", () => {
  test("deactivate and activate, each twice, and logoutuser without a session", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await sandbox.run(["createuser", "alice", "--password-stdin"], { input: "right horse" });
    for (const [args, stdout] of [
      [["activate", "alice"], "alice was already active.\n"],
      [["deactivate", "alice"], "alice can no longer log in. Every session ended.\n"],
      [["deactivate", "alice"], "alice was already inactive.\n"],
      [["activate", "alice"], "alice can log in.\n"],
      [["activate", "alice"], "alice was already active.\n"],
      [["logoutuser", "alice"], "0 sessions of alice ended.\n"],
      [["forgetdevices", "alice"], "0 devices of alice forgotten.\n"],
      [["clearsessions"], "0 sessions cleared.\n"],
      [["migrate"], "No migrations to apply.\n"],
    ] as const) {
      assert.deepEqual(await sandbox.run([...args]), { code: 0, stdout, stderr: "" });
    }
    assert.deepEqual(await eventsOf(sandbox), ["user_made", "user_deactivated", "user_activated"]);
  });
});
