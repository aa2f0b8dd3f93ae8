import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { IS_DENO } from "./runtime.ts";

/** The repository. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Runs a file of TypeScript: the same runtime as the tests. */
const RUNTIME: readonly string[] = [process.execPath, ...(IS_DENO ? ["run", "-A"] : [])];

/** The program from its source. */
export const FROM_SOURCE: readonly string[] = [...RUNTIME, join(ROOT, "server.ts")];

let bundle: string | undefined;

/**
 * The program with cheap password hashes. On Bun it is one file of bytecode, made once for a process of tests: it starts
 * with 0.25 s of CPU time instead of 0.65 s.
 */
export function quickProgram(): readonly string[] {
  if (IS_DENO) return [...RUNTIME, join(ROOT, "test/support/program.ts")];
  bundle ??= makeBundle();
  return [...RUNTIME, bundle];
}

function makeBundle(): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), "postern-program-"));
  chmodSync(folder, 0o755); // Some tests run the program as another user.
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const options = ["--target=bun", "--format=cjs", "--bytecode", "--minify-whitespace", "--minify-syntax"];
  const args = ["build", ...options, `--outdir=${folder}`, join(ROOT, "test/support/program.ts")];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: "utf8" });
  if (status !== 0) throw new Error(`The program cannot be bundled: ${stderr}`);
  return join(folder, "program.js");
}
