import { readdirSync, readFileSync } from "node:fs";
import { getPriority, setPriority } from "node:os";

const THREADS = "/proc/self/task";

/** Bun computes password hashes on the threads of this name, besides short work such as the flush of a file. */
const POOL = "Bun Pool";

/**
 * Beside a flood of logins, the profile's p99 is 7 ms with it and 10 ms without (medians of 3, in turns). A lower priority
 * gains 1 ms more, but other work on a busy machine would make a hash three times as slow.
 */
const NICE = 5;

/** 19 is the lowest priority of Linux: https://man7.org/linux/man-pages/man2/setpriority.2.html */
const LOWEST = 19;

/**
 * Gives the threads of Bun's pool a lower priority than the one that answers requests. On Linux each thread has its own,
 * and no right is needed to lower it.
 */
export function lowerPoolPriority(): void {
  try {
    const nice = Math.min(getPriority() + NICE, LOWEST);
    for (const thread of readdirSync(THREADS)) if (isOfPool(thread)) setPriority(Number(thread), nice);
  } catch {} // A sandbox may deny it or hide /proc. All works without it.
}

function isOfPool(thread: string): boolean {
  try {
    return readFileSync(`${THREADS}/${thread}/comm`, "utf8").startsWith(POOL);
  } catch {
    return false; // It has ended. Those of the pool stay.
  }
}
