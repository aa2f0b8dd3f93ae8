import { spawnSync } from "node:child_process";
import { appendFile, copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readApplicationFiles, type Site } from "./applications.ts";
import { ROOT } from "./bundle.ts";
import { until } from "./poll.ts";
import { start } from "./process.ts";

const MODULES = ["django", "rest_framework", "jwt", "cryptography", "gunicorn"];

const canImport = (python: string, modules: readonly string[]) =>
  spawnSync(python, ["-c", `import ${modules.join(", ")}`]).status === 0;

/** Debian's Python, if another one is first in the path. */
const PYTHONS = ["python3", "/usr/bin/python3"];

const PYTHON = PYTHONS.find((python) => canImport(python, MODULES)) ?? "";

/** The first missing module of Python; empty if all of them are installed. */
export const MISSING_OF_DJANGO: string =
  PYTHON === "" ? (MODULES.find((name) => !PYTHONS.some((python) => canImport(python, [name]))) ?? "python3") : "";

export interface Django extends AsyncDisposable {
  /** The output of the server so far. */
  output: () => string;
}

/** A new project with the code of `lib/forward/applications.md`, served by gunicorn. */
export async function startDjango(port: number, site: Site): Promise<Django> {
  const folder = await mkdtemp(join(tmpdir(), "postern-django-"));
  await makeProject(folder, site);
  const options = ["--bind", `127.0.0.1:${port}`, "--threads", "4", "--worker-tmp-dir", folder];
  const server = start([PYTHON, "-m", "gunicorn", ...options, "project.wsgi"], folder);
  const output = () => server.output.stdout + server.output.stderr;
  let hasEnded = false;
  server.ended.then(() => {
    hasEnded = true;
  });
  await until("Django answers", async () => {
    if (hasEnded) throw new Error(output());
    return fetch(`http://127.0.0.1:${port}/`).then(
      ({ status }) => status === 404,
      () => false,
    );
  });
  return {
    output,
    [Symbol.asyncDispose]: async () => {
      server.child.kill("SIGQUIT"); // A quick end, its workers included.
      await server.ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function makeProject(folder: string, site: Site): Promise<void> {
  await runPython(folder, ["-m", "django", "startproject", "project", "."]);
  for (const [name, code] of readApplicationFiles(site)) {
    if (name === "settings.py") await appendFile(join(folder, "project", name), code);
    else if (name.startsWith("postern") && name.endsWith(".py")) await writeFile(join(folder, name), code);
  }
  await copyFile(join(ROOT, "test/fixtures/django/urls.py"), join(folder, "project/urls.py"));
  await runPython(folder, ["manage.py", "migrate", "--verbosity=0"]);
}

async function runPython(folder: string, args: string[]): Promise<void> {
  const { code, stdout, stderr } = await start([PYTHON, ...args], folder).ended;
  if (code !== 0) throw new Error(`python ${args.join(" ")}: ${stdout}${stderr}`);
}
