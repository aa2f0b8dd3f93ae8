import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Evidence } from "./standards/requirement.ts";
import { STANDARDS } from "./standards/standards.ts";

const ALL = STANDARDS.flatMap(({ requirements }) => requirements);

/** The number of requirements in these sections of OWASP ASVS 5.0.0 (its CSV). */
const COUNTS: Record<string, number> = {
  "3.1": 1,
  "3.2": 3,
  "3.3": 5,
  "3.4": 8,
  "3.5": 8,
  "3.6": 1,
  "3.7": 5,
  "6.2": 12,
  "6.3": 8,
  "7.1": 3,
  "7.2": 4,
  "7.3": 2,
  "7.4": 5,
  "7.5": 3,
  "7.6": 2,
  "16.1": 1,
  "16.2": 5,
  "16.3": 4,
  "16.4": 3,
  "16.5": 4,
};

describe("a requirement of OWASP ASVS or NIST SP 800-63B", () => {
  test("that is claimed names tests that exist", () => {
    const missing = ALL.flatMap(({ id, tests }) => tests.filter((one) => !exists(one)).map((one) => ({ id, ...one })));
    assert.deepEqual(missing, []);
  });

  test("that is not claimed has a reason", () => {
    for (const { id, tests, remark } of ALL) assert(tests.length > 0 || /^[A-Z].*\.$/.test(remark), id);
  });

  test("is listed once, and every one of these sections of ASVS is", () => {
    const ids = STANDARDS.filter(({ name }) => name.startsWith("ASVS")).flatMap(({ requirements }) =>
      requirements.map(({ id }) => id),
    );
    const expected = Object.entries(COUNTS).flatMap(([section, count]) =>
      Array.from({ length: count }, (_, index) => `${section}.${index + 1}`),
    );
    assert.deepEqual(ids, expected);
    const all = STANDARDS.flatMap(({ name, requirements }) => requirements.map(({ id }) => `${name} ${id}`));
    assert.equal(new Set(all).size, all.length);
  });
});

function exists({ file, name }: Evidence): boolean {
  const path = join(import.meta.dirname, file);
  return existsSync(path) && patternOf(name).test(readFileSync(path, "utf8"));
}

/** A name in its quotes; `*` matches the values of a template. */
function patternOf(name: string): RegExp {
  const parts = name.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`(["\`])${parts.join("\\$\\{[^}]+\\}")}\\1`);
}
