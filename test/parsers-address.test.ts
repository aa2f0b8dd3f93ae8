import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { findProvenance, type OwnOrigin } from "../lib/http/origin.ts";
import { decodePath, isHost, parseTarget } from "../lib/http/target.ts";
import { repeats } from "./support/effort.ts";
import { characters, KIB_64, soup } from "./support/soup.ts";

const RUNS = { numRuns: repeats(1000) };

describe("a request's URL", () => {
  const tail = soup("/", "?", "#", "%2F", "%", "..", "://", "@", ":", "[", "login", "&", "=", "+", "\\", "//");

  test("with any text is split into a path and a query", () => {
    fc.assert(
      fc.property(tail, (text) => {
        const { path, query } = parseTarget(text);
        assert(!/[?#]/.test(path), path);
        assert(!query.includes("#"), query);
      }),
      RUNS,
    );
  });

  test("is split like a URL object", () => {
    const url = fc.oneof(
      fc.webUrl({ withQueryParameters: true, withFragments: true }),
      tail.map((text) => `http://a.test/${text}`).filter((text) => URL.canParse(text)),
    );
    fc.assert(
      fc.property(url, (text) => {
        const { href, pathname, search } = new URL(text);
        assert.deepEqual(parseTarget(href), { path: pathname, query: search.slice(1) });
      }),
      RUNS,
    );
  });

  test("may be a path alone, if the Host is not valid in a URL", () => {
    fc.assert(
      fc.property(soup("a", "=", "&", "?", "/", "%20"), soup("a", "=", "&", "?", "/", "%20"), (path, query) => {
        fc.pre(!/[?#]|:\/\//.test(path) && !/#|:\/\//.test(query));
        assert.deepEqual(parseTarget(`/${path}?${query}`), { path: `/${path}`, query });
      }),
      RUNS,
    );
  });

  test("as a path alone is not confused with a URL in its query", () => {
    const target = parseTarget("/nowhere/?next=http://a.test/profile/");
    assert.deepEqual(target, { path: "/nowhere/", query: "next=http://a.test/profile/" });
  });

  test("is split in known difficult cases, and at 64 KiB of repeated text", () => {
    assert.deepEqual(parseTarget("http://a.test"), { path: "/", query: "" });
    assert.deepEqual(parseTarget("http://a.test/?"), { path: "/", query: "" });
    assert.deepEqual(parseTarget("http://a.test/a?b?c#d?e"), { path: "/a", query: "b?c" });
    for (const piece of ["/", "?", "#", "://", "%41", "%"]) {
      const text = piece.repeat(KIB_64 / piece.length);
      parseTarget(text);
      decodePath(parseTarget(`http://a.test/${text}`).path);
    }
  });
});

describe("a path", () => {
  test("of escaped bytes is decoded if they are UTF-8, else null", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 6 }),
      characters().map((text) => new TextEncoder().encode(text)),
    );
    fc.assert(
      fc.property(bytes, (bytes) => {
        let expected: string | null;
        try {
          expected = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
        } catch {
          expected = null;
        }
        const path = Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
        assert.equal(decodePath(path), expected);
      }),
      RUNS,
    );
  });

  test("with any text is decoded or null", () => {
    fc.assert(
      fc.property(soup("%", "%2", "%2F", "%ff", "%C3%A9", "%u0041", "/", "+"), (path) => {
        const decoded = decodePath(path);
        assert(decoded === null || typeof decoded === "string");
        if (!path.includes("%")) assert.equal(decoded, path);
      }),
      RUNS,
    );
  });

  test("is null if an escape is malformed", () => {
    for (const path of [
      "%",
      "/%",
      "%4",
      "%zz",
      "%u0041",
      "%ff",
      "%c3",
      "%c3%28",
      "%ed%a0%80",
      "%c0%af",
      "%f5%80%80%80",
    ])
      assert.equal(decodePath(path), null, path);
    assert.equal(decodePath("/%6cogin%2F%00+"), "/login/\0+");
  });
});

describe("a Host", () => {
  const name = fc.string({ unit: fc.constantFrom(..."abzABZ019._-"), minLength: 1, maxLength: 20 });
  const port = fc.oneof(
    fc.constant(""),
    fc.nat().map((number) => `:${number}`),
  );
  const address = fc.ipV6().filter((text) => /^[a-f0-9]*:[a-f0-9:.]+$/i.test(text));

  test("is a name or an IPv6 address in brackets, with a port or without", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          name,
          address.map((text) => `[${text}]`),
        ),
        port,
        (host, port) => {
          assert(isHost(`${host}${port}`), `${host}${port}`);
        },
      ),
      RUNS,
    );
  });

  test("has no other characters", () => {
    const other = fc
      .integer({ min: 0, max: 0xffff })
      .map((code) => String.fromCharCode(code))
      .filter((character) => !/[a-zA-Z0-9._:-]/.test(character));
    fc.assert(
      fc.property(name, other, fc.string({ unit: fc.constantFrom(..."abz01"), maxLength: 5 }), (start, bad, end) => {
        assert(!isHost(`${start}${bad}${end}`));
      }),
      RUNS,
    );
  });

  test("that a URL object accepts becomes its host and nothing else", () => {
    fc.assert(
      fc.property(soup("a", ".", "-", ":", "1", "80", "[", "]", "::", "@", "/", "?", "#", "_", " ", "\n"), (text) => {
        if (!isHost(text) || !URL.canParse(`http://${text}/`)) return;
        const { username, password, pathname, search, hash } = new URL(`http://${text}/`);
        assert.deepEqual([username, password, pathname, search, hash], ["", "", "/", "", ""]);
      }),
      RUNS,
    );
  });

  test("is checked in known difficult cases, and at 64 KiB of repeated text", { timeout: 60_000 }, () => {
    for (const text of [
      "",
      " ",
      "a b",
      "a/b",
      "a@b",
      "a:",
      "a:b",
      ":80",
      "a\n",
      "[",
      "[]",
      "[a]",
      "[::1",
      "::1",
      "é",
      "a:٣",
    ])
      assert(!isHost(text), text);
    for (const text of ["a.", "a_b", "_:1", "A.test:80", "[::1]", "[::1]:8000", "127.0.0.1", "[::ffff:1.2.3.4]"])
      assert(isHost(text), text);
    for (const piece of ["a", ".", ":", "[", "a:", "1", "::", "-"]) {
      const text = piece.repeat(KIB_64 / piece.length);
      for (const whole of [text, `${text}+`, `[${text}`, `[${text}]`, `[${text}+]`, `a:${text}x`]) isHost(whole);
    }
  });
});

describe("the source of a request", () => {
  const headerValue = soup(
    "http://",
    "https://",
    "a.test",
    "null",
    ":80",
    ":443",
    "same-origin",
    "none",
    " ",
    "cross-site",
    "/",
  )
    // The characters that a header can hold.
    .map((text) => text.replace(/[^\t\x20-\x7e\x80-\xff]/g, ""));
  const host = fc.constantFrom("a.test", "A.test", "a.test:80", "a.test:443", "a.test:8000", "b.test", "[::1]:80");
  const origin = fc.oneof(
    headerValue,
    fc.tuple(fc.constantFrom("http://", "https://", "HTTP://", "ftp://", ""), host).map((parts) => parts.join("")),
  );
  const site = fc.oneof(headerValue, fc.constantFrom("same-origin", "none", "same-site", "cross-site", "Same-Origin"));
  const headers = fc
    .record({ origin, "sec-fetch-site": site }, { requiredKeys: [] })
    .map((values) => new Headers(Object.entries(values)));

  const own: fc.Arbitrary<OwnOrigin> = fc.record({
    publicOrigin: fc.constantFrom(null, "https://a.test", "http://a.test:8000"),
    host: fc.oneof(host, headerValue, fc.constant(null)),
    isHttps: fc.boolean(),
    trusted: fc.constantFrom(new Set<string>(), new Set(["https://b.test", "null"])),
  });

  test("is own in exactly three cases, for any headers", () => {
    fc.assert(
      fc.property(headers, own, (headers, own) => {
        const verdict = findProvenance(headers, own);
        const [site, origin] = ["sec-fetch-site", "origin"].map((name) => headers.get(name));
        const isTrusted = origin != null && own.trusted.has(origin);
        const isVouchedFor = site === "same-origin" || site === "none";
        const isPublic = !site && own.publicOrigin !== null && origin === own.publicOrigin;
        const isHosts =
          !site &&
          own.publicOrigin === null &&
          origin != null &&
          originsOf(own.host).includes(origin) &&
          (origin.startsWith("https:") || !own.isHttps);
        assert.equal(verdict.kind === "own", isTrusted || isVouchedFor || isPublic || isHosts);
        assert.equal(verdict.kind === "unknown", !site && origin == null);
        if (verdict.kind === "foreign") assert.equal(verdict.value, headers.get(verdict.header));
      }),
      RUNS,
    );
  });

  test("is own if the Origin names the Host, in any case, with or without the default port", () => {
    const own = (host: string | null) => ({ publicOrigin: null, host, isHttps: false, trusted: new Set<string>() });
    const pairs: [string, string][] = [
      ["A.test", "http://a.test"],
      ["a.test:80", "http://a.test"],
      ["a.test:443", "https://a.test"],
      ["a.test:8000", "http://a.test:8000"],
      ["[::1]:80", "http://[::1]"],
    ];
    for (const [host, origin] of pairs)
      assert.equal(findProvenance(new Headers({ origin }), own(host)).kind, "own", origin);
  });

  test("is foreign if the Origin only resembles the Host", () => {
    const own = (host: string | null) => ({ publicOrigin: null, host, isHttps: false, trusted: new Set<string>() });
    const foreign = [
      "null",
      "http://a.test.evil",
      "http://xa.test",
      "http://a.test/",
      "http://a.test:81",
      "HTTP://a.test",
      "//a.test",
      "a.test",
      "http://u@a.test",
      "",
    ];
    for (const origin of foreign)
      assert.equal(findProvenance(new Headers({ origin }), own("a.test")).kind, "foreign", origin);
    assert.equal(findProvenance(new Headers({ origin: "http://a.test" }), own(null)).kind, "foreign");
    assert.equal(findProvenance(new Headers({ origin: "http://a" }), own(`a${":80".repeat(20_000)}x`)).kind, "foreign");
  });

  /** @returns the origins of a Host's pages, as a browser sends them */
  function originsOf(host: string | null): string[] {
    if (host === null) return [];
    const name = host.toLowerCase();
    return [
      `http://${name.endsWith(":80") ? name.slice(0, -3) : name}`,
      `https://${name.endsWith(":443") ? name.slice(0, -4) : name}`,
    ];
  }
});
