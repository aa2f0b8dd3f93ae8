import { setTimeout } from "node:timers/promises";

const EVERY_MS = 20;
const TIMES = 1500;

/** Polls until the condition is true, for half a minute and more. @throws Error that names the condition */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let times = 0; times < TIMES; times++) {
    if (await isSo()) return;
    await setTimeout(EVERY_MS);
  }
  throw new Error(`It never came to this: ${what}`);
}
