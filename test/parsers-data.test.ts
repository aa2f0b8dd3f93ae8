import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { readData } from "../lib/http/body.ts";
import { Problem } from "../lib/http/problem.ts";
import { repeats } from "./support/effort.ts";
import { byteSoup, KIB_64, soup } from "./support/soup.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

describe("request data", () => {
  const LABELS = [
    "utf-8",
    "utf8",
    "utf-16",
    "utf-16be",
    "utf-7",
    "latin1",
    "us-ascii",
    "shift_jis",
    "euc-jp",
    "iso-2022-jp",
    "iso-2022-kr",
    "hz-gb-2312",
    "gb18030",
    "big5",
    "euc-kr",
    "replacement",
    "x-user-defined",
    "macintosh",
    "ibm866",
    "iso-8859-8-i",
    "rot13",
    "base64",
    "klingon",
    "",
    "\x01",
    "*",
  ];
  const TYPES = [
    "application/json",
    "*/*",
    "application/*",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "Multipart/Form-Data",
    "text/plain",
    "",
  ];
  const read = (body: Uint8Array<ArrayBuffer>, contentType: string) => {
    const request = new Request("http://a.test/", { method: "POST", body });
    request.headers.set("content-type", contentType);
    return readData(request, { maxBytes: KIB_64, timeoutSeconds: 60 });
  };

  test("of any bytes and Content-Type is parsed, or denied with 400 or 415", async () => {
    const type = fc
      .tuple(
        fc.constantFrom(...TYPES),
        fc.constantFrom(...LABELS),
        soup(";", "=", '"', "charset", "boundary", "x", "*", "'"),
      )
      // The characters that a header can hold.
      .map(([type, label, more]) => `${type};charset="${label}";${more}`.replace(/[^\t\x20-\x7e\x80-\xff]/g, ""));
    const body = byteSoup(
      "{",
      '"a"',
      ":",
      "1",
      "}",
      "&",
      "=",
      "%ff",
      "--x",
      "\r\n",
      "\r\n\r\n",
      'Content-Disposition: form-data; name="a"',
    );
    await fc.assert(
      fc.asyncProperty(body, type, async (body, type) => {
        const problem = await read(body, type).then(
          () => null,
          (error: unknown) => error,
        );
        if (problem === null) return;
        assert(problem instanceof Problem, String(problem));
        assert([400, 415].includes(problem.status));
      }),
      { numRuns: repeats(1000) },
    );
  });

  test("in any charset is parsed or denied", async () => {
    const everyByte = Uint8Array.from({ length: 256 }, (_, index) => index);
    for (const type of TYPES) {
      for (const label of LABELS) {
        for (const body of [
          everyByte,
          utf8('{"a":1}'),
          utf8('--x\r\nContent-Disposition: form-data; name="a"\r\n\r\né\r\n--x--'),
        ]) {
          const problem = await read(body, `${type};charset=${label}`).then(
            () => null,
            (error: unknown) => error,
          );
          assert(problem === null || problem instanceof Problem, `${type} ${label}: ${problem}`);
        }
      }
    }
  });

  test("without bytes is an empty form, with any Content-Type", async () => {
    for (const type of TYPES) assert.deepEqual(await read(new Uint8Array(), type), { kind: "form", fields: new Map() });
  });
});
