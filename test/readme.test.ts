import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import manifest from "../package.json" with { type: "json" };
import { fillReadme, TABLES } from "./support/readme.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

test("the README's tables are those of the code", () => {
  for (const name of Object.keys(TABLES)) assert(readme.includes(`<!-- ${name} -->`), name);
  assert(readme === fillReadme(readme), "bun run readme makes them anew");
});

test("the README numbers its deviations from 1 without a gap", () => {
  const numbers = [...readme.matchAll(/^\| (\d+) \|/gm)].map(([, number]) => Number(number));
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => index + 1),
  );
});

test("the README gives every dependency a reason", () => {
  for (const name of [...Object.keys(manifest.dependencies), ...Object.keys(manifest.devDependencies)]) {
    assert(readme.includes(`\`${name}\``), name);
  }
});

test("every file and script that the README names is there", () => {
  for (const [, path = ""] of readme.matchAll(/`((?:lib|db|test|public)\/[\w./-]*|\w+\.(?:ts|toml))`/g)) {
    assert(existsSync(new URL(`../${path}`, import.meta.url)), path);
  }
  for (const [, script = ""] of readme.matchAll(/(?:bun run|npm run) ([a-z:]+)(?![\w./])/g))
    assert(script in manifest.scripts, script);
});
