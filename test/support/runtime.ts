/** Whether the tests run on Deno; else, on Bun. */
export const IS_DENO = process.versions["deno"] !== undefined;

/** How the program calls itself. */
export const PROGRAM = IS_DENO ? "deno run -A server.ts" : "bun run server.ts";

/** For a test of a feature of Bun. On Deno it is reported as skipped, with the reason. */
export function onlyOnBun(reason: string): { skip: boolean } {
  if (IS_DENO) process.stdout.write(`Not run on Deno: ${reason}\n`);
  return { skip: IS_DENO };
}

/** For a test that needs Deno. On Bun it is reported as skipped, with the reason. */
export function onlyOnDeno(reason: string): { skip: boolean } {
  if (!IS_DENO) process.stdout.write(`Not run on Bun: ${reason}\n`);
  return { skip: !IS_DENO };
}
