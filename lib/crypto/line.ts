import { Problem } from "../problem.ts";

/** Runs work, at most so much at once; the rest waits its turn. */
export type Line = <T>(work: () => Promise<T>) => Promise<T>;

/** Called when somebody joins the line; what it returns is called when their turn comes, at once where nobody waits. */
export type WaitWatch = () => () => void;

/**
 * A bounded waiting line. Whoever comes when it is full is turned away at once rather than kept waiting for an answer
 * that nobody will be there to read.
 *
 * @param atOnce how many pieces of work run side by side
 * @param waiting how many may wait
 * @throws Problem overloaded, from the returned function, where the line is full
 */
export function createLine(atOnce: number, waiting: number, watch: WaitWatch = () => () => {}): Line {
  const queue: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running >= atOnce && queue.length >= waiting) {
      throw new Problem("overloaded", { values: { seconds: 1 }, retryAfterSeconds: 1 });
    }
    const begin = watch();
    if (running < atOnce) running++;
    else await new Promise<void>((enter) => queue.push(enter));
    begin();
    try {
      return await work();
    } finally {
      const next = queue.shift();
      if (next) next();
      else running--; // Otherwise the place goes to `next` without ever being free.
    }
  };
}
