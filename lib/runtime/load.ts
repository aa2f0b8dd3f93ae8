import type { Runtime } from "./runtime.ts";

/** The runtime that this program runs on. Neither file is asked of the other's. */
export async function loadRuntime(): Promise<Runtime> {
  return process.versions["deno"] === undefined ? (await import("./bun.ts")).bun : (await import("./deno.ts")).deno;
}
