import { Problem } from "../problem.ts";

/**
 * Runs work, at most so much at once; the rest waits its turn.
 *
 * @param gone aborted when nobody wants the work any more: it leaves the line, unless it has begun
 */
export type Line = <T>(work: () => Promise<T>, gone?: AbortSignal) => Promise<T>;

/** Called when somebody joins the line; what it returns is called when they leave it, at once where nobody waits. */
export type WaitWatch = () => () => void;

/**
 * A bounded waiting line. Whoever comes when it is full is turned away at once rather than kept waiting for an answer
 * that nobody will be there to read.
 *
 * @param atOnce how many pieces of work run side by side
 * @param waiting how many may wait
 * @throws Problem overloaded, from the returned function, where the line is full; abandoned, where `gone` is aborted
 */
export function createLine(atOnce: number, waiting: number, watch: WaitWatch = () => () => {}): Line {
  const queue: (() => void)[] = [];
  let running = 0;
  const turn = (gone: AbortSignal | undefined) =>
    new Promise<void>((resolve, reject) => {
      const enter = () => {
        gone?.removeEventListener("abort", leave);
        resolve();
      };
      const leave = () => {
        queue.splice(queue.indexOf(enter), 1);
        reject(new Problem("abandoned"));
      };
      queue.push(enter);
      gone?.addEventListener("abort", leave, { once: true });
    });
  return async (work, gone) => {
    if (gone?.aborted) throw new Problem("abandoned");
    if (running >= atOnce && queue.length >= waiting) {
      throw new Problem("overloaded", { values: { seconds: 1 }, retryAfterSeconds: 1 });
    }
    const leave = watch();
    try {
      if (running < atOnce) running++;
      else await turn(gone);
    } finally {
      leave();
    }
    try {
      return await work();
    } finally {
      const next = queue.shift();
      if (next) next();
      else running--; // Otherwise the place goes to `next` without ever being free.
    }
  };
}
