import { basename } from "node:path";
import { run } from "./lib/cli/run.ts";
import { createTerminal } from "./lib/cli/terminal.ts";
import { environment } from "./lib/config.ts";
import { loadRuntime } from "./lib/runtime/load.ts";

process.exitCode = await run({
  argv: process.argv.slice(2),
  environment,
  program: programName(),
  terminal: createTerminal(),
  runtime: await loadRuntime(),
  write: (line) => process.stdout.write(line),
});

/** What to type before a command to run this program again. */
function programName(): string {
  if (process.versions["deno"] !== undefined) return "deno run -A --env-file server.ts";
  if (!basename(process.execPath).startsWith("bun")) return "postern";
  return environment["npm_lifecycle_event"] === "start" ? "npm start --" : "bun run server.ts";
}
