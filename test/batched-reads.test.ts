import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BatchedReads } from "../db/batched-reads.ts";

// On Postgres, the sessions of many requests are read together: db/batched-reads.ts.

const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

interface Row {
  id: string;
  value: number;
}

/** A table whose selects wait until the test answers them. Each sees the rows of the moment at which it is sent. */
function createTable(contents: Record<string, number>) {
  const rows = new Map(Object.entries(contents));
  const sent: { ids: string[]; answer: () => Promise<void>; fail: (error: Error) => Promise<void> }[] = [];
  const reads = new BatchedReads<Row>((row) => row.id);
  const select = (ids: string[]) => {
    const { promise, resolve, reject } = Promise.withResolvers<Row[]>();
    const seen = [...rows].filter(([id]) => ids.includes(id)).map(([id, value]) => ({ id, value }));
    sent.push({
      ids,
      answer: () => {
        resolve(seen.reverse());
        return settle();
      },
      fail: (error) => {
        reject(error);
        return settle();
      },
    });
    return promise;
  };
  return { rows, sent, find: async (id: string) => (await reads.find(id, select))?.value ?? null };
}

const outage = () => Object.assign(new Error("canceling statement due to statement timeout"), { code: "57014" });

describe("reads in batches", () => {
  test("give each request its own row, or null", async () => {
    const { sent, find } = createTable({ a: 1, b: 2, c: 3 });
    const found = Promise.all(["a", "b", "c", "unknown", "b", "a"].map(find));
    for (const { answer } of sent) await answer();
    assert.deepEqual(await found, [1, 2, 3, null, 2, 1]);
  });

  test("send two selects at once, and the ids that wait for one together in the next", async () => {
    const { sent, find } = createTable({ a: 1, b: 2, c: 3, d: 4 });
    const found = Promise.all(["a", "b", "c", "d", "c"].map(find));
    assert.deepEqual(
      sent.map(({ ids }) => ids),
      [["a"], ["b"]],
    );
    for (const { answer } of sent) await answer();
    assert.deepEqual(
      sent.map(({ ids }) => ids),
      [["a"], ["b"], ["c", "d"]],
    );
    assert.deepEqual(await found, [1, 2, 3, 4, 3]);
  });

  test("never give a request a row that was read before it", async () => {
    const { rows, sent, find } = createTable({ a: 1, b: 1 });
    const before = [find("a"), find("b")];
    rows.delete("a");
    rows.set("b", 2);
    const after = [find("a"), find("b")];
    for (const { answer } of sent) await answer();
    assert.deepEqual(await Promise.all(before), [1, 1]);
    assert.deepEqual(await Promise.all(after), [null, 2]);
  });

  test("ask for at most 100 ids in a select, and send one more if 100 wait", async () => {
    const ids = Array.from({ length: 250 }, (_, index) => `id ${index}`);
    const { sent, find } = createTable(Object.fromEntries(ids.map((id, index) => [id, index])));
    const found = Promise.all(ids.map(find));
    const sizes = () => sent.map((select) => select.ids.length);
    assert.deepEqual(sizes(), [1, 1, 100, 100]);
    await sent[0]?.answer(); // Three are still on their way: no further one yet.
    assert.deepEqual(sizes(), [1, 1, 100, 100]);
    for (const { answer } of sent) await answer();
    assert.deepEqual(sizes(), [1, 1, 100, 100, 48]);
    assert.deepEqual(await found, [...ids.keys()]);
  });

  test("fail together with their select, and those that wait are still read", async () => {
    const { sent, find } = createTable({ a: 1, b: 2, c: 3, d: 4, e: 5 });
    const found = Promise.allSettled(["a", "b", "c", "d"].map(find));
    await sent[0]?.answer();
    const last = find("e");
    await sent[2]?.fail(new Error("no such column"));
    for (const { answer } of sent) await answer();
    assert.deepEqual(
      (await found).map((result) => (result.status === "fulfilled" ? result.value : String(result.reason))),
      [1, 2, "Error: no such column", "Error: no such column"],
    );
    assert.equal(await last, 5);
  });

  test("do not wait through a second time-out", async () => {
    const { sent, find } = createTable({ a: 1, b: 2, c: 3 });
    const found = Promise.allSettled(["a", "b", "c"].map(find));
    await sent[0]?.fail(outage());
    await sent[1]?.fail(outage());
    assert.deepEqual(
      (await found).map(({ status }) => status),
      ["rejected", "rejected", "rejected"],
    );
    const next = find("c");
    await sent[2]?.answer();
    assert.equal(await next, 3);
  });

  test("are sent after a lost connection", async () => {
    const { sent, find } = createTable({ a: 1, b: 2, c: 3 });
    const found = Promise.allSettled(["a", "b"].map(find));
    const waiting = find("c");
    await sent[0]?.fail(new Error("Connection terminated unexpectedly"));
    await sent[1]?.answer();
    await sent[2]?.answer();
    assert.equal(await waiting, 3);
    assert.deepEqual(
      (await found).map(({ status }) => status),
      ["rejected", "fulfilled"],
    );
  });
});
