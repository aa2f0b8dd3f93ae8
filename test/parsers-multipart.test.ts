import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { FILE, parseMultipart } from "../lib/http/multipart.ts";
import { repeats } from "./support/effort.ts";
import { byteSoup, characters, KIB_64, soup, textWithout } from "./support/soup.ts";

const RUNS = { numRuns: repeats(1000) };
const BOUNDARY = "----cut";
const TYPE = `multipart/form-data; boundary=${BOUNDARY}`;

const utf8 = (text: string) => new TextEncoder().encode(text);
const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** A body of parts: headers, an empty line and a value. */
const bodyOf = (...parts: string[]) =>
  [...parts.map((part) => `--${BOUNDARY}\r\n${part}\r\n`), `--${BOUNDARY}--\r\n`].join("");

const named = (name: string, more = "") => `Content-Disposition: form-data; name="${name}"${more}`;

function read(body: string, type = TYPE): [string, unknown][] {
  const result = parseMultipart(utf8(body), type, "utf-8");
  assert(result.ok);
  return [...result.fields];
}

const name = fc.string({ unit: fc.constantFrom(..."abcXYZ019_-[].é密🔑"), minLength: 1, maxLength: 12 });
const value = fc
  .oneof(characters(), soup("\r", "\n", "\r\n", "-", "--", "----cu", ":", "=", '"', ";", "\0"))
  .map((text) => text.toWellFormed())
  .filter((text) => !text.includes(`--${BOUNDARY}`));

describe("a multipart body", () => {
  test("has its fields byte for byte, the last of each name", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value)), (fields) => {
        const body = bodyOf(...fields.map(([name, value]) => `${named(name)}\r\n\r\n${value}`));
        assert.deepEqual(new Map(read(body)), new Map(fields));
      }),
      RUNS,
    );
  });

  test("that the platform encoded has its fields again", async () => {
    // Platforms differ in how they escape quotes and line ends in names, and in the line ends of values.
    const field = fc.tuple(name, textWithout("\r", "\n"));
    await fc.assert(
      fc.asyncProperty(fc.array(field, { minLength: 1 }), async (fields) => {
        const data = new FormData();
        for (const [name, value] of fields) data.append(name, value);
        const response = new Response(data);
        const type = response.headers.get("content-type") ?? "";
        const result = parseMultipart(new Uint8Array(await response.arrayBuffer()), type, "utf-8");
        assert.deepEqual(result, { ok: true, fields: new Map(fields) });
      }),
      RUNS,
    );
  });

  test("has a field in base64 decoded, with lines of any length", () => {
    fc.assert(
      fc.property(name, value, fc.integer({ min: 1, max: 76 }), (name, value, width) => {
        const lines =
          Buffer.from(value)
            .toString("base64")
            .match(new RegExp(`.{1,${width}}`, "g")) ?? [];
        const part = `${named(name)}\r\nContent-Transfer-Encoding: Base64\r\n\r\n${lines.join("\r\n")}`;
        assert.deepEqual(read(bodyOf(part)), [[name, value]]);
      }),
      RUNS,
    );
  });

  test("of any text is parsed or denied", () => {
    const body = byteSoup(
      `--${BOUNDARY}`,
      "--",
      "\r\n",
      "\r\n\r\n",
      "\n",
      named("a"),
      named("b", '; filename="f"'),
      "Content-Transfer-Encoding: base64",
      "QUI=",
      "=",
      ":",
      ";",
      '"',
    );
    const type = fc.oneof(
      { weight: 3, arbitrary: fc.constant(TYPE) },
      soup("multipart/", "form-data", ";", "boundary", "=", '"', "*", "utf-8''", "%ff", "x", " ").map(
        (text) => `multipart/${text}`,
      ),
      soup("multipart/form-data", ";", "boundary=x"),
    );
    const encoding = fc.constantFrom("utf-8", "windows-1252", "utf-16le", "shift_jis");
    fc.assert(
      fc.property(body, type, encoding, (body, type, encoding) => {
        const result = parseMultipart(body, type, encoding);
        if (!result.ok) assert.equal(typeof result.reason, "string");
        else
          for (const [name, value] of result.fields)
            assert(name.isWellFormed() && (value === FILE || value.isWellFormed()));
      }),
      RUNS,
    );
  });

  test("has at most 1000 fields, not counting files", () => {
    const many = (count: number, more = "") => utf8(bodyOf(...new Array(count).fill(`${named("a", more)}\r\n\r\n1`)));
    assert.equal(parseMultipart(many(1000), TYPE, "utf-8").ok, true);
    assert.deepEqual(parseMultipart(many(1001), TYPE, "utf-8"), { ok: false, reason: null });
    assert.equal(parseMultipart(many(1001, '; filename="f"'), TYPE, "utf-8").ok, true);
  });

  test("without a valid boundary is denied", () => {
    const types = [
      "multipart/form-data",
      "multipart/form-data; boundary",
      "multipart/form-data; boundary=",
      'multipart/form-data; boundary=""',
      `multipart/form-data; boundary=${"x".repeat(202)}`,
      'multipart/form-data; boundary="x "',
      "multipart/form-data; boundary=\x01",
      "multipart/form-data; boundary=é",
      "multipart/form-data; boundary*=utf-8''%C3%A9",
      "text/plain; boundary=x",
    ];
    for (const type of types) {
      const result = parseMultipart(utf8(bodyOf()), type, "utf-8");
      assert(!result.ok && result.reason, type);
    }
  });

  test("is parsed by the rules in known difficult cases", () => {
    const cases: [string, [string, unknown][]][] = [
      ["", []],
      ["rubbish", []],
      [bodyOf(), []],
      [bodyOf("", "\r\n", "\r\n\r\n", "a: b\r\n\r\nno name", `${named("")}\r\n\r\n1`), [["", "1"]]],
      [bodyOf(`${named("a", '; filename="f"')}\r\n\r\n1`, `${named("a")}\r\n\r\n2`), [["a", FILE]]],
      [bodyOf(`${named("a", '; filename=""')}\r\n\r\n1`), [["a", "1"]]],
      [bodyOf(`${named("__proto__")}\r\n\r\n1`), [["__proto__", "1"]]],
      [bodyOf(`${named("\ufeffa")}\r\n\r\n\ufeff1`), [["\ufeffa", "\ufeff1"]]],
      // No closing delimiter: the line end stays. Bare line feeds: no headers. Headers past 1024 bytes: none.
      [`--${BOUNDARY}\r\n${named("a")}\r\n\r\n1\r\n`, [["a", "1\r\n"]]],
      [bodyOf(`${named("a")}\r\n\r\n1`).replaceAll("\r\n", "\n"), []],
      [bodyOf(`X: ${"x".repeat(1024)}\r\n${named("a")}\r\n\r\n1`), []],
    ];
    for (const [body, fields] of cases) assert.deepEqual(read(body), fields, body.slice(0, 60));
    const base64 = (value: string) =>
      read(bodyOf(`${named("a")}\r\nContent-Transfer-Encoding: base64\r\n\r\n${value}`))[0]?.[1];
    const encoded: [string, string][] = [
      ["QQ==", "A"],
      ["Q!Q=\x00=", "A"],
      ["QQ==QQ==", "A"],
      ["QQ", "QQ"],
      ["QQ=", "QQ="],
      ["A", "A"],
      ["=", ""],
      ["====", ""],
      ["", ""],
      ["é", ""],
      ["QUJD====QUJD", "ABCABC"],
    ];
    for (const [text, decoded] of encoded) assert.equal(base64(text), decoded, text);
  });

  test("has names in any script, with any last byte", () => {
    for (const name of ["voilà", "†", "Ϡ"]) assert.deepEqual(read(bodyOf(`${named(name)}\r\n\r\n1`)), [[name, "1"]]);
  });

  test("of 64 KiB of repeated text is parsed", { timeout: 60_000 }, () => {
    const start = `--${BOUNDARY}\r\n${named("a")}\r\n`;
    const base64 = `${start}Content-Transfer-Encoding: base64\r\n\r\n`;
    for (const piece of [
      "\r",
      "\n",
      "\r\n",
      "-",
      `--${BOUNDARY}`,
      "--",
      "=",
      "A=",
      "A",
      "!",
      ";",
      '"',
      "\r\n\r\n",
      "\xff",
      " ",
    ]) {
      const text = piece.repeat(KIB_64 / piece.length);
      for (const body of [
        text,
        `${start}\r\n${text}`,
        `${start}\r\n${text}\r\n--${BOUNDARY}--`,
        `${base64}${text}`,
        `${start}X: ${text}\r\n\r\n`,
      ])
        parseMultipart(latin1(body), TYPE, "utf-8");
      parseMultipart(latin1(text), "multipart/form-data; boundary=x", "utf-8");
      parseMultipart(utf8(""), `multipart/form-data; boundary="${text}"`, "utf-8");
    }
  });
});
