import { run } from "../../lib/cli/run.ts";
import { createTerminal } from "../../lib/cli/terminal.ts";
import { environment } from "../../lib/config/load.ts";
import { createOutput } from "../../lib/observability/output.ts";
import { loadRuntime } from "../../lib/runtime/load.ts";
import { QUICK_ARGON2 } from "./quick-argon2.ts";
import { PROGRAM } from "./runtime.ts";

// The program of server.ts with very cheap password hashes. No setting of server.ts has that effect.

async function main(): Promise<void> {
  const runtime = await loadRuntime();
  process.exitCode = await run({
    argv: process.argv.slice(2),
    environment,
    program: PROGRAM,
    terminal: createTerminal(),
    runtime,
    output: createOutput(runtime.standardOutput),
    argon2: QUICK_ARGON2,
  });
}

void main();
