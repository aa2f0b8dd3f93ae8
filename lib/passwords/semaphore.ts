import { Problem } from "../http/problem.ts";

/** The request that a task waits for. */
export interface Caller {
  /** Aborts when the client disconnects. A task that has not begun then leaves the queue. */
  gone?: AbortSignal | undefined;
  /** Whether the task may wait in the reserved queue. */
  isKnown?: boolean;
  /** The client's networks, the narrowest first; empty if they are unknown. */
  networks?: readonly string[];
}

/** Runs tasks, a limited number at a time; further tasks wait. */
export type Semaphore = <T>(task: () => Promise<T>, caller?: Caller) => Promise<T>;

/** Called when a task arrives. Returns a function that is called when the task begins or leaves the queue. */
export type WaitWatch = () => () => void;

/** For 4 places in the common queue there is 1 in the reserved queue. */
const PLACES_PER_RESERVED_PLACE = 4;

/** The share of a queue that one network may fill: the narrowest network, and each wider one. */
const NARROW_SHARE = 1 / 4;
const WIDE_SHARE = 1 / 2;

/**
 * Two bounded queues, the common one and a reserved one for known callers, take turns. If the queue is full, a task is
 * denied at once: clients give up before a long wait ends.
 *
 * @param concurrency tasks that run at the same time
 * @param maxWaiting places in the common queue
 * @throws Problem from the returned function: overloaded if the queue is full, abandoned if the client disconnected
 */
export function createSemaphore(concurrency: number, maxWaiting: number, watch: WaitWatch = () => () => {}): Semaphore {
  const common = createQueue(maxWaiting);
  const reserved = createQueue(Math.ceil(maxWaiting / PLACES_PER_RESERVED_PLACE));
  let isReservedNext = true;
  let running = 0;
  const findQueue = ({ isKnown = false, networks = [] }: Caller) =>
    (isKnown ? [reserved, common] : [common]).find(({ hasRoom }) => hasRoom(networks)) ?? null;
  const release = () => {
    const [first, second] = isReservedNext ? [reserved, common] : [common, reserved];
    const served = first.isEmpty() ? second : first;
    const next = served.shift();
    if (next === null) {
      running--;
      return;
    }
    isReservedNext = served === common;
    next(); // `running` stays the same, so no new task can take the place in between.
  };
  return async (task, caller = {}) => {
    if (caller.gone?.aborted) throw new Problem("abandoned");
    const queue = running < concurrency ? null : findQueue(caller);
    if (running >= concurrency && queue === null) {
      throw new Problem("overloaded", { seconds: 1 });
    }
    const stopWatch = watch();
    try {
      if (queue === null) running++;
      else await queue.wait(caller);
    } finally {
      stopWatch();
    }
    try {
      return await task();
    } finally {
      release();
    }
  };
}

/** First in, first out. */
interface Queue {
  isEmpty: () => boolean;
  hasRoom: (networks: readonly string[]) => boolean;
  /** @throws Problem abandoned */
  wait: (caller: Caller) => Promise<void>;
  /** Removes the first task. @returns the function that begins it; null if the queue is empty */
  shift: () => (() => void) | null;
}

function createQueue(places: number): Queue {
  const queue: { begin: () => void; networks: readonly string[] }[] = [];
  const taken = new Map<string, number>();
  const count = (networks: readonly string[], change: 1 | -1) => {
    for (const name of networks) taken.set(name, (taken.get(name) ?? 0) + change);
    for (const name of networks) if (taken.get(name) === 0) taken.delete(name);
  };
  const isInShare = (name: string, index: number) =>
    (taken.get(name) ?? 0) < Math.ceil(places * (index === 0 ? NARROW_SHARE : WIDE_SHARE));
  const wait = ({ gone, networks = [] }: Caller) =>
    new Promise<void>((resolve, reject) => {
      const begin = () => {
        gone?.removeEventListener("abort", abandon);
        resolve();
      };
      const waiting = { begin, networks };
      const abandon = () => {
        queue.splice(queue.indexOf(waiting), 1);
        count(networks, -1);
        reject(new Problem("abandoned"));
      };
      queue.push(waiting);
      count(networks, 1);
      gone?.addEventListener("abort", abandon, { once: true });
    });
  return {
    isEmpty: () => queue.length === 0,
    hasRoom: (networks) => queue.length < places && networks.every(isInShare),
    wait,
    shift: () => {
      const first = queue.shift();
      if (first === undefined) return null;
      count(first.networks, -1);
      return first.begin;
    },
  };
}
