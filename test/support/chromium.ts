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

/** The folder of the unpacked browser. It has the version in its name, so another version gets its own. */
const UNPACKED = join(ROOT, "node_modules/.cache", `chromium-${manifest.devDependencies["@sparticuz/chromium"]}`);

/** Runs in a separate process, because the package unpacks into the temporary folder. */
const UNPACK = `import chromium from "@sparticuz/chromium"; await chromium.executablePath()`;

/** With any value, the package also unpacks the libraries that a bare Linux lacks. */
const WITH_LIBRARIES = { AWS_EXECUTION_ENV: "AWS_Lambda_nodejs22.x" };

const ARGUMENTS = [
  // The pages of one context share a process, with the scripts that it has compiled. Two contexts never share one.
  "--renderer-process-limit=1",
  // A page lives too briefly for the compilers that optimise. Without them, axe takes half of the time.
  "--js-flags=--no-opt --no-maglev --no-flush-bytecode",
];

/** Starts an installed Chromium, else the one in the packages. @throws Error if neither starts */
export async function launchChromium(): Promise<Browser> {
  const { chromium } = await import("playwright-core");
  const folders = (environment["PATH"] ?? "").split(delimiter);
  const installed = [...folders.flatMap((folder) => NAMES.map((name) => join(folder, name))), ...ELSEWHERE];
  for (const executablePath of installed.filter((path) => existsSync(path))) {
    // A name may be an installer, like Ubuntu's chromium-browser.
    const browser = await chromium.launch({ executablePath, args: ARGUMENTS }).catch(() => null);
    if (browser !== null) return browser;
  }
  await unpack();
  // The package suggests arguments that switch the same-origin policy off. With them, the tests would show nothing.
  // With a zygote, and no process for a GPU, a new page takes two thirds of the time.
  const options = {
    executablePath: join(UNPACKED, "chromium"),
    args: [...ARGUMENTS, "--no-sandbox", "--in-process-gpu"],
  };
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

/** Needed once: three seconds. The folder gets its name when it is complete, also if two processes unpack at once. */
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
