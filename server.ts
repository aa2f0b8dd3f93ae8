import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { parseEnv } from "node:util";
import { createTerminal } from "./lib/cli/terminal.ts";
import { environment } from "./lib/config/load.ts";
import { createOutput } from "./lib/observability/output.ts";
import { loadRuntime } from "./lib/runtime/load.ts";

const isDeno = process.versions["deno"] !== undefined;

/** Whether this file is the one that .ci/build-package.ts makes. */
const isPackage = basename(import.meta.url) === "server.js";

const runtime = await loadRuntime();

const terminal = createTerminal();

process.exitCode = await main();

async function main(): Promise<number> {
  const load = await import("./lib/cli/run.ts").catch(explainLoad);
  if (typeof load === "string") {
    terminal.remark(load);
    return 1;
  }
  return load.run({
    argv: process.argv.slice(2),
    environment: isDeno ? { ...readDotEnv(), ...environment } : environment,
    program: programName(),
    terminal,
    runtime,
    output: createOutput(runtime.standardOutput),
  });
}

/** The compiled binary unpacks its native modules into the temporary folder when they are imported. */
function explainLoad(error: unknown): string {
  const text = error instanceof Error ? `${error.name} ${error.message} ${String(error.cause)}` : String(error);
  const isNative = /native binding|dlopen|\.node\b|EMFILE/.test(text);
  if (programName() !== "postern" || !isNative) throw error;
  const folder = environment["BUN_TMPDIR"] ?? environment["TMPDIR"] ?? "/tmp";
  return (
    `The native modules cannot be loaded from the temporary folder ${folder}. ` +
    "Set BUN_TMPDIR to a folder that this user can write and that is not mounted with noexec."
  );
}

/** The words before a command on the command line, for messages. */
function programName(): string {
  if (isPackage) return isDeno ? "deno run -A npm:postern" : "bunx postern";
  if (isDeno) return "deno run -A server.ts";
  if (!basename(process.execPath).startsWith("bun")) return "postern";
  return environment["npm_lifecycle_event"] === "start" ? "npm start --" : "bun run server.ts";
}

/** For Deno. Bun reads `.env` before it runs the program. */
function readDotEnv(): Record<string, string | undefined> {
  try {
    return existsSync(".env") ? parseEnv(readFileSync(".env", "utf8")) : {};
  } catch {
    return {}; // Bun, too, ignores a file that it cannot read.
  }
}
