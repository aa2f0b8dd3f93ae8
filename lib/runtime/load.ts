import type { Runtime } from "./runtime.ts";

/** Imports only the file of the current runtime, because the other one would fail. @throws Error on another runtime */
export async function loadRuntime(): Promise<Runtime> {
  const { bun, deno, node } = process.versions;
  if (bun === undefined && deno === undefined) throw new Error(`Postern runs on Bun and on Deno, not on Node ${node}.`);
  return deno === undefined ? (await import("./bun.ts")).bun : (await import("./deno.ts")).deno;
}
