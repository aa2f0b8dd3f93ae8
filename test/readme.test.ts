import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import manifest from "../package.json" with { type: "json" };
import { DECODED } from "./support/plain-english.ts";
import { ROOT } from "./support/process.ts";
import { DOCUMENTS, fillTables, TABLES } from "./support/readme.ts";

const TEXTS = new Map(DOCUMENTS.map((path) => [path, readFileSync(join(ROOT, path), "utf8")]));

const textOf = (path: string): string => TEXTS.get(path) ?? assert.fail(`There is no ${path}`);

/** The words of people: without code, generated tables and addresses of links. */
const proseOf = (text: string): string =>
  text
    .replace(/^```[\s\S]*?^```$/gm, "")
    .replace(/<!-- (\w+) -->[\s\S]*?<!-- \/\1 -->/g, "")
    .replace(/\]\([^)]*\)|^\|[ -|]+$/gm, "")
    .replace(/`[^`\n]*`/g, "code");

describe("the documents", () => {
  test("have each table of the code once, and as the code has it", () => {
    for (const name of Object.keys(TABLES)) {
      const holders = DOCUMENTS.filter((path) => textOf(path).includes(`<!-- ${name} -->`));
      assert.equal(holders.length, 1, `${name} is in ${holders.join(", ") || "no document"}`);
    }
    for (const [path, text] of TEXTS)
      assert(text === fillTables(text), `${path}: \`bun run readme\` writes its tables`);
  });

  test("number the differences from Django from 1 without a gap", () => {
    const numbers = [...textOf("lib/http/README.md").matchAll(/^\| (\d+) \|/gm)].map(([, number]) => Number(number));
    assert(numbers.length > 0);
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index + 1),
    );
  });

  test("give every dependency a reason", () => {
    for (const name of [...Object.keys(manifest.dependencies), ...Object.keys(manifest.devDependencies)]) {
      assert(textOf("lib/README.md").includes(`\`${name}\``), name);
    }
  });

  test("name only files and scripts that exist", () => {
    for (const [document, text] of TEXTS) {
      for (const [, path = ""] of text.matchAll(
        /`((?:lib|db|test|public)\/[\w./-]*|[\w-]+(?:\.test)?\.(?:ts|toml))`/g,
      )) {
        const places = [ROOT, join(ROOT, dirname(document))];
        assert(
          places.some((place) => existsSync(join(place, path))),
          `${document} names ${path}`,
        );
      }
      for (const [, script = ""] of text.matchAll(/(?:bun run|npm run) ([a-z:]+)(?![\w./])/g))
        assert(script in manifest.scripts, `${document} names the script ${script}`);
    }
  });

  test("link to files and headings that exist", () => {
    for (const [document, text] of TEXTS) {
      for (const [, target = "", anchor = ""] of text.matchAll(/\]\(([^)#\s:]*)(?:#([^)]*))?\)/g)) {
        const path = target === "" ? document : join(dirname(document), target);
        assert(existsSync(join(ROOT, path)), `${document} links to ${path}`);
        if (anchor !== "") assert(headingsOf(textOf(path)).includes(anchor), `${document} links to ${path}#${anchor}`);
      }
    }
  });

  test("are short: the README has at most 220 lines", () => {
    assert(textOf("README.md").split("\n").length <= 221);
  });

  test("have no word that a reader must decode", () => {
    for (const [document, text] of TEXTS) assert.doesNotMatch(proseOf(text), DECODED, document);
  });

  test("have sentences of at most 25 words", () => {
    for (const [document, text] of TEXTS) {
      for (const sentence of proseOf(text).split(/(?<=[.:!?])\s+|\n\n|\n[-#] |\n\d+\. |\|/)) {
        const words = sentence.split(/\s+/).filter((word) => /\w/.test(word));
        assert(words.length <= 25, `${document}, ${words.length} words: ${words.join(" ")}`);
      }
    }
  });
});

/** As GitHub makes anchors of them. */
function headingsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\w -]/g, "")
      .replaceAll(" ", "-"),
  );
}
