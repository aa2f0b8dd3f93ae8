import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { parseCookies, serializeCookie } from "../lib/http/cookie.ts";
import { parseMediaType, parseParameters } from "../lib/http/media-type.ts";
import { repeats } from "./support/effort.ts";
import { KIB_64, soup, textWithout, token } from "./support/soup.ts";

const RUNS = { numRuns: repeats(1000) };

/** Cookie octets of RFC 6265 §4.1.1. */
const cookieValue = fc.string({
  unit: fc.constantFrom(..."abcxyzABCXYZ0189!#$%&'()*+-./:<=>?@[]^_`{|}~"),
  maxLength: 40,
});

describe("a Cookie header", () => {
  const header = soup(
    ";",
    "=",
    '"',
    "\\",
    " ",
    "\t",
    "\xa0",
    "sessionid",
    "\\101",
    "\\",
    "%41",
    ",",
    "$Version",
    "\r\n",
  );

  test("of any text is parsed", () => {
    fc.assert(
      fc.property(header, (text) => {
        for (const [name, values] of parseCookies(text)) {
          assert(!/^[ \t]|[ \t]$|=/.test(name), name);
          assert(name !== "" || values.some((value) => value !== "") || text.includes('""'));
        }
      }),
      RUNS,
    );
  });

  test("gives every value of a name, also among malformed text", () => {
    const junk = fc.array(
      header.map((text) => text.replaceAll(";", "")).filter((part) => !part.includes("sessionid")),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(junk, cookieValue, junk, cookieValue, junk, (before, old, between, value, after) => {
        const parts = [...before, `sessionid=${old}`, ...between, ` sessionid\t= ${value} `, ...after];
        assert.deepEqual(parseCookies(parts.join(";")).get("sessionid"), [old, value]);
      }),
      RUNS,
    );
  });

  test("gives the value of a serialised cookie, and Set-Cookie has each attribute once", () => {
    const attributes = fc.record({
      maxAgeSeconds: fc.integer({ min: 0, max: 34_560_000 }),
      httpOnly: fc.boolean(),
      secure: fc.boolean(),
      domain: fc.constantFrom(null, "example.com"),
    });
    const instant = fc.integer({ min: 0, max: Date.UTC(2100, 0, 1) });
    fc.assert(
      fc.property(token, cookieValue, attributes, instant, (name, value, given, now) => {
        const [pair = "", ...rest] = serializeCookie(name, value, given, now).split("; ");
        assert.deepEqual([...parseCookies(pair)], [[name, [value]]]);
        const read = parseCookies(rest.filter((part) => part.includes("=")).join(";"));
        assert.equal(read.get("Max-Age")?.[0], String(given.maxAgeSeconds));
        assert.equal(read.get("Domain")?.[0] ?? null, given.domain);
        assert.equal(
          Date.parse(read.get("expires")?.[0] ?? ""),
          Math.trunc(now / 1000) * 1000 + given.maxAgeSeconds * 1000,
        );
        assert.deepEqual([rest.includes("HttpOnly"), rest.includes("Secure")], [given.httpOnly, given.secure]);
      }),
      RUNS,
    );
  });

  test("may quote a value, with backslash escapes and octal escapes", () => {
    const character = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
    const written = fc.tuple(character, fc.constantFrom("plain", "backslash", "octal")).map(([plain, how]) => {
      if (how === "octal" || plain === ";") return [plain, `\\${plain.charCodeAt(0).toString(8).padStart(3, "0")}`];
      // A backslash before a digit may begin an octal number.
      if (plain === '"' || plain === "\\" || (how === "backslash" && !/\d/.test(plain))) return [plain, `\\${plain}`];
      return [plain, plain];
    });
    fc.assert(
      fc.property(fc.array(written), (characters) => {
        const [plain, quoted] = [0, 1].map((column) => characters.map((pair) => pair[column]).join(""));
        assert.equal(parseCookies(`a="${quoted}"`).get("a")?.[0], plain);
      }),
      RUNS,
    );
  });

  test("is parsed by the rules in known difficult cases", () => {
    const cases: [string | null, [string, string][]][] = [
      [null, []],
      ["", []],
      [";;; ;\t;=", []],
      ["=x", [["", "x"]]],
      ["x", [["", "x"]]],
      ['a="', [["a", '"']]],
      ['a=""', [["a", ""]]],
      ['a="\\"', [["a", "\\"]]],
      ['a="\\1"', [["a", "1"]]],
      ['a="\\477"', [["a", "477"]]],
      ["a='b'", [["a", "'b'"]]],
      ["a=%zz%4", [["a", "%zz%4"]]],
      ["a==b=", [["a", "=b="]]],
      ["a=1,b=2", [["a", "1,b=2"]]],
      ["__proto__=x", [["__proto__", "x"]]],
      // Every sibling host can set this name. Without its first character, it would be trusted.
      ["\xa0__Host-sessionid=x", [["\xa0__Host-sessionid", "x"]]],
      [`a=${"b".repeat(8192)}`, [["a", "b".repeat(8192)]]],
    ];
    for (const [text, cookies] of cases) {
      const read = [...parseCookies(text)].map(([name, values]) => [name, ...values]);
      assert.deepEqual(read, cookies, String(text));
    }
  });

  test("of 64 KiB of repeated text is parsed", { timeout: 60_000 }, () => {
    for (const piece of [";", "=", '"', "\\", "a=b;", "\\1", "\xa0", " ", "\t"]) {
      for (const [start, end] of [
        ["", ""],
        ["a", "a"],
        ['a="', '"'],
        ["a=", "a"],
      ]) {
        parseCookies(`${start}${piece.repeat(KIB_64 / piece.length)}${end}`);
      }
    }
  });
});

describe("a media type", () => {
  const header = soup(
    ";",
    "=",
    '"',
    "\\",
    "'",
    "*",
    "/",
    "%41",
    "%",
    " ",
    "text",
    "q",
    "utf-8''",
    "charset",
    "boundary",
  );

  test("of any text is parsed, with its type and names in lower case", () => {
    fc.assert(
      fc.property(header, (text) => {
        const { type, subtype, parameters } = parseMediaType(text);
        assert.equal(`${type}${subtype}`, `${type}${subtype}`.toLowerCase());
        assert(!type.includes("/"));
        for (const name of parameters.keys()) assert.equal(name, name.toLowerCase());
      }),
      RUNS,
    );
  });

  test("gives every parameter without its quotes", () => {
    const quote = (text: string) => `"${text.replace(/["\\]/g, "\\$&")}"`;
    // The parser counts every quote to find a quoted `;`. A quote in a value must not be followed by another `;`.
    const last = fc.tuple(token, textWithout(";"));
    fc.assert(
      fc.property(fc.array(fc.tuple(token, textWithout('"'))), last, (pairs, end) => {
        const all = [...pairs, end];
        const text = ["Text/HTML", ...all.map(([name, value]) => `${name.toUpperCase()} = ${quote(value)}`)].join(
          " ; ",
        );
        const { value, parameters } = parseParameters(text);
        assert.deepEqual([value, [...parameters]], ["text/html", [...new Map(all)]]);
      }),
      RUNS,
    );
  });

  test("decodes a parameter in the extended notation of RFC 8187", () => {
    fc.assert(
      fc.property(textWithout('"', "\ufeff"), (value) => {
        const escaped = encodeURIComponent(value).replaceAll("'", "%27");
        assert.equal(parseParameters(`a;name*=utf-8'en'${escaped}`).parameters.get("name"), value);
      }),
      RUNS,
    );
  });

  test("is parsed in known difficult cases, and at 64 KiB of repeated text", { timeout: 60_000 }, () => {
    for (const text of [
      "",
      "/",
      ";",
      "=",
      ";=",
      ";*=",
      ";a*='",
      ";a*=''",
      ";a*=klingon''%41",
      ";a*=utf-8''%ff%",
      'a;b="',
      'a;b="\\"',
    ])
      parseMediaType(text);
    assert.equal(parseParameters("a;b*=klingon''%41").parameters.get("b"), "%41");
    for (const piece of [";", "=", '"', "\\", " ", "'", "%41", "%4", ";a=", "a*=", ";a*=utf-8''%41", "/", "\xa0"]) {
      const text = piece.repeat(KIB_64 / piece.length);
      for (const whole of [text, `a;b="${text}"`, `a;b*=utf-8''${text}`, `a;b=${text}c`, `a${text}c`])
        parseMediaType(whole);
    }
  });
});
