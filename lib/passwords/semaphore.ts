import { Problem } from "../http/problem.ts";

/** For which request a piece of work waits. */
export interface Caller {
  /** Aborted if the client has gone: the work leaves the line, unless it has begun. */
  gone?: AbortSignal | undefined;
  /** Whether it may take one of the places that are kept. */
  isKnown?: boolean;
  /** The names of the networks that the client is in, the narrowest first; none if they are unknown. */
  networks?: readonly string[];
}

/** Runs work, at most so much at once; the rest waits its turn. */
export type Line = <T>(work: () => Promise<T>, caller?: Caller) => Promise<T>;

/** Called when somebody joins the line; what it returns is called when they leave it, at once where nobody waits. */
export type WaitWatch = () => () => void;

/** For so many places that strangers may wait in, one more is kept for known callers. */
const STRANGERS_PER_KEPT_PLACE = 4;

/** The part of the places that one network may take: the narrowest, and any wider one. No network fills them alone. */
const NARROW_SHARE = 1 / 4;
const WIDE_SHARE = 1 / 2;

/**
 * A bounded waiting line. If it is full, the next is denied at once: an answer after a long wait is an answer that no
 * client reads. Known callers have places of their own beside the strangers', and the two have their turns by turns.
 *
 * @param atOnce how many pieces of work run side by side
 * @param waiting how many strangers may wait
 * @throws Problem overloaded, from the returned function, if the line is full; abandoned, if the client has gone
 */
export function createLine(atOnce: number, waiting: number, watch: WaitWatch = () => () => {}): Line {
  const strangers = createPlaces(waiting);
  const kept = createPlaces(Math.ceil(waiting / STRANGERS_PER_KEPT_PLACE));
  let isKeptNext = true;
  let running = 0;
  const placesFor = ({ isKnown = false, networks = [] }: Caller) =>
    (isKnown ? [kept, strangers] : [strangers]).find(({ hasRoom }) => hasRoom(networks)) ?? null;
  const leave = () => {
    const [first, second] = isKeptNext ? [kept, strangers] : [strangers, kept];
    const served = first.isEmpty() ? second : first;
    const next = served.shift();
    if (next === null) {
      running--;
      return;
    }
    isKeptNext = served === strangers;
    next(); // The place goes to it without ever being free.
  };
  return async (work, caller = {}) => {
    if (caller.gone?.aborted) throw new Problem("abandoned");
    const places = running < atOnce ? null : placesFor(caller);
    if (running >= atOnce && places === null) {
      throw new Problem("overloaded", { values: { seconds: 1 }, retryAfterSeconds: 1 });
    }
    const left = watch();
    try {
      if (places === null) running++;
      else await places.wait(caller);
    } finally {
      left();
    }
    try {
      return await work();
    } finally {
      leave();
    }
  };
}

/** Where callers wait, first come, first served. */
interface Places {
  isEmpty: () => boolean;
  hasRoom: (networks: readonly string[]) => boolean;
  /** @throws Problem abandoned */
  wait: (caller: Caller) => Promise<void>;
  /** Lets go of the first. @returns what begins its work; null if none waits */
  shift: () => (() => void) | null;
}

function createPlaces(count: number): Places {
  const queue: { begin: () => void; networks: readonly string[] }[] = [];
  const taken = new Map<string, number>();
  const change = (networks: readonly string[], by: number) => {
    for (const name of networks) taken.set(name, (taken.get(name) ?? 0) + by);
    for (const name of networks) if (taken.get(name) === 0) taken.delete(name);
  };
  const isInShare = (name: string, index: number) =>
    (taken.get(name) ?? 0) < Math.ceil(count * (index === 0 ? NARROW_SHARE : WIDE_SHARE));
  const wait = ({ gone, networks = [] }: Caller) =>
    new Promise<void>((resolve, reject) => {
      const begin = () => {
        gone?.removeEventListener("abort", abandon);
        resolve();
      };
      const waiting = { begin, networks };
      const abandon = () => {
        queue.splice(queue.indexOf(waiting), 1);
        change(networks, -1);
        reject(new Problem("abandoned"));
      };
      queue.push(waiting);
      change(networks, 1);
      gone?.addEventListener("abort", abandon, { once: true });
    });
  return {
    isEmpty: () => queue.length === 0,
    hasRoom: (networks) => queue.length < count && networks.every(isInShare),
    wait,
    shift: () => {
      const first = queue.shift();
      if (first === undefined) return null;
      change(first.networks, -1);
      return first.begin;
    },
  };
}
