import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { parseForm } from "../lib/http/form.ts";
import { parseJson, renderJson } from "../lib/http/json.ts";
import { repeats } from "./support/effort.ts";
import { byteSoup, characters, KIB_64, soup } from "./support/soup.ts";

const RUNS = { numRuns: repeats(1000) };

const utf8 = (text: string) => new TextEncoder().encode(text);

/** @returns the value as text, with `number` for `bigint`; undefined if it was not parsed */
function asPlainJson(text: string): string | undefined {
  const result = parseJson(text);
  return result.ok
    ? JSON.stringify(result.value, (_, value) => (typeof value === "bigint" ? Number(value) : value))
    : undefined;
}

function asPlatformJson(text: string): string | undefined {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return undefined;
  }
}

describe("JSON", () => {
  const text = soup(
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"',
    "\\",
    "\\u",
    "d800",
    "1",
    "-",
    ".",
    "e",
    "0",
    "null",
    "true",
    '"a":',
    "NaN",
    " ",
  );
  const value = fc.jsonValue({ maxDepth: 4 });

  test("gives the value of JSON.parse, but exact integers", () => {
    const nearly = fc
      .tuple(value, fc.nat(), fc.constantFrom("", ",", "}", '"', "\\", "0", "\0", "\ufeff"))
      .map(([value, at, bad]) => {
        const json = JSON.stringify(value);
        const cut = at % (json.length + 1);
        return json.slice(0, cut) + bad + json.slice(cut);
      });
    fc.assert(
      fc.property(
        fc.oneof(
          text,
          value.map((value) => JSON.stringify(value)),
          nearly,
        ),
        (text) => {
          assert.equal(asPlainJson(text), asPlatformJson(text));
        },
      ),
      RUNS,
    );
  });

  test("has exact integers at any depth and under any name", () => {
    const tree: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        fc.bigInt(),
        fc.oneof(tie("tree"), fc.bigInt()),
        fc.array(tie("tree"), { maxLength: 4 }),
        fc
          .array(fc.tuple(fc.constantFrom("a", "0", "10", "b c", "toString", ""), tie("tree")), { maxLength: 4 })
          .map(Object.fromEntries),
      ),
    }))["tree"];
    // The text of a value, with bigints as digits.
    const write = (value: unknown): string => {
      if (typeof value === "bigint") return String(value);
      if (Array.isArray(value)) return `[${value.map(write).join(" ,")}]`;
      const members = Object.entries(value ?? {}).map(([name, value]) => `${JSON.stringify(name)}:\t${write(value)}`);
      return `{ ${members.join(",\n")}}`;
    };
    fc.assert(
      fc.property(tree, (tree) => {
        assert.deepEqual(parseJson(write(tree)), { ok: true, value: tree });
      }),
      RUNS,
    );
  });

  test("with two members of one name has the last one, with its own integers", () => {
    const number = fc.oneof(
      fc.bigInt().map(String),
      fc.integer().map((number) => `${number}.5`),
    );
    const written = fc.oneof(
      number,
      number.map((number) => `[${number}]`),
      number.map((number) => `{"b":${number}}`),
    );
    fc.assert(
      fc.property(written, written, (first, last) => {
        assert.deepEqual(parseJson(`{"a":${first},"a":${last}}`), parseJson(`{"a":${last}}`));
      }),
      RUNS,
    );
  });

  test("that was rendered parses to the same value, and has no U+2028 and U+2029", () => {
    const spiced = fc
      .tuple(value, soup("\u2028", "\u2029", '"', "\\", "\0"))
      .map(([value, text]) => [value, { [text]: text }]);
    fc.assert(
      fc.property(spiced, fc.integer({ min: 0, max: 8 }), (value, indent) => {
        const rendered = renderJson(value, indent);
        assert(!/[\u2028\u2029]/.test(rendered));
        assert.equal(JSON.stringify(JSON.parse(rendered)), JSON.stringify(value));
      }),
      RUNS,
    );
  });

  test("is parsed or denied in known difficult cases", () => {
    const nines = "9".repeat(4300);
    assert.deepEqual(parseJson(nines), { ok: true, value: BigInt(nines) });
    assert.deepEqual(parseJson(`-${nines}`), { ok: true, value: -BigInt(nines) });
    assert.deepEqual(parseJson(`{"__proto__":1}`), {
      ok: true,
      value: JSON.parse('{"__proto__":1}', (_, value) => (value === 1 ? 1n : value)),
    });
    assert.deepEqual(parseJson("1e999"), { ok: true, value: Number.POSITIVE_INFINITY });
    assert.deepEqual(parseJson("-0"), { ok: true, value: 0n });
    const malformed = [
      `${nines}9`,
      `-${nines}9`,
      `[{"a":${nines}9}]`,
      "",
      " ",
      "\ufeff1",
      "01",
      "1.",
      ".5",
      "+1",
      "NaN",
      "Infinity",
      "'a'",
      '"\t"',
      '"\\x"',
      '"\\u12"',
      "\xa01",
      "1\0",
      "[1,]",
      "{a:1}",
      "//",
      "undefined",
      '"',
    ];
    for (const text of malformed) assert.equal(parseJson(text).ok, false, text.slice(0, 20));
  });

  test("of 64 KiB is parsed or denied, with the deepest and widest nesting", { timeout: 60_000 }, () => {
    for (const piece of ["[", '{"a":', '[{"a":', '"', "\\", "1", "1,", "-", "[]", "{", " ", '"\\u', "9e"]) {
      const text = piece.repeat(KIB_64 / piece.length);
      for (const whole of [text, `[${text}]`, `"${text}"`, `1${text}`, `[${text}0]`]) parseJson(whole);
    }
    assert.equal(parseJson("[".repeat(KIB_64)).ok, false);
    for (const depth of [100, 10_000, KIB_64 / 2]) {
      parseJson("[".repeat(depth) + "]".repeat(depth));
      parseJson(`${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`);
    }
    assert(parseJson("[".repeat(100) + "]".repeat(100)).ok);
  });
});

describe("a form", () => {
  const body = ["&", "=", "+", "%", "%4", "%41", "%C3%A9", "%ff", "%EF%BB%BF", "%F0%9F", "a", ";", "é", "[]", "\n"];

  test("that the platform encoded has its fields again", () => {
    const field = fc.tuple(characters(), characters());
    fc.assert(
      fc.property(fc.array(field), (fields) => {
        const read = parseForm(utf8(new URLSearchParams(fields).toString()), "utf-8");
        assert.deepEqual(read, new Map(fields));
      }),
      RUNS,
    );
  });

  test("in UTF-8 is parsed like URLSearchParams", () => {
    fc.assert(
      fc.property(
        soup(...body).filter((text) => text.isWellFormed() && !text.startsWith("?")),
        (text) => {
          assert.deepEqual(parseForm(utf8(text), "utf-8"), new Map(new URLSearchParams(text)));
        },
      ),
      RUNS,
    );
  });

  test("of any bytes is parsed in any encoding", () => {
    const encoding = fc.constantFrom(
      "utf-8",
      "windows-1252",
      "utf-16le",
      "utf-16be",
      "shift_jis",
      "gb18030",
      "iso-2022-jp",
    );
    fc.assert(
      fc.property(byteSoup(...body), encoding, (bytes, encoding) => {
        for (const [name, value] of parseForm(bytes, encoding) ?? [])
          assert(name.isWellFormed() && value.isWellFormed());
      }),
      RUNS,
    );
  });

  test("has at most 1000 fields, including empty ones", () => {
    assert.equal(parseForm(utf8(`a=1${"&".repeat(999)}`), "utf-8")?.get("a"), "1");
    assert.equal(parseForm(utf8(`a=1${"&".repeat(1000)}`), "utf-8"), null);
  });

  test("is parsed by the rules in known difficult cases", () => {
    const cases: [string, [string, string][]][] = [
      ["", []],
      ["=", [["", ""]]],
      ["=x", [["", "x"]]],
      ["a", [["a", ""]]],
      ["a=b=c", [["a", "b=c"]]],
      ["a=1&a=2", [["a", "2"]]],
      ["a=1;b=2", [["a", "1;b=2"]]],
      [
        "a=%&b=%4&c=%zz&d=%%41",
        [
          ["a", "%"],
          ["b", "%4"],
          ["c", "%zz"],
          ["d", "%A"],
        ],
      ],
      ["a=%ff%41", [["a", "\ufffdA"]]],
      ["a=%00", [["a", "\0"]]],
      ["a=%2B+%26", [["a", "+ &"]]],
      ["__proto__=x", [["__proto__", "x"]]],
      ["a=\n", [["a", "\n"]]],
    ];
    for (const [text, fields] of cases) assert.deepEqual([...(parseForm(utf8(text), "utf-8") ?? [])], fields, text);
    // Bytes that are not UTF-8 are read as ISO-8859-1.
    assert.equal(parseForm(Uint8Array.of(0x61, 0x3d, 0xe9), "utf-8")?.get("a"), "é");
  });

  test("of 64 KiB of repeated text is parsed", { timeout: 60_000 }, () => {
    for (const piece of ["&", "=", "+", "%", "%4", "%41", "%ff", "%zz", "a=b&", "\xff", "%f0%9f"]) {
      const bytes = Uint8Array.from(piece.repeat(KIB_64 / piece.length), (character) => character.charCodeAt(0));
      for (const encoding of ["utf-8", "utf-16le", "windows-1252"]) parseForm(bytes, encoding);
    }
  });
});
