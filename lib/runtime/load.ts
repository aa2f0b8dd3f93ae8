import type { Runtime } from "./runtime.ts";

/** Imports only the file of the current runtime, because the other one would fail. */
export async function loadRuntime(): Promise<Runtime> {
  return process.versions["deno"] === undefined ? (await import("./bun.ts")).bun : (await import("./deno.ts")).deno;
}
