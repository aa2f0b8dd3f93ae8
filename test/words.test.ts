import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { Problem, REFUSALS } from "../lib/http/problem.ts";
import { it as italian } from "../lib/pages/messages/it.ts";
import { translate } from "../lib/pages/messages/messages.ts";
import { ROOT } from "./support/process.ts";

/** Told to programs, or at the command line, and never on a page. */
const NOT_ON_PAGES = /^Invalid cursor\.|^Ensure this value has at most /;

/** Of a body that no form makes. */
const NO_FORM = new Set([
  "bad_host",
  "parse_error",
  "too_many_fields",
  "body_incomplete",
  "not_a_dictionary",
  "no_data",
]);

const NAMES = ["username", "first name", "last name", "email address", "site name"];

/** What stands in the place of a message's `${…}`. */
function fill(message: string): string[] {
  if (message.includes("similar[0]")) return NAMES.map((name) => message.replace(/\$\{.*?\}/, name));
  return [message.replace(/U\+\$\{code\}/, "U+D8FF").replace(/\$\{\w+\}/g, "4096")];
}

/** Every sentence that a field may be refused with, found in the sources that refuse. */
function fieldMessages(): string[] {
  const sources = globSync(["lib/{account,users,passwords}/*.ts", "lib/http/fields.ts"], { cwd: ROOT }).map((path) =>
    readFileSync(join(ROOT, path), "utf8"),
  );
  const code = sources.join("\n").replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
  const sentences = [...code.matchAll(/"([A-Z][^"\n]*\.)"|`([A-Z][^`]*\.)`/g)].map(
    ([, plain, made]) => plain ?? made ?? "",
  );
  return [...new Set(sentences)].filter((sentence) => !NOT_ON_PAGES.test(sentence)).flatMap(fill);
}

/** What stands above a form that was refused as a whole. */
function formMessages(): string[] {
  const codes = (Object.keys(REFUSALS) as (keyof typeof REFUSALS)[]).filter((code) => !NO_FORM.has(code)); // Its own keys.
  const problems = codes.map((code) => new Problem(code, { values: { seconds: 30 } }));
  return problems.filter(({ isMistake }) => isMistake).flatMap(({ mistakes }) => mistakes.form);
}

describe("in Italian", () => {
  test("a field is refused in Italian, whatever is wrong with it", () => {
    const messages = fieldMessages();
    assert(messages.length >= 20, `${messages.length} were found`);
    for (const message of messages) assert.notEqual(translate(italian, message), message, message);
  });

  test("a form is refused in Italian, whatever is wrong with it", () => {
    const messages = formMessages();
    assert(messages.length >= 3, `${messages.length} were found`);
    for (const message of messages) assert.notEqual(translate(italian, message), message, message);
  });

  test("the numbers and characters of a message stand where they belong", () => {
    const said = (message: string) => translate(italian, message);
    assert.equal(
      said("The password is 5000 bytes long; at most 4096 are allowed."),
      "La password è di 5000 byte; il massimo è 4096.",
    );
    assert.equal(
      said("Surrogate characters are not allowed: U+D800."),
      "I caratteri surrogati non sono ammessi: U+D800.",
    );
    assert.equal(said("What nobody has translated, 7 times {0}."), "What nobody has translated, 7 times {0}.");
  });
});
