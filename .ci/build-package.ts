import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

// `npm pack` runs this. It writes the package's files to dist/package/: JavaScript, because Deno runs no TypeScript of a
// package, and the types of what the package exports.

/** An import of another file of ours in a file of types. */
const IMPORT = /((?:from |import\()")(\.[^"]+)\.ts(")/g;

const root = join(import.meta.dirname, "..");
const target = join(root, "dist/package");
rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
const types = mkdtempSync(join(tmpdir(), "postern-types-"));
try {
  bundle();
  copyFileSync(join(root, "public/client.js"), join(target, "client.js"));
  copyFileSync(join(root, "public/client.d.ts.txt"), join(target, "client.d.ts"));
  declareTypes();
  copyTypes("lib/embed/postern.d.ts", new Set());
} finally {
  rmSync(types, { recursive: true });
}

/** server.js is the command line. Both entries share their code. Packages stay imports, files of text become text. */
function bundle(): void {
  const options = ["--target=bun", "--packages=external", "--splitting", "--entry-naming=[name].[ext]"];
  run([process.execPath, "build", ...options, `--outdir=${target}`, "server.ts", "lib/embed/postern.ts"]);
  const program = join(target, "server.js");
  writeFileSync(program, `#!/usr/bin/env bun\n${readFileSync(program, "utf8")}`);
  chmodSync(program, 0o755);
}

function declareTypes(): void {
  const compilerOptions = {
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    rootDir: root,
    outDir: types,
    typeRoots: [join(root, "node_modules/@types"), join(root, "node_modules")],
  };
  const declared = ["lib/embed/postern.ts", "lib/site/text.d.ts", "lib/observability/prom-client.d.ts"];
  const files = declared.map((path) => join(root, path));
  const config = join(types, "tsconfig.json");
  writeFileSync(config, JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, include: [], files }));
  run([process.execPath, join(root, "node_modules/typescript/bin/tsc"), "-p", config]);
}

/** A file of types, and those that it imports. The compiler has declared the whole program. */
function copyTypes(path: string, copied: Set<string>): void {
  if (copied.has(path)) return;
  copied.add(path);
  const text = readFileSync(join(types, path), "utf8");
  mkdirSync(dirname(join(target, path)), { recursive: true });
  // The compilers of applications know `./name.js` as the name of `./name.d.ts`.
  writeFileSync(join(target, path), text.replace(IMPORT, "$1$2.js$3"));
  for (const [, , name = ""] of text.matchAll(IMPORT)) copyTypes(join(dirname(path), `${name}.d.ts`), copied);
}

function run([program = "", ...args]: string[]): void {
  execFileSync(program, args, { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
}
