import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { Problem } from "../lib/http/problem.ts";
import { createHasher } from "../lib/passwords/hasher.ts";
import { createSemaphore } from "../lib/passwords/semaphore.ts";
import { repeats } from "./support/effort.ts";
import { QUICK_ARGON2 } from "./support/quick-argon2.ts";

/** Waits for every pending microtask. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

const isOverloaded = (error: unknown) => {
  assert(error instanceof Problem);
  assert.deepEqual([error.code, error.status, error.retryAfterSeconds], ["overloaded", 503, 1]);
  return true;
};

const isAbandoned = (error: unknown) => error instanceof Problem && error.code === "abandoned";

interface Waiting {
  network: number;
  isKnown: boolean;
  /** Whether it waits in the reserved queue. */
  isReserved: boolean;
}

/** A semaphore whose tasks end when the test calls `end`. */
function createTurnstile(concurrency: number, maxWaiting: number) {
  const semaphore = createSemaphore(concurrency, maxWaiting);
  const started: number[] = [];
  const denied: number[] = [];
  const ends = new Map<number, (fails: boolean) => void>();
  const add = (id: number) => {
    const task = () => {
      started.push(id);
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      ends.set(id, (fails) => (fails ? reject(new Error(`${id} fails`)) : resolve(id)));
      return promise;
    };
    return semaphore(task).then(
      (result) => assert.equal(result, id),
      (error: unknown) => {
        if (error instanceof Problem) denied.push(id);
        else assert.equal(String(error), `Error: ${id} fails`);
      },
    );
  };
  const end = (id: number, fails: boolean) => {
    const finish = ends.get(id);
    assert(finish, `${id} is not running`);
    ends.delete(id);
    finish(fails);
  };
  return { add, end, started, denied, running: () => [...ends.keys()] };
}

describe("the semaphore", () => {
  test("behaves as its model while tasks arrive, end and fail in any order", { timeout: 60_000 }, async () => {
    const steps = fc.array(fc.oneof(fc.constant("add" as const), fc.record({ which: fc.nat(), fails: fc.boolean() })), {
      maxLength: 40,
      size: "max",
    });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 4 }),
        steps,
        async (concurrency, maxWaiting, steps) => {
          const turnstile = createTurnstile(concurrency, maxWaiting);
          const model = {
            running: [] as number[],
            queue: [] as number[],
            denied: [] as number[],
            started: [] as number[],
          };
          const start = (id: number) => {
            model.running.push(id);
            model.started.push(id);
          };
          for (const [id, step] of steps.entries()) {
            if (step === "add") {
              turnstile.add(id);
              if (model.running.length < concurrency) start(id);
              else if (model.queue.length < maxWaiting) model.queue.push(id);
              else model.denied.push(id);
            } else if (model.running.length > 0) {
              const [ended = 0] = model.running.splice(step.which % model.running.length, 1);
              turnstile.end(ended, step.fails);
              const next = model.queue.shift();
              if (next !== undefined) start(next);
            }
            await settle();
            assert.deepEqual(turnstile.running(), model.running);
            assert.deepEqual([turnstile.started, turnstile.denied], [model.started, model.denied]);
          }
        },
      ),
      { numRuns: repeats(300) },
    );
  });

  test("reserves places for known callers, and limits the share of each network", async () => {
    const callers = fc.record({ isKnown: fc.boolean(), network: fc.nat(3) });
    const steps = fc.array(fc.oneof(callers, fc.constant("end" as const)), { maxLength: 60, size: "max" });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 12 }), steps, async (maxWaiting, steps) => {
        const semaphore = createSemaphore(1, maxWaiting);
        const ends: (() => void)[] = [];
        const queue: Waiting[] = [];
        const started: unknown[] = [];
        let isReservedNext = true;
        const hasRoom = (isReserved: boolean, network: number) => {
          const places = isReserved ? Math.ceil(maxWaiting / 4) : maxWaiting;
          const taken = queue.filter((one) => one.isReserved === isReserved);
          const own = taken.filter((one) => one.network === network).length;
          return taken.length < places && own < Math.ceil(places / 4);
        };
        for (const step of steps) {
          if (step === "end") {
            ends.shift()?.();
            const reserved = queue.find(({ isReserved }) => isReserved);
            const common = queue.find(({ isReserved }) => !isReserved);
            const next: Waiting | undefined = isReservedNext ? (reserved ?? common) : (common ?? reserved);
            await settle();
            if (next === undefined) continue;
            isReservedNext = !next.isReserved;
            queue.splice(queue.indexOf(next), 1);
            assert.equal(started.at(-1), next);
            continue;
          }
          const isReserved = step.isKnown && hasRoom(true, step.network);
          const waiting = { ...step, isReserved };
          const isIdle = ends.length === 0;
          const isDenied = !isIdle && !isReserved && !hasRoom(false, step.network);
          const task = () => {
            started.push(waiting);
            return new Promise<void>((resolve) => ends.push(resolve));
          };
          const result = semaphore(task, { isKnown: step.isKnown, networks: [`${step.network}`] });
          if (isDenied) await assert.rejects(result, isOverloaded);
          else if (!isIdle) queue.push(waiting);
          await settle();
        }
      }),
      { numRuns: repeats(300) },
    );
  });

  test("frees the place of a client that disconnects, in the share of its network too", async () => {
    const semaphore = createSemaphore(1, 4);
    const { promise: task, resolve: end } = Promise.withResolvers<void>();
    const running = semaphore(() => task);
    const networks = ["2001:db8:1:2::/64", "2001:db8:1::/48"];
    const client = new AbortController();
    const gone = semaphore(async () => {}, { networks, gone: client.signal });
    await assert.rejects(
      semaphore(async () => {}, { networks }),
      isOverloaded,
    );
    client.abort();
    await assert.rejects(gone, isAbandoned);
    const next = semaphore(async () => {}, { networks });
    end();
    await Promise.all([running, next]);
  });

  test("denies a task at once if the queue is full, with a 503 and Retry-After", async () => {
    const turnstile = createTurnstile(1, 1);
    const all = [turnstile.add(1), turnstile.add(2), turnstile.add(3)];
    await all[2];
    assert.deepEqual([turnstile.started, turnstile.denied], [[1], [3]]);
    turnstile.end(1, false);
    await all[0];
    turnstile.end(2, false);
    await all[1];
    assert.deepEqual([turnstile.started, turnstile.denied], [[1, 2], [3]]);
    await assert.rejects(
      createSemaphore(0, 0)(async () => 1),
      isOverloaded,
    );
  });

  test("drops a waiting task whose client disconnects, but not a running one, and the next task moves up", async () => {
    const watched: string[] = [];
    const semaphore = createSemaphore(1, 2, () => {
      watched.push("begins");
      return () => watched.push("ends");
    });
    const { promise: task, resolve: end } = Promise.withResolvers<string>();
    const [first, second] = [new AbortController(), new AbortController()];
    const running = semaphore(() => task, { gone: first.signal });
    const waiting = semaphore(async () => assert.fail("its client has disconnected"), { gone: second.signal });
    const next = semaphore(async () => "next");
    second.abort();
    await assert.rejects(waiting, isAbandoned);
    await assert.rejects(
      semaphore(async () => "late", { gone: AbortSignal.abort() }),
      isAbandoned,
    );
    const inItsPlace = semaphore(async () => "in its place");
    await assert.rejects(
      semaphore(async () => "denied"),
      isOverloaded,
    );
    first.abort();
    end("done");
    assert.deepEqual(await Promise.all([running, next, inItsPlace]), ["done", "next", "in its place"]);
    second.abort();
    assert.equal(watched.filter((event) => event === "begins").length, 4);
    assert.equal(watched.filter((event) => event === "ends").length, 4);
    assert.equal(await semaphore(async () => "later"), "later");
  });

  test("frees the place of a task that throws synchronously", async () => {
    const semaphore = createSemaphore(1, 1);
    const thrower = () => {
      throw new Error("at once");
    };
    const results = await Promise.allSettled([semaphore(thrower), semaphore(async () => "next")]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ["rejected", "fulfilled"],
    );
    assert.equal(await semaphore(async () => "later"), "later");
  });

  test("starts no new task between the end of one and the start of the next in the queue", async () => {
    const turnstile = createTurnstile(1, 1);
    const first = turnstile.add(1);
    const second = turnstile.add(2);
    turnstile.end(1, false);
    const third = turnstile.add(3); // Before the microtask that starts the second.
    await Promise.all([first, settle()]);
    assert.equal(turnstile.running().length, 1);
    assert.deepEqual(turnstile.started, [1, 2]);
    turnstile.end(2, false);
    await second;
    await settle();
    if (turnstile.running().includes(3)) turnstile.end(3, false);
    await third;
  });
});

describe("the hasher's semaphore", () => {
  test("counts checks, decoys and new hashes together", async () => {
    const passwords = createHasher({ concurrency: 1, maxWaiting: 1, argon2: QUICK_ARGON2 });
    const checks = [passwords.check("a", null), passwords.hash("a")];
    await assert.rejects(passwords.hash("b"), isOverloaded);
    await assert.rejects(passwords.check("b", null), isOverloaded);
    await assert.rejects(passwords.check("b", "!unusable"), isOverloaded);
    await Promise.all(checks);
    assert.deepEqual(await passwords.check("b", null), { right: false });
  });

  test("lowers the priority of threads when more hashes ran at once than ever before", async () => {
    let times = 0;
    const lowerHashPriority = () => void times++;
    const passwords = createHasher({ concurrency: 3, maxWaiting: 9, argon2: QUICK_ARGON2, lowerHashPriority });
    const counts: number[] = [];
    for (const atOnce of [1, 1, 3, 2, 3]) {
      await Promise.all(Array.from({ length: atOnce }, () => passwords.hash("a")));
      counts.push(times);
    }
    assert.deepEqual(counts, [1, 1, 2, 2, 2]);
  });

  test("frees the place of a check that fails", async () => {
    const costs = () => Promise.reject(new Error("The database is unavailable."));
    const passwords = createHasher({ concurrency: 1, maxWaiting: 0, argon2: QUICK_ARGON2, costs });
    for (let i = 0; i < 3; i++) {
      await assert.rejects(passwords.check("a", null), (error: unknown) => !(error instanceof Problem));
    }
  });
});
