import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { parseEnv } from "node:util";
import { run } from "./lib/cli/run.ts";
import { createTerminal } from "./lib/cli/terminal.ts";
import { environment } from "./lib/config.ts";
import { createOutput } from "./lib/output.ts";
import { loadRuntime } from "./lib/runtime/load.ts";

const isDeno = process.versions["deno"] !== undefined;

const runtime = await loadRuntime();

process.exitCode = await run({
  argv: process.argv.slice(2),
  environment: isDeno ? { ...readDotEnv(), ...environment } : environment,
  program: programName(),
  terminal: createTerminal(),
  runtime,
  output: createOutput(runtime.standardOutput),
});

/** What to type before a command to run this program again. */
function programName(): string {
  if (isDeno) return "deno run -A server.ts";
  if (!basename(process.execPath).startsWith("bun")) return "postern";
  return environment["npm_lifecycle_event"] === "start" ? "npm start --" : "bun run server.ts";
}

/** Bun has put it into the environment before it runs anything. */
function readDotEnv(): Record<string, string | undefined> {
  return existsSync(".env") ? parseEnv(readFileSync(".env", "utf8")) : {};
}
