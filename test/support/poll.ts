import { setTimeout } from "node:timers/promises";

const EVERY_MS = 20;
const TIMES = 1500;

/** Asks again and again until the answer is yes, for half a minute and more. @throws Error naming what never came */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let times = 0; times < TIMES; times++) {
    if (await isSo()) return;
    await setTimeout(EVERY_MS);
  }
  throw new Error(`It never came to this: ${what}`);
}
