import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, renameSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import type { Browser } from "playwright-core";
import { environment } from "../../lib/config/load.ts";
import manifest from "../../package.json" with { type: "json" };
import { ROOT } from "./process.ts";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome.exe", "msedge.exe"];
const ELSEWHERE = ["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"];

/** Where the packaged browser is unpacked: under its version, so that another one is unpacked anew. */
const UNPACKED = join(ROOT, "node_modules/.cache", `chromium-${manifest.devDependencies["@sparticuz/chromium"]}`);

/** Run in a process of its own, since the package unpacks into whatever the temporary folder is. */
const UNPACK = `import chromium from "@sparticuz/chromium"; await chromium.executablePath()`;

/** Any value makes the package unpack the libraries too that a bare Linux lacks. */
const WITH_LIBRARIES = { AWS_EXECUTION_ENV: "AWS_Lambda_nodejs22.x" };

/** Starts an installed Chromium, else the one in the packages. @throws Error where neither starts */
export async function launchChromium(): Promise<Browser> {
  const { chromium } = await import("playwright-core");
  const folders = (environment["PATH"] ?? "").split(delimiter);
  const installed = [...folders.flatMap((folder) => NAMES.map((name) => join(folder, name))), ...ELSEWHERE];
  for (const executablePath of installed.filter((path) => existsSync(path))) {
    // A name may stand for an installer, as Ubuntu's chromium-browser does.
    const browser = await chromium.launch({ executablePath }).catch(() => null);
    if (browser !== null) return browser;
  }
  await unpack();
  // Of the arguments that the package suggests, those that switch the same-origin policy off would make the tests lie.
  // With a zygote, and no process for a GPU, a new page takes two thirds of the time.
  const options = { executablePath: join(UNPACKED, "chromium"), args: ["--no-sandbox", "--in-process-gpu"] };
  const libraries = {
    ...environment,
    LD_LIBRARY_PATH: join(UNPACKED, "al2023/lib"),
    FONTCONFIG_PATH: join(UNPACKED, "fonts"),
  };
  return chromium.launch(options).catch(() => chromium.launch({ ...options, env: defined(libraries) }));
}

function defined(variables: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/** Once, in three seconds. A folder appears under its name only when it is whole, whoever else unpacks at the same time. */
async function unpack(): Promise<void> {
  if (existsSync(UNPACKED)) return;
  await mkdir(join(ROOT, "node_modules/.cache"), { recursive: true });
  const folder = mkdtempSync(`${UNPACKED}-`);
  const env = { ...environment, ...WITH_LIBRARIES, TMPDIR: folder };
  await promisify(execFile)(process.execPath, ["-e", UNPACK], { cwd: ROOT, env });
  try {
    renameSync(folder, UNPACKED);
  } catch {
    await rm(folder, { recursive: true }); // Another process was first.
  }
}
