import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, rmSync } from "node:fs";
import { chmod, mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { environment } from "../../lib/config/load.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type RunOptions, start } from "../support/process.ts";

/** Why a row is left out, as a sentence below the table. */
export class Unavailable extends Error {
  override readonly name = "Unavailable";
}

export interface Program {
  command: readonly string[];
  folder: string;
  environment: Record<string, string>;
}

/** Everything that the bench creates and starts. It is removed when the bench ends. */
export interface Stage {
  /** A new folder, removed at the end. */
  folder: (name: string) => Promise<string>;
  /**
   * A folder with an npm package in its node_modules, kept for the next time.
   *
   * @throws Unavailable
   */
  install: (name: string, version: string) => Promise<string>;
  /** Runs a program to its end. @returns its output @throws Error if it failed */
  run: (program: Program, input?: string) => Promise<string>;
  /** Starts a program. Its standard output is not read. */
  spawn: (program: Program) => Actor;
  /** A Postgres, the same one for every caller. */
  postgres: () => Promise<TestPostgres>;
  /** Work for the end of the bench. */
  atEnd: (work: () => Promise<void>) => void;
  /** Aborted when the stage closes. */
  closing: AbortSignal;
  /** Stops every program, and removes every folder. */
  close: () => Promise<void>;
}

/** A running program. */
export interface Actor {
  pid: number;
  /** Its standard error after its end; null while it runs. */
  lastWords: () => string | null;
  stop: () => Promise<void>;
}

/** The time for a program to stop. After it, the program is killed. */
const PATIENCE_MS = 5000;

/** Holds the packages from npm. It is kept from run to run. */
const INSTALLED = join(tmpdir(), "postern-bench-installed");

export async function openStage(): Promise<Stage> {
  const root = await mkdtemp(join(tmpdir(), "postern-bench-"));
  await chmod(root, 0o755); // If this process is root, Postgres runs as another user.
  const closing = new AbortController();
  const children = new Set<ChildProcess>();
  const works: (() => Promise<void>)[] = [];
  let postgres: Promise<TestPostgres> | null = null;
  const signalAll = (signal: "SIGTERM" | "SIGKILL") => {
    for (const child of children) child.kill(signal);
  };
  const close = async () => {
    closing.abort();
    signalAll("SIGTERM"); // First, and to all: another handler of this signal may end this process soon.
    await Promise.all([...[...children].map(ended), ...works.map((work) => work())]);
    await (await postgres)?.stop();
    rmSync(root, { recursive: true, force: true });
  };
  let closed: Promise<void> | null = null;
  // Called at every end of the process. It must not wait.
  process.once("exit", () => {
    closing.abort();
    signalAll("SIGKILL");
    rmSync(root, { recursive: true, force: true, maxRetries: 3 }); // Another removal may be under way in it.
  });
  return {
    folder: (name) => mkdtemp(join(root, `${name}-`)),
    install,
    run,
    spawn: (program) => {
      const child = launch(program);
      children.add(child);
      child.once("exit", () => children.delete(child));
      return actorOf(child);
    },
    postgres: () => {
      postgres ??= startPostgres({ parent: root, syncs: true });
      return postgres;
    },
    atEnd: (work) => void works.push(work),
    closing: closing.signal,
    close: () => {
      closed ??= close();
      return closed;
    },
  };
}

function launch({ command: [program = "", ...args], folder, environment: own }: Program): ChildProcess {
  return spawn(program, args, { cwd: folder, env: { ...inherited(), ...own }, stdio: ["ignore", "ignore", "pipe"] });
}

function inherited(): Record<string, string> {
  const { PATH = "", HOME = "" } = environment;
  return { PATH, HOME };
}

function actorOf(child: ChildProcess): Actor {
  let words = "";
  let hasEnded = false;
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    words = (words + text).slice(-4000);
  });
  child.once("close", () => {
    hasEnded = true;
  });
  return {
    pid: child.pid ?? 0,
    lastWords: () => (hasEnded ? words : null),
    stop: () => {
      child.kill("SIGTERM");
      return ended(child);
    },
  };
}

/** Waits until the program has ended, and kills it if it does not end in time. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const killing = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  await once(child, "exit");
  clearTimeout(killing);
}

async function run({ command, folder, environment: own }: Program, input?: string): Promise<string> {
  const options: RunOptions = { environment: own };
  const { child, ended: result } = start([...command], folder, options);
  child.stdin.end(input ?? "");
  const { code, stdout, stderr } = await result;
  if (code !== 0) throw new Error(`${command.join(" ")} failed (${code}): ${stderr.slice(-2000)}`);
  return stdout;
}

async function install(name: string, version: string): Promise<string> {
  const folder = join(INSTALLED, `${name}-${version}`);
  if (existsSync(join(folder, "node_modules", name))) return folder;
  await mkdir(folder, { recursive: true });
  const manifest = { private: true, dependencies: { [name]: version }, trustedDependencies: [name] };
  await writeFile(join(folder, "package.json"), JSON.stringify(manifest));
  try {
    await run({ command: [process.execPath, "install"], folder, environment: {} });
  } catch {
    throw new Unavailable(`${name} ${version} cannot be installed from npm here`);
  }
  return folder;
}
