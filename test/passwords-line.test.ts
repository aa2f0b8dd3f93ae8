import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { Problem } from "../lib/http/problem.ts";
import { createPasswords } from "../lib/passwords/passwords.ts";
import { createLine } from "../lib/passwords/semaphore.ts";
import { QUICK_ARGON2 } from "./support/test-app.ts";

/** Lets everything that is ready to run do so. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

const isOverloaded = (error: unknown) => {
  assert(error instanceof Problem);
  assert.deepEqual([error.code, error.status, error.retryAfterSeconds], ["overloaded", 503, 1]);
  return true;
};

const isAbandoned = (error: unknown) => error instanceof Problem && error.code === "abandoned";

interface Comer {
  network: number;
  isKnown: boolean;
  /** Whether it waits in a place that is kept. */
  isKept: boolean;
}

/** A line whose pieces of work each end when they are told to. */
function createTurnstile(atOnce: number, waiting: number) {
  const enter = createLine(atOnce, waiting);
  const started: number[] = [];
  const refused: number[] = [];
  const ends = new Map<number, (fails: boolean) => void>();
  const come = (id: number) => {
    const work = () => {
      started.push(id);
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      ends.set(id, (fails) => (fails ? reject(new Error(`${id} fails`)) : resolve(id)));
      return promise;
    };
    return enter(work).then(
      (result) => assert.equal(result, id),
      (error: unknown) => {
        if (error instanceof Problem) refused.push(id);
        else assert.equal(String(error), `Error: ${id} fails`);
      },
    );
  };
  const end = (id: number, fails: boolean) => {
    const tell = ends.get(id);
    assert(tell, `${id} is not running`);
    ends.delete(id);
    tell(fails);
  };
  return { come, end, started, refused, running: () => [...ends.keys()] };
}

describe("the line", () => {
  test("behaves as its model, whoever comes, ends or fails in whatever order", { timeout: 60_000 }, async () => {
    const steps = fc.array(
      fc.oneof(fc.constant("come" as const), fc.record({ which: fc.nat(), fails: fc.boolean() })),
      { maxLength: 40, size: "max" },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 4 }),
        steps,
        async (atOnce, waiting, steps) => {
          const line = createTurnstile(atOnce, waiting);
          const model = {
            running: [] as number[],
            queue: [] as number[],
            refused: [] as number[],
            started: [] as number[],
          };
          const start = (id: number) => {
            model.running.push(id);
            model.started.push(id);
          };
          for (const [id, step] of steps.entries()) {
            if (step === "come") {
              line.come(id);
              if (model.running.length < atOnce) start(id);
              else if (model.queue.length < waiting) model.queue.push(id);
              else model.refused.push(id);
            } else if (model.running.length > 0) {
              const [ended = 0] = model.running.splice(step.which % model.running.length, 1);
              line.end(ended, step.fails);
              const next = model.queue.shift();
              if (next !== undefined) start(next);
            }
            await settle();
            assert.deepEqual(line.running(), model.running);
            assert.deepEqual([line.started, line.refused], [model.started, model.refused]);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test("keeps places for known callers, and lets no network take all, whoever comes in whatever order", async () => {
    const comers = fc.record({ isKnown: fc.boolean(), network: fc.nat(3) });
    const steps = fc.array(fc.oneof(comers, fc.constant("end" as const)), { maxLength: 60, size: "max" });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 12 }), steps, async (waiting, steps) => {
        const enter = createLine(1, waiting);
        const ends: (() => void)[] = [];
        const inLine: Comer[] = [];
        const started: unknown[] = [];
        let isKeptNext = true;
        const roomOf = (isKept: boolean, network: number) => {
          const places = isKept ? Math.ceil(waiting / 4) : waiting;
          const taken = inLine.filter((one) => one.isKept === isKept);
          const own = taken.filter((one) => one.network === network).length;
          return taken.length < places && own < Math.ceil(places / 4);
        };
        for (const step of steps) {
          if (step === "end") {
            ends.shift()?.();
            const kept = inLine.find(({ isKept }) => isKept);
            const stranger = inLine.find(({ isKept }) => !isKept);
            const next: Comer | undefined = isKeptNext ? (kept ?? stranger) : (stranger ?? kept);
            await settle();
            if (next === undefined) continue;
            isKeptNext = !next.isKept;
            inLine.splice(inLine.indexOf(next), 1);
            assert.equal(started.at(-1), next);
            continue;
          }
          const isKept = step.isKnown && roomOf(true, step.network);
          const comer = { ...step, isKept };
          const isIdle = ends.length === 0;
          const isRefused = !isIdle && !isKept && !roomOf(false, step.network);
          const work = () => {
            started.push(comer);
            return new Promise<void>((resolve) => ends.push(resolve));
          };
          const entered = enter(work, { isKnown: step.isKnown, networks: [`${step.network}`] });
          if (isRefused) await assert.rejects(entered, isOverloaded);
          else if (!isIdle) inLine.push(comer);
          await settle();
        }
      }),
      { numRuns: 300 },
    );
  });

  test("gives a network its share back when its client goes", async () => {
    const enter = createLine(1, 4);
    const { promise: work, resolve: end } = Promise.withResolvers<void>();
    const running = enter(() => work);
    const networks = ["2001:db8:1:2::/64", "2001:db8:1::/48"];
    const client = new AbortController();
    const gone = enter(async () => {}, { networks, gone: client.signal });
    await assert.rejects(
      enter(async () => {}, { networks }),
      isOverloaded,
    );
    client.abort();
    await assert.rejects(gone, isAbandoned);
    const behind = enter(async () => {}, { networks });
    end();
    await Promise.all([running, behind]);
  });

  test("turns the one too many away at once, with a 503 and when to come again", async () => {
    const line = createTurnstile(1, 1);
    const all = [line.come(1), line.come(2), line.come(3)];
    await all[2];
    assert.deepEqual([line.started, line.refused], [[1], [3]]);
    line.end(1, false);
    await all[0];
    line.end(2, false);
    await all[1];
    assert.deepEqual([line.started, line.refused], [[1, 2], [3]]);
    await assert.rejects(
      createLine(0, 0)(async () => 1),
      isOverloaded,
    );
  });

  test("lets go who is not waited for any more, unless their turn has come, and who stood behind them moves up", async () => {
    const told: string[] = [];
    const enter = createLine(1, 2, () => {
      told.push("comes");
      return () => told.push("leaves");
    });
    const { promise: work, resolve: end } = Promise.withResolvers<string>();
    const [first, second] = [new AbortController(), new AbortController()];
    const running = enter(() => work, { gone: first.signal });
    const waiting = enter(async () => assert.fail("nobody waits for it"), { gone: second.signal });
    const behind = enter(async () => "behind");
    second.abort();
    await assert.rejects(waiting, isAbandoned);
    await assert.rejects(
      enter(async () => "late", { gone: AbortSignal.abort() }),
      isAbandoned,
    );
    const inItsPlace = enter(async () => "in its place");
    await assert.rejects(
      enter(async () => "too many"),
      isOverloaded,
    );
    first.abort();
    end("done");
    assert.deepEqual(await Promise.all([running, behind, inItsPlace]), ["done", "behind", "in its place"]);
    second.abort();
    assert.equal(told.filter((what) => what === "comes").length, 4);
    assert.equal(told.filter((what) => what === "leaves").length, 4);
    assert.equal(await enter(async () => "later"), "later");
  });

  test("gives the place of a job that throws before it begins to wait to the next", async () => {
    const enter = createLine(1, 1);
    const thrower = () => {
      throw new Error("at once");
    };
    const results = await Promise.allSettled([enter(thrower), enter(async () => "next")]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ["rejected", "fulfilled"],
    );
    assert.equal(await enter(async () => "later"), "later");
  });

  test("lets nobody slip in between a job that ends and the one that waits", async () => {
    const line = createTurnstile(1, 1);
    const first = line.come(1);
    const second = line.come(2);
    line.end(1, false);
    // In the very moment that the place passes on.
    const third = line.come(3);
    await Promise.all([first, settle()]);
    assert.equal(line.running().length, 1);
    assert.deepEqual(line.started, [1, 2]);
    line.end(2, false);
    await second;
    await settle();
    if (line.running().includes(3)) line.end(3, false);
    await third;
  });

  test("is one for checks, decoys and hashes alike", async () => {
    const passwords = createPasswords({ atOnce: 1, waiting: 1, argon2: QUICK_ARGON2 });
    const checks = [passwords.check("a", null), passwords.hash("a")];
    await assert.rejects(passwords.hash("b"), isOverloaded);
    await assert.rejects(passwords.check("b", null), isOverloaded);
    await assert.rejects(passwords.check("b", "!unusable"), isOverloaded);
    await Promise.all(checks);
    assert.deepEqual(await passwords.check("b", null), { right: false });
  });

  test("has its place back from a check that fails", async () => {
    const costs = () => Promise.reject(new Error("The database is away."));
    const passwords = createPasswords({ atOnce: 1, waiting: 0, argon2: QUICK_ARGON2, costs });
    for (let i = 0; i < 3; i++) {
      await assert.rejects(passwords.check("a", null), (error: unknown) => !(error instanceof Problem));
    }
  });
});
