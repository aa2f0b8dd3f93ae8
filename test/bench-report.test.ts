import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { barChart } from "./bench/chart.ts";
import { luaOf } from "./bench/lua.ts";
import type { Row } from "./bench/measure.ts";
import {
  comparison,
  failures,
  formatNumber,
  formatSpread,
  markdownTable,
  type Pair,
  pairTable,
  ratiosTo,
  spreadOf,
} from "./bench/report.ts";
import { CASE_ROWS, CONTESTANT_ROWS } from "./bench/rows.ts";

const SAMPLE = { p50Ms: 1, p99Ms: 2, maxMs: 3, failures: 0, memoryMiB: 50, serverCpu: 1, generatorCpu: 0.25 };

function row(title: string, rates: number[]): Row {
  return { name: title, title, samples: rates.map((rate) => ({ ...SAMPLE, requests: rate, perSecond: rate })) };
}

describe("the benchmark's figures", () => {
  test("a spread is median, minimum and maximum, in any order of the values", () => {
    assert.deepEqual(spreadOf([9, 1, 10]), { median: 9, min: 1, max: 10 });
    assert.deepEqual(spreadOf([4, 1, 2, 3]), { median: 2.5, min: 1, max: 4 });
    assert.deepEqual(spreadOf([7]), { median: 7, min: 7, max: 7 });
    assert.throws(() => spreadOf([]));
  });

  test("ratios compare the same round, so a slow round of both changes nothing", () => {
    assert.deepEqual(ratiosTo([100, 10, 50], [50, 5, 25]), [0.5, 0.5, 0.5]);
  });

  test("numbers have three digits, or all digits before the point", () => {
    assert.deepEqual([12345.6, 123.4, 12.34, 1.234, 0.0123].map(formatNumber), [
      "12,346",
      "123",
      "12.3",
      "1.23",
      "0.012",
    ]);
    assert.equal(formatSpread({ median: 2, min: 1, max: 3 }), "2.00 (1.00 to 3.00)");
  });

  test("a cell is escaped", () => {
    assert.equal(markdownTable(["a", "b"], [["x|y", "1"]]), "| a | b |\n| --- | ---: |\n| x\\|y | 1 |");
  });

  test("each row is compared with the first", () => {
    const [, , ceiling = "", ours = ""] = comparison("requests", [row("top", [100, 200]), row("ours", [50, 50])]).split(
      "\n",
    );
    assert.match(ceiling, /^\| top \| 150 \(100 to 200\) \| {2}\| 1\.00 \|/);
    assert.match(ours, /^\| ours \| 50\.0 \(50\.0 to 50\.0\) \| 0\.375 \(0\.250 to 0\.500\) \|/);
  });

  test("a case is compared with its base round by round, by rate or by p99", () => {
    const pair: Pair = {
      title: "ours",
      own: row("ours", [50, 50]),
      base: row("theirs", [100, 200]),
      baseTitle: "theirs",
      figure: "perSecond",
    };
    const [, , byRate, byTime] = pairTable([pair, { ...pair, figure: "p99Ms" }]).split("\n");
    assert.equal(byRate, "| ours | theirs | 0.375 (0.250 to 0.500) | 1.00 | 2.00 |");
    assert.equal(byTime, "| ours | theirs | 1.00 (1.00 to 1.00) | 1.00 | 2.00 |");
  });

  test("an unknown memory is an empty cell", () => {
    const unknown = { ...row("one", [1]), samples: [{ ...SAMPLE, requests: 1, perSecond: 1, memoryMiB: null }] };
    assert.match(comparison("requests", [unknown]), /\| 2\.00 \| {2}\| 1\.00 \| 0\.250 \|$/);
  });

  test("failed requests are reported with their server", () => {
    const bad = row("bad", [10, 20]);
    bad.samples[1] = { ...SAMPLE, requests: 20, perSecond: 20, failures: 3 };
    assert.deepEqual(failures([row("good", [5]), bad]), ["Of bad: 3 of 30 requests failed."]);
  });
});

describe("the benchmark's rows", () => {
  test("have names of their own, and a meaning in short sentences", () => {
    for (const rows of [CONTESTANT_ROWS, CASE_ROWS]) {
      assert.equal(new Set(rows.map(({ name }) => name)).size, rows.length);
      for (const { name, meaning } of rows) {
        assert.match(meaning, /^[A-Z0-9`].*\.$/, name);
        for (const sentence of meaning.split(/(?<=[.:])\s+/)) assert(sentence.split(" ").length <= 25, sentence);
      }
    }
  });
});

describe("the benchmark's chart", () => {
  const bars = [
    { label: '<most> & "best"', isOurs: false, median: 90, min: 80, max: 100 },
    { label: "ours", isOurs: true, median: 45, min: 40, max: 50 },
  ];
  const svg = barChart("A < B", bars);

  test("is well-formed: every element is closed, in order, and text is escaped", () => {
    const open: string[] = [];
    for (const [, end, name, empty] of svg.matchAll(
      /<(\/?)([a-z]+)(?:\s+[\w:-]+="[^"<&]*(?:&#\d+;[^"<&]*)*")*\s*(\/?)>/g,
    )) {
      if (end === "/") assert.equal(open.pop(), name);
      else if (empty !== "/") open.push(name ?? "");
    }
    assert.deepEqual(open, []);
    assert.doesNotMatch(svg.replace(/<\/?[a-z][^<>]*>/g, ""), /[<>]|&(?!#\d+;)/);
    assert(svg.includes("&#60;most&#62; &#38; &#34;best&#34;"));
  });

  test("has bars as long as their medians, and none outside the picture", () => {
    const [long = 0, short = 0] = [...svg.matchAll(/<rect[^>]* width="([\d.]+)"/g)].map(([, width]) => Number(width));
    assert(Math.abs(long - 2 * short) < 0.2, `${long} and ${short}`);
    const [, width] = /viewBox="0 0 (\d+) /.exec(svg) ?? [];
    const marked = barChart("Shares", bars, 200);
    for (const [, x2] of (svg + marked).matchAll(/x2="([\d.]+)"/g)) assert(Number(x2) <= Number(width));
  });
});

describe("the script for wrk", () => {
  const ask = { method: "POST" as const, url: "http://localhost/", headers: { Accept: "*/*" } };
  const turn = (cookie: string) => ({ headers: { Cookie: cookie }, body: '{"a":"b"}' });

  test("sends one request", () => {
    const lua = luaOf({ ...ask, turns: [turn("sessionid=x")] });
    assert(lua.includes('wrk.headers["Cookie"] = "sessionid=x"'));
    assert(lua.includes('wrk.body = "{\\"a\\":\\"b\\"}"'));
    assert(!lua.includes("function request"));
  });

  test("sends several requests in turn, each with its own headers and body", () => {
    const lua = luaOf({ ...ask, turns: [turn("a=1"), { headers: { Cookie: "a=2" }, body: "{}" }] });
    assert(lua.includes('wrk.headers["Cookie"] = "a=1" wrk.body = "{\\"a\\":\\"b\\"}" requests[#requests + 1]'));
    assert(lua.includes('wrk.headers["Cookie"] = "a=2" wrk.body = "{}" requests[#requests + 1]'));
    assert(lua.includes("function request()"));
  });
});
