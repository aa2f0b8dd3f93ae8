import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, test } from "node:test";
import { ROUTES } from "../lib/routes.ts";
import { DATA, DECODED, TEST_DATA } from "./support/plain-english.ts";

// The design's rules, so that they stay true. Each test goes over every source file.

const ROOT = join(import.meta.dirname, "..");

interface Source {
  path: string;
  text: string;
  /** What it imports: packages by name, files by their path from the root. */
  imports: string[];
}

const SOURCES: Source[] = globSync(["server.ts", "lib/**/*.ts", "db/**/*.ts"], { cwd: ROOT }).map((path) => {
  const text = readFileSync(join(ROOT, path), "utf8");
  const imports = [...text.matchAll(/(?:from|import\()\s*"([^"]+)"/g)].map(([, name = ""]) =>
    name.startsWith(".") ? relative(ROOT, join(ROOT, dirname(path), name)) : name,
  );
  return { path, text, imports };
});

/** The code of a file, without its comments. */
const codeOf = ({ text }: Source) => text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");

function eachOf(folder: string, check: (source: Source) => void): void {
  const sources = SOURCES.filter(({ path }) => path.startsWith(folder));
  assert(sources.length > 0, `no sources in ${folder}`);
  for (const source of sources) check(source);
}

const isFile = (name: string) => /^(lib|db|server|package)/.test(name);

describe("what may import what", () => {
  test("db/ imports Kysely, its drivers, node: modules and itself", () => {
    eachOf("db/", ({ path, imports }) => {
      for (const name of imports) assert.match(name, /^(db\/|kysely|bun:sqlite$|pg$|node:)/, `${path} imports ${name}`);
    });
  });

  test("nothing but db/ imports Kysely or a driver", () => {
    eachOf("lib/", ({ path, imports }) => {
      for (const name of imports)
        assert.doesNotMatch(name, /^(kysely|bun:|node:sqlite|pg$)/, `${path} imports ${name}`);
    });
  });

  test("migrations import column types only", () => {
    eachOf("db/migrations/", ({ path, imports }) => {
      for (const name of imports.filter(isFile)) assert.equal(name, "db/columns.ts", path);
    });
  });

  test("lib/http/ and lib/crypto/ import only themselves and each other", () => {
    for (const leaf of ["lib/http/", "lib/crypto/"]) {
      eachOf(leaf, ({ path, imports }) => {
        for (const name of imports.filter(isFile))
          assert.match(name, /^lib\/(http|crypto)\//, `${path} imports ${name}`);
      });
    }
  });

  test("lib/pages/ imports markup, messages and itself only", () => {
    eachOf("lib/pages/", ({ path, imports }) => {
      for (const name of imports)
        assert.match(
          name,
          /^lib\/(pages\/|http\/(fields|html|language|message|problem)\.ts)/,
          `${path} imports ${name}`,
        );
    });
  });

  test("lib/http/ imports no package, and of node: only node:net", () => {
    eachOf("lib/http/", ({ path, imports }) => {
      for (const name of imports) assert(isFile(name) || name === "node:net", `${path} imports ${name}`);
    });
  });

  test("a handler is imported by the table of endpoints, and else by its own feature alone", () => {
    const table = SOURCES.find(({ path }) => path === "lib/routes.ts")?.imports ?? [];
    const handlers = table.filter((name) => /^lib\/(?!pipeline|throttle)\w+\//.test(name));
    assert(handlers.length > 10, String(handlers));
    eachOf("lib/", ({ path, imports }) => {
      if (path === "lib/routes.ts") return;
      const foreign = imports.filter((name) => handlers.includes(name) && dirname(name) !== dirname(path));
      assert.deepEqual(foreign, [], path);
    });
  });

  test("there are no import circles, types included", () => {
    const importsOf = new Map(SOURCES.map(({ path, imports }) => [path, imports.filter(isFile)]));
    const visited = new Set<string>();
    const visit = (path: string, trail: string[]): void => {
      assert(!trail.includes(path), [...trail, path].join(" → "));
      if (visited.has(path)) return;
      visited.add(path);
      for (const next of importsOf.get(path) ?? []) visit(next, [...trail, path]);
    };
    for (const path of importsOf.keys()) visit(path, []);
  });

  test("the root of lib/ holds the four files that a reader opens first", () => {
    const files = globSync("lib/*.ts", { cwd: ROOT }).map((path) => path.slice("lib/".length));
    assert.deepEqual(files.sort(), ["app.ts", "context.ts", "routes.ts", "services.ts"]);
  });
});

describe("the one place for each thing", () => {
  const onlyIn = (pattern: RegExp, allowed: RegExp) => {
    for (const source of SOURCES) {
      if (!allowed.test(source.path)) assert.doesNotMatch(codeOf(source), pattern, source.path);
    }
  };

  test("a runtime is named in lib/runtime/ only", () => onlyIn(/\b(Bun|Deno)\./, /^lib\/runtime\//));
  test("the environment is read in lib/config/ only", () => onlyIn(/process\.env|\benv\.get\b/, /^lib\/config\//));
  test("the clock is read in lib/services.ts only", () => onlyIn(/Date\.now|new Date\(\)/, /^lib\/services\.ts$/));
  test("randomness comes from crypto.getRandomValues", () => onlyIn(/Math\.random|randomBytes|randomUUID/, /^$/));
  test("SQL stands in db/ only", () => onlyIn(/\b(selectFrom|insertInto|deleteFrom|updateTable)\b|sql`/, /^db\//));
  test("a password that breaks the rules is let through in lib/cli/ only", () =>
    onlyIn(/\bacceptAnyPassword\b/, /^lib\/(cli\/|passwords\/password-rules\.ts)/));
  test("a Problem is caught in lib/pipeline/error-response.ts only", () =>
    onlyIn(/instanceof Problem/, /^lib\/pipeline\/error-response\.ts$/));
  test("no file writes to the console", () => onlyIn(/\bconsole\./, /^$/));
});

describe("the form of the code", () => {
  test("no file has more than 300 lines, tests included", () => {
    for (const path of globSync(["server.ts", "{lib,db,test}/**/*.ts"], { cwd: ROOT })) {
      const lines = readFileSync(join(ROOT, path), "utf8").split("\n").length - 1;
      assert(lines <= 300, `${path} has ${lines}`);
    }
  });

  test("no finding of the compiler or the linter is silenced", () => {
    for (const source of SOURCES) {
      assert.doesNotMatch(source.text, /@ts-|biome-ignore|as unknown as|TODO|FIXME/, source.path);
    }
  });

  test("no comment and no message has a word that a reader must decode", () => {
    for (const { path, text } of SOURCES) {
      assert.doesNotMatch(text.replace(DATA, ""), DECODED, path);
    }
    for (const path of globSync("test/**/*.ts", { cwd: ROOT, exclude: ["test/support/plain-english.ts"] })) {
      const text = readFileSync(join(ROOT, path), "utf8");
      assert.doesNotMatch(text.replace(DATA, "").replace(TEST_DATA, ""), DECODED, path);
    }
  });

  test("every row of the route table names its guard, and its throttle if a handler could check a secret", () => {
    const text = SOURCES.find(({ path }) => path === "lib/routes.ts")?.text ?? "";
    const rows = text.match(/^ {2}(api|page|forward|asset|ops)\(.*\),$/gm) ?? [];
    assert.equal(rows.length, ROUTES.length);
    for (const row of rows) {
      assert.match(
        row,
        /^ {2}(?:(?:api|page)\("[A-Z]+", "\/\S*", \w+, \w+, \w+(, \w+)?|asset\("\/\S*", \w+|forward\("[A-Z]+", "\/\S*", \w+, \w+|ops\("\/\S*", \w+, \w+)\),$/,
      );
    }
  });
});
