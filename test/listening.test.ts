import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { describe, test } from "node:test";
import { createSandbox, type RunOptions } from "./support/process.ts";

const PROCESSES = { timeout: 60_000 };

/** The user `nobody`, without privileges. */
const NOBODY = 65534;

/** The first port on which every user may listen, on Linux. */
function firstFreePort(): number {
  try {
    return Number(readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8"));
  } catch {
    return 0;
  }
}

describe("the start fails if the server cannot listen, and the sentence names the setting:", () => {
  const assertStops = async (environment: Record<string, string>, sentence: string, options: RunOptions = {}) => {
    await using sandbox = await createSandbox();
    await chmod(sandbox.folder, 0o777);
    const run = { environment: { DATABASE_URL: "sqlite::memory:", ...environment }, ...options };
    assert.deepEqual(await sandbox.run(["serve"], run), { code: 1, stdout: "", stderr: `${sentence}\n` });
  };

  for (const host of ["nohost.invalid", "192.0.2.1", "999.1.1.1"]) {
    const about = `No network interface of this machine has the address ${host}. Set`;
    test(`HOST is ${host}`, PROCESSES, () =>
      assertStops({ HOST: host, PORT: "0" }, `${about} HOST to one that it has, or to 0.0.0.0.`),
    );
    test(`POSTERN_OPS_ADDRESS is ${host}`, PROCESSES, () =>
      assertStops(
        { POSTERN_OPS_ADDRESS: `${host}:0`, PORT: "0" },
        `${about} POSTERN_OPS_ADDRESS to one that it has, or to 0.0.0.0.`,
      ),
    );
  }

  const skip = process.getuid?.() === 0 && firstFreePort() > 80 ? false : "only root can be another user, on Linux";
  for (const [setting, environment] of [
    ["PORT", { PORT: "80" }],
    ["POSTERN_OPS_ADDRESS", { PORT: "0", POSTERN_OPS_ADDRESS: "127.0.0.1:80" }],
  ] as const) {
    test(`${setting} is 80 and the user is not root`, { ...PROCESSES, skip }, () =>
      assertStops(
        environment,
        `This user may not listen on port 80. Set ${setting} to 1024 or more, or grant CAP_NET_BIND_SERVICE.`,
        { uid: NOBODY },
      ),
    );
  }
});
