import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { ConfigError } from "../lib/config/config.ts";
import { parseConfig } from "../lib/config/load.ts";
import { OPTIONS } from "../lib/config/options.ts";
import { repeats } from "./support/effort.ts";
import { KIB_64, soup } from "./support/soup.ts";

const RUNS = { numRuns: repeats(1000) };
const NAMES = Object.values(OPTIONS).map(({ name }) => name);

/** @returns the errors in the environment, null if there are none @throws any other error */
function errorsIn(environment: Record<string, string>): string[] | null {
  try {
    parseConfig(environment);
    return null;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.errors;
  }
}

/** Invalid texts for each setting. */
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
  test("by default keeps an idle connection for more than 60 seconds, the default of nginx and AWS", () => {
    assert(parseConfig({}).idleTimeoutSeconds > 60);
  });

  test("with any text is parsed, or denied with a sentence for each error", () => {
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
        const errors = errorsIn(environment);
        if (errors !== null) assert(errors.length > 0 && errors.every((error) => error.endsWith(".")));
      }),
      RUNS,
    );
  });

  test("has all its errors listed at once, each with the setting's name and text", () => {
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
        const errors = errorsIn(environment) ?? [];
        for (const [name, text] of wrong) {
          // The database URL may hold a password.
          const written = name === "DATABASE_URL" ? "not understood" : `"${text}"`;
          assert(
            errors.some((error) => error.startsWith(`${name} is ${written}:`)),
            name,
          );
        }
        for (const name of misspelt)
          assert(
            errors.some((error) => error.startsWith(`${name} is not a setting.`)),
            name,
          );
        assert.equal(errors.length, wrong.length + misspelt.length, errors.join("\n"));
      }),
      RUNS,
    );
  });

  test("has one error for each invalid text", () => {
    for (const [name, texts] of Object.entries(WRONG)) {
      for (const text of texts) assert.equal(errorsIn({ [name]: text })?.length, 1, `${name}=${text}`);
    }
  });

  test("accepts every spelling of an origin and normalises it", () => {
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

  test("accepts a cookie domain in any case, with or without a leading dot, if it includes the public host", () => {
    for (const domain of ["a.test", ".a.test", "A.Test", "b.a.test"]) {
      const { cookieDomain, sessionCookieName } = parseConfig({
        PUBLIC_URL: "https://b.A.test",
        POSTERN_COOKIE_DOMAIN: domain,
      });
      assert.deepEqual([cookieDomain, sessionCookieName], [domain.replace(/^\./, "").toLowerCase(), "sessionid"]);
    }
    for (const domain of ["other.test", "c.b.a.test", "test.", "x.a.test"])
      assert.equal(errorsIn({ PUBLIC_URL: "https://b.a.test", POSTERN_COOKIE_DOMAIN: domain })?.length, 1, domain);
  });

  test("is denied if two valid settings contradict each other", () => {
    const contradictions: Record<string, string>[] = [
      { POSTERN_SESSION_COOKIE_NAME: "csrftoken" },
      { POSTERN_SESSION_COOKIE_NAME: "__Host-x" },
      { POSTERN_SESSION_COOKIE_NAME: "__secure-x", PUBLIC_URL: "http://a.test" },
      { POSTERN_SESSION_COOKIE_NAME: "__HOST-x", PUBLIC_URL: "https://a.test", POSTERN_COOKIE_DOMAIN: "a.test" },
    ];
    for (const environment of contradictions)
      assert.equal(errorsIn(environment)?.length, 1, JSON.stringify(environment));
  });

  test("treats an empty setting as unset, and trims the others", () => {
    const { trustedProxies: _, ...unset } = parseConfig({});
    for (const blank of ["", " ", "\t\n"]) {
      const { trustedProxies, ...config } = parseConfig(Object.fromEntries(NAMES.map((name) => [name, blank])));
      assert.deepEqual(config, unset);
      assert(!trustedProxies.has("127.0.0.1"));
    }
    assert.equal(parseConfig({ PORT: " 80\n" }).port, 80);
  });

  test("with a repeated text of 64 KiB is parsed or denied in time", { timeout: 60_000 }, () => {
    for (const name of NAMES) {
      for (const piece of ["a", ".", "a.", ",", "https://a.test,", "-", "1", "[", ":", "/", " ", "https://"]) {
        const text = piece.repeat(KIB_64 / piece.length);
        for (const whole of [text, `${text}_`, `https://${text}`, `https://${text}_`, `sqlite:${text}`])
          errorsIn({ [name]: whole });
      }
    }
  });
});
