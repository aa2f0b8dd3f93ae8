import { basename } from "node:path";
import { run } from "./lib/cli/run.ts";
import { createTerminal } from "./lib/cli/terminal.ts";
import { environment } from "./lib/config.ts";
import { bun } from "./lib/runtime/bun.ts";

const isCompiled = !basename(process.execPath).startsWith("bun");

process.exitCode = await run({
  argv: process.argv.slice(2),
  environment,
  program: isCompiled
    ? "postern"
    : environment["npm_lifecycle_event"] === "start"
      ? "npm start --"
      : "bun run server.ts",
  terminal: createTerminal(),
  runtime: bun,
  write: (line) => process.stdout.write(line),
});
