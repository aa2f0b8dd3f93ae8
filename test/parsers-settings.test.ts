import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { ConfigError } from "../lib/config/config.ts";
import { parseConfig } from "../lib/config/load.ts";
import { OPTIONS } from "../lib/config/options.ts";
import { KIB_64, soup } from "./support/soup.ts";

const RUNS = { numRuns: 1000 };
const NAMES = Object.values(OPTIONS).map(({ name }) => name);

/** Null where an environment is right, else every mistake in it. Any other error is thrown on. */
function mistakesOf(environment: Record<string, string>): string[] | null {
  try {
    parseConfig(environment);
    return null;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.mistakes;
  }
}

/** For each setting that can be wrong, texts that are. */
const WRONG: Record<string, string[]> = {
  PORT: ["-1", "65536", "8e3", "0x10", "1.5", "8 0", "٣", "9".repeat(400), "x"],
  DATABASE_URL: ["sqlite:", "sqlite::", "sqlite:file:x", "sqlite://host/x", "postern.db", "mysql:x", ":"],
  PUBLIC_URL: [
    "example.com",
    "ftp://a.test",
    "http://",
    "https://a.test/path",
    "https://a.test?",
    "https://u@a.test",
    "https://a.test:99999",
    "https://a b",
    "https://é.test",
    "https://[::1",
  ],
  POSTERN_SESSION_MAX_AGE_SECONDS: ["59", "34560001", "-60", "1e6"],
  POSTERN_SESSION_IDLE_SECONDS: ["299", "34560001", "NaN"],
  POSTERN_SESSION_COOKIE_NAME: ["a b", "a=b", "a;b", 'a"b', "é", "a\nb"],
  POSTERN_COOKIE_DOMAIN: ["a b", "a..b", "..a", "a.", "https://a.test", "a\nb", "*.a.test"],
  POSTERN_TRUSTED_ORIGINS: ["a.test", "https://a.test;https://b.test", "https://a.test, b.test", "*", "null"],
  POSTERN_BODY_TIMEOUT_SECONDS: ["0", "121", "Infinity"],
  POSTERN_IDLE_TIMEOUT_SECONDS: ["0", "256", "1.5"],
  POSTERN_PASSWORD_QUEUE: ["-1", "100001", "many"],
};

describe("the environment", () => {
  test("unset, keeps an idle connection longer than nginx and AWS do: 60 seconds", () => {
    assert(parseConfig({}).idleTimeoutSeconds > 60);
  });

  test("is read, whatever it holds, or refused with every mistake a sentence", () => {
    const name = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...NAMES) }, soup("POSTERN_", "PORT", "__proto__"));
    const value = soup(
      "http://",
      "https://",
      "a.test",
      ":",
      "80",
      "/",
      ",",
      " ",
      "sqlite:",
      "__Host-",
      ".",
      "-",
      "[",
      "]",
      "999",
      "\n",
    );
    fc.assert(
      fc.property(fc.dictionary(name, value), (environment) => {
        const mistakes = mistakesOf(environment);
        if (mistakes !== null) assert(mistakes.length > 0 && mistakes.every((mistake) => mistake.endsWith(".")));
      }),
      RUNS,
    );
  });

  test("has every mistake in it listed at once, each by its name and what was written", () => {
    const wrong = fc
      .subarray(Object.keys(WRONG))
      .chain((names) =>
        fc.tuple(...names.map((name) => fc.constantFrom(...(WRONG[name] ?? [])).map((text) => [name, text] as const))),
      );
    const misspelt = fc.uniqueArray(
      fc.constantFrom("POSTERN_", "POSTERN_QUEUE", "POSTERN_COOKIE_DOMAINS", "POSTERN_session"),
    );
    fc.assert(
      fc.property(wrong, misspelt, (wrong, misspelt) => {
        const environment = Object.fromEntries([...wrong, ...misspelt.map((name) => [name, "x"] as const)]);
        const mistakes = mistakesOf(environment) ?? [];
        for (const [name, text] of wrong) {
          // A database's URL may hold a password.
          const written = name === "DATABASE_URL" ? "not understood" : `"${text}"`;
          assert(
            mistakes.some((mistake) => mistake.startsWith(`${name} is ${written}:`)),
            name,
          );
        }
        for (const name of misspelt)
          assert(
            mistakes.some((mistake) => mistake.startsWith(`${name} is no setting:`)),
            name,
          );
        assert.equal(mistakes.length, wrong.length + misspelt.length, mistakes.join("\n"));
      }),
      RUNS,
    );
  });

  test("has each text that is wrong refused for itself", () => {
    for (const [name, texts] of Object.entries(WRONG)) {
      for (const text of texts) assert.equal(mistakesOf({ [name]: text })?.length, 1, `${name}=${text}`);
    }
  });

  test("says what the server does, in any right spelling", () => {
    const label = fc.string({ unit: fc.constantFrom(..."abcxyzABC"), minLength: 1, maxLength: 8 });
    const origin = fc
      .tuple(
        fc.constantFrom("http", "https", "HTTPS"),
        label,
        fc.constantFrom("", ":80", ":443", ":8000"),
        fc.constantFrom("", "/"),
      )
      .map(([scheme, label, port, slash]) => `${scheme}://${label}.test${port}${slash}`);
    const port = fc.integer({ min: 0, max: 65_535 });
    fc.assert(
      fc.property(port, origin, fc.array(origin), (port, publicUrl, trusted) => {
        const config = parseConfig({
          PORT: String(port),
          PUBLIC_URL: publicUrl,
          POSTERN_TRUSTED_ORIGINS: trusted.join(" , "),
        });
        assert.equal(config.port, port);
        assert.equal(config.publicUrl, new URL(publicUrl).origin);
        assert.deepEqual(config.trustedOrigins, new Set(trusted.map((text) => new URL(text).origin)));
        assert.equal(config.secureCookies, /^https:/i.test(publicUrl));
        assert.equal(config.sessionCookieName, config.secureCookies ? "__Host-sessionid" : "sessionid");
      }),
      RUNS,
    );
  });

  test("may name a cookie domain in any case, with a dot before it or without, if the public URL is in it", () => {
    for (const domain of ["a.test", ".a.test", "A.Test", "b.a.test"]) {
      const { cookieDomain, sessionCookieName } = parseConfig({
        PUBLIC_URL: "https://b.A.test",
        POSTERN_COOKIE_DOMAIN: domain,
      });
      assert.deepEqual([cookieDomain, sessionCookieName], [domain.replace(/^\./, "").toLowerCase(), "sessionid"]);
    }
    for (const domain of ["other.test", "c.b.a.test", "test.", "x.a.test"])
      assert.equal(mistakesOf({ PUBLIC_URL: "https://b.a.test", POSTERN_COOKIE_DOMAIN: domain })?.length, 1, domain);
  });

  test("is refused where no setting is wrong but two contradict each other", () => {
    const contradictions: Record<string, string>[] = [
      { POSTERN_SESSION_COOKIE_NAME: "csrftoken" },
      { POSTERN_SESSION_COOKIE_NAME: "__Host-x" },
      { POSTERN_SESSION_COOKIE_NAME: "__secure-x", PUBLIC_URL: "http://a.test" },
      { POSTERN_SESSION_COOKIE_NAME: "__HOST-x", PUBLIC_URL: "https://a.test", POSTERN_COOKIE_DOMAIN: "a.test" },
    ];
    for (const environment of contradictions)
      assert.equal(mistakesOf(environment)?.length, 1, JSON.stringify(environment));
  });

  test("counts an empty setting as none, and blanks around one for nothing", () => {
    const { trustedProxies: _, ...unset } = parseConfig({});
    for (const blank of ["", " ", "\t\n"]) {
      const { trustedProxies, ...config } = parseConfig(Object.fromEntries(NAMES.map((name) => [name, blank])));
      assert.deepEqual(config, unset);
      assert(!trustedProxies.has("127.0.0.1"));
    }
    assert.equal(parseConfig({ PORT: " 80\n" }).port, 80);
  });

  test("of 64 KiB is read or refused, made of whatever repeats", { timeout: 60_000 }, () => {
    for (const name of NAMES) {
      for (const piece of ["a", ".", "a.", ",", "https://a.test,", "-", "1", "[", ":", "/", " ", "https://"]) {
        const text = piece.repeat(KIB_64 / piece.length);
        for (const whole of [text, `${text}_`, `https://${text}`, `https://${text}_`, `sqlite:${text}`])
          mistakesOf({ [name]: whole });
      }
    }
  });
});
