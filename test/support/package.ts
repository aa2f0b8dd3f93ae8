import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { environment } from "../../lib/config/load.ts";
import manifest from "../../package.json" with { type: "json" };
import { cleanEnvironment, ROOT } from "./process.ts";
import { IS_DENO } from "./runtime.ts";

const execute = promisify(execFile);

/** Programs of the development dependencies come first, as in an npm script. */
const PATH = [join(ROOT, "node_modules/.bin"), environment["PATH"] ?? ""].join(delimiter);

/** The runtimes by which the package is tried. Deno is null if it is not installed. */
export const BUN = IS_DENO ? join(ROOT, "node_modules/.bin/bun") : process.execPath;
export const DENO = IS_DENO ? process.execPath : findProgram("deno");

function findProgram(name: string): string | null {
  const folders = (environment["PATH"] ?? "").split(delimiter);
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null;
}

/** A project with nothing but the package and the named others. */
export interface Project extends AsyncDisposable {
  folder: string;
  /** The size of the tarball. */
  bytes: number;
  /** The files in the tarball. */
  files: string[];
}

/** Packs the package with `npm pack`, and installs the tarball. @param others `name@version` */
export async function installPackage(...others: string[]): Promise<Project> {
  const folder = await mkdtemp(join(await realpath(tmpdir()), "postern-package-"));
  const packed = await npm(ROOT, ["pack", "--json", `--pack-destination=${folder}`]);
  const [{ filename, size, files }]: [Packed] = JSON.parse(packed.slice(packed.indexOf("[\n")));
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "notes", type: "module" }));
  try {
    await npm(folder, ["install", "--prefer-offline", `./${filename}`, ...others]);
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    process.stdout.write("The registry cannot be reached: the package is unpacked beside links to its dependencies.\n");
    await unpack(
      folder,
      filename,
      others.map((specifier) => specifier.replace(/@[^@]*$/, "")),
    );
  }
  const paths = files.map(({ path }) => path);
  return {
    folder,
    bytes: size,
    files: paths,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** What `npm pack --json` prints. */
interface Packed {
  filename: string;
  size: number;
  files: { path: string }[];
}

/** @returns standard output @throws Error with `stderr` */
export async function npm(folder: string, args: string[]): Promise<string> {
  const env = cleanEnvironment({ PATH, npm_config_audit: "false", npm_config_fund: "false" });
  return (await execute("npm", args, { cwd: folder, env })).stdout;
}

/** Whether npm failed because it could not reach the registry. */
export function isUnreachable(error: unknown): boolean {
  const stderr = error instanceof Error && "stderr" in error ? String(error.stderr) : "";
  return /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED)\b/.test(stderr);
}

/** Links only what the package declares, so that a dependency that it does not declare is missing. */
async function unpack(folder: string, filename: string, others: string[]): Promise<void> {
  const modules = join(folder, "node_modules");
  await mkdir(join(modules, ".bin"), { recursive: true });
  await execute("tar", ["-xzf", filename, "-C", modules], { cwd: folder });
  await execute("mv", ["package", "postern"], { cwd: modules });
  await symlink(join("..", "postern", manifest.bin.postern), join(modules, ".bin/postern"));
  for (const name of [...Object.keys(manifest.dependencies), ...others]) {
    await mkdir(dirname(join(modules, name)), { recursive: true });
    await symlink(join(ROOT, "node_modules", name), join(modules, name));
  }
}

/** The first code block in JavaScript under a heading of a document, unchanged. */
export function readSnippet(document: string, heading: string, language = "js"): string {
  const text = readFileSync(join(ROOT, document), "utf8");
  const section = text.slice(text.indexOf(`\n${heading}\n`));
  const [, code] = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "m").exec(section) ?? [];
  if (code === undefined || section === text) throw new Error(`${document} has no ${language} under ${heading}`);
  return code;
}

export async function readPackageFile(project: Project, path: string): Promise<string> {
  return readFile(join(project.folder, "node_modules/postern", path), "utf8");
}
