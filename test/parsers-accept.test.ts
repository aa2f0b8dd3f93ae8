import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { matches, parseMediaType } from "../lib/http/media-type.ts";
import { negotiate } from "../lib/http/negotiate.ts";
import { repeats } from "./support/effort.ts";
import { KIB_64, soup } from "./support/soup.ts";

const RUNS = { numRuns: repeats(1000) };

describe("an Accept header", () => {
  const range = fc.constantFrom(
    "application/json",
    "text/html",
    "*/*",
    "text/*",
    "application/*",
    "image/png",
    "*/json",
    "",
  );
  const parameter = fc.constantFrom("", "", ";q=0", "; q=0.9", ";level=1", ";indent=4", ";q");
  const entries = fc.array(fc.tuple(range, parameter), { minLength: 1, maxLength: 6 });
  const written = (list: [string, string][]) => list.map((entry) => entry.join("")).join(", ");

  test("with any text gives a representation or one of two problems", () => {
    const accept = fc.option(
      soup(",", ";", "/", "*", "=", '"', "application/json", "text/html", "indent=", "3", "q=0", "_"),
    );
    fc.assert(
      fc.property(accept, fc.option(soup("json", "api", "JSON", "&")), (accept, format) => {
        const answer = negotiate(accept, format);
        if (typeof answer === "string") {
          assert(["not_found", "not_acceptable"].includes(answer));
          assert.equal(answer === "not_found", Boolean(format) && format !== "json" && format !== "api");
        } else {
          assert(Number.isInteger(answer.indent) && answer.indent >= 0 && answer.indent <= 8);
          if (format) assert.equal(answer.format, format === "api" ? "page" : format);
        }
      }),
      RUNS,
    );
  });

  test("is matched by the table of specificity", () => {
    const classOf = ([range, parameter]: [string, string]) => {
      if (range.startsWith("*/")) return 0;
      if (range.endsWith("/*")) return 1;
      return parameter === "" || parameter.includes("q") ? 2 : 3;
    };
    fc.assert(
      fc.property(entries, (list) => {
        const renderers = [
          { format: "json", type: "application", subtype: "json" },
          { format: "page", type: "text", subtype: "html" },
        ];
        const meeting = list.flatMap((entry) =>
          renderers
            .filter(({ type, subtype }) => matches(parseMediaType(entry[0]), type, subtype))
            .map(({ format }) => ({ format, rank: classOf(entry) })),
        );
        const best = Math.max(...meeting.map(({ rank }) => rank));
        const candidates = meeting.filter(({ rank }) => rank === best).map(({ format }) => format);
        const expected = candidates.includes("json") ? "json" : (candidates[0] ?? "not_acceptable");
        const answer = negotiate(written(list), null);
        assert.equal(typeof answer === "string" ? answer : answer.format, expected);
      }),
      RUNS,
    );
  });

  test("gives the same format in any order and any case", () => {
    const formatOf = (accept: string) => {
      const answer = negotiate(accept, null);
      return typeof answer === "string" ? answer : answer.format;
    };
    fc.assert(
      fc.property(entries, (list) => {
        assert.equal(formatOf(written([...list].reverse()).toUpperCase()), formatOf(written(list)));
      }),
      RUNS,
    );
  });

  test("may request an indent of at most 8", () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.constantFrom("", '"'), (indent, quote) => {
        const answer = negotiate(`application/json; indent=${quote}${indent}${quote}`, null);
        assert.deepEqual(answer, { format: "json", indent: indent < 0n ? 0 : indent > 8n ? 8 : Number(indent) });
      }),
      RUNS,
    );
    for (const text of ["", "x", "4x", "0x4", "1e1", "\u0664", "-1", "_4", "4_", "NaN", "Infinity"])
      assert.deepEqual(negotiate(`application/json; indent=${text}`, null), { format: "json", indent: 0 }, text);
  });

  test("of 64 KiB of repeated text is answered", { timeout: 60_000 }, () => {
    for (const piece of [",", ";", "*/*,", "a/b;q=1,", "1", "1_", "_", '"', " ", "text/html;x=1,"]) {
      const text = piece.repeat(KIB_64 / piece.length);
      for (const whole of [text, `application/json;indent=${text}`, `application/json;indent=${text}x`])
        negotiate(whole, null);
    }
  });
});
