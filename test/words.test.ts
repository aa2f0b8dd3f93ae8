import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type FieldMessage, fieldMessage, wireText } from "../lib/http/message.ts";
import { FORM_CODES, PROBLEMS, Problem } from "../lib/http/problem.ts";
import { chooseLocale, fieldText, LANGUAGES } from "../lib/pages/messages/messages.ts";

const { en: english, it: italian } = LANGUAGES;

/** Every text of a value, however deep, by its path. A function's text has its parameters' names as values. */
function textsOf(value: unknown, path = ""): [path: string, text: string][] {
  if (typeof value === "string") return [[path, value]];
  if (typeof value === "function") return [[path, String(value(...Array(value.length).fill({})))]];
  return Object.entries(value ?? {}).flatMap(([name, child]) => textsOf(child, `${path}.${name}`));
}

/** Words that Italian has taken from English, or that are names. */
const SAME = new Set([".password"]);

describe("the words of the pages", () => {
  test("exist in Italian for every English text, in other words", () => {
    const inItalian = new Map(textsOf(italian));
    assert.deepEqual(
      [...inItalian.keys()].sort(),
      textsOf(english)
        .map(([path]) => path)
        .sort(),
    );
    for (const [path, text] of textsOf(english)) {
      assert(SAME.has(path) || inItalian.get(path) !== text, path);
    }
  });

  test("have the time to wait if the wire has it, and only then", () => {
    for (const { errors } of [english, italian]) {
      for (const code of FORM_CODES) {
        const waits = JSON.stringify(PROBLEMS[code]).includes("{seconds}");
        assert.equal(errors.form[code].includes("{wait}"), waits, code);
      }
    }
  });
});

describe("a message about a field", () => {
  test("has Django's words on the wire, kinder ones on an English page, and Italian ones on an Italian page", () => {
    const message = fieldMessage("max_length", { max: 150 });
    assert.equal(wireText(message), "Ensure this field has no more than 150 characters.");
    assert.equal(fieldText(english, message), "Use at most 150 characters.");
    assert.equal(fieldText(italian, message), "Usa al massimo 150 caratteri.");
  });

  test("has its values in every language", () => {
    for (const message of [
      fieldMessage("password_too_long", { bytes: 5000, max: 4096 }),
      fieldMessage("password_too_short", { min: 15 }),
      fieldMessage("surrogate_characters", { character: "U+D800" }),
    ] satisfies FieldMessage[]) {
      for (const text of [wireText(message), fieldText(english, message), fieldText(italian, message)]) {
        for (const value of Object.values(message.values)) assert(text.includes(String(value)), text);
      }
    }
  });
});

describe("a problem", () => {
  test("does not compile without the values of its text, or with others", () => {
    const { body, retryAfterSeconds } = new Problem("throttled", { seconds: 30 });
    assert.deepEqual(
      [body, retryAfterSeconds],
      [{ detail: "Request was throttled. Expected available in 30 seconds." }, 30],
    );
    // Never called: the compiler alone reads it.
    const errors = () => [
      // @ts-expect-error The seconds are missing.
      new Problem("throttled"),
      // @ts-expect-error The value has another name.
      new Problem("throttled", { minutes: 1 }),
      // @ts-expect-error Its text has no placeholder.
      new Problem("not_found", { seconds: 1 }),
      // @ts-expect-error The second of two values is missing.
      new Problem("parse_error", { parser: "JSON" }),
      // @ts-expect-error A sentence is no message.
      new Problem("invalid", { username: ["This field is required."] }),
      // @ts-expect-error The length is missing.
      fieldMessage("max_length"),
      // @ts-expect-error There is no such code.
      fieldMessage("too_long"),
    ];
    assert.equal(typeof errors, "function");
  });
});

describe("the locale of a page", () => {
  test("has the language that the browser prefers, and the dates of its region", () => {
    for (const [header, locale] of [
      [null, "en-GB"],
      ["*", "en-GB"],
      ["en-GB,en;q=0.9", "en-GB"],
      ["en-US,en;q=0.9", "en-US"],
      ["de-CH, de;q=0.9", "en-CH"],
      ["de", "en-DE"],
      ["it-CH, en;q=0.8", "it-CH"],
      ["fr-FR, it;q=0.5", "it-FR"],
      ["it;q=0.2, zh-Hans-SG", "it-SG"],
      ["en-u-ca-buddhist", "en-US"],
      ["x-klingon, i-default", "en-GB"],
    ] as const) {
      assert.equal(chooseLocale(header).locale, locale, String(header));
    }
  });
});
