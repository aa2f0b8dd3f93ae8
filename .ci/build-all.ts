import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "../package.json" with { type: "json" };

// `bun run build:all` builds one binary per platform, with that platform's native modules inside, and SHA256SUMS.

const TARGETS = [
  { name: "linux-x64", os: "linux", cpu: "x64" },
  { name: "linux-arm64", os: "linux", cpu: "arm64" },
  { name: "darwin-arm64", os: "darwin", cpu: "arm64" },
  { name: "windows-x64", os: "win32", cpu: "x64" },
];

const SOURCES = ["server.ts", "lib", "db", "public", "package.json", "bun.lock", "tsconfig.json"];

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");
mkdirSync(dist, { recursive: true });
const sums: string[] = [];
const failed: string[] = [];
for (const target of TARGETS) {
  try {
    const path = build(target);
    const sum = createHash("sha256")
      .update(readFileSync(join(dist, path)))
      .digest("hex");
    sums.push(`${sum}  ${path}`);
    process.stdout.write(`${path}  ${sum}\n`);
  } catch (error) {
    failed.push(target.name);
    process.stderr.write(`Cannot build ${target.name}: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}
writeFileSync(join(dist, "SHA256SUMS"), `${sums.join("\n")}\n`);
process.exitCode = failed.length > 0 ? 1 : 0;

/** Builds in a temporary folder, because `install` fetches the native modules of one platform. */
function build({ name, os, cpu }: (typeof TARGETS)[number]): string {
  const stage = mkdtempSync(join(tmpdir(), `postern-${name}-`));
  try {
    for (const source of SOURCES) cpSync(join(root, source), join(stage, source), { recursive: true });
    run(stage, ["install", "--production", "--ignore-scripts", "--frozen-lockfile", `--os=${os}`, `--cpu=${cpu}`]);
    const file = `postern-${name}${os === "win32" ? ".exe" : ""}`;
    const flags = manifest.scripts.build.replace("bun ", "").replace("dist/postern", join(dist, file)).split(" ");
    run(stage, [...flags, `--target=bun-${name}`]);
    return file;
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

function run(cwd: string, args: string[]): void {
  execFileSync(process.execPath, args, { cwd, stdio: ["ignore", "ignore", "pipe"] });
}
