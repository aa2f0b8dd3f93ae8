import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, rmSync } from "node:fs";
import { chmod, mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { environment } from "../../lib/config/load.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type RunOptions, start } from "../support/process.ts";

/** Why a row is left out, in words that stand below the table. */
export class Unavailable extends Error {
  override readonly name = "Unavailable";
}

export interface Program {
  command: readonly string[];
  folder: string;
  environment: Record<string, string>;
}

/** Everything that the bench makes and starts, so that all of it goes away, however the bench ends. */
export interface Stage {
  /** A new folder, removed at the end. */
  folder: (name: string) => Promise<string>;
  /**
   * A folder with an npm package in its node_modules, kept for the next time.
   *
   * @throws Unavailable
   */
  install: (name: string, version: string) => Promise<string>;
  /** Runs a program to its end. @returns what it printed @throws Error where it failed */
  run: (program: Program, input?: string) => Promise<string>;
  /** Starts a program whose standard output nobody reads. */
  spawn: (program: Program) => Actor;
  /** A Postgres, one for all who ask. */
  postgres: () => Promise<TestPostgres>;
  /** Aborted when all of this goes away. */
  closing: AbortSignal;
  /** Stops every program, and removes every folder. */
  close: () => Promise<void>;
}

/** A running program. */
export interface Actor {
  pid: number;
  /** What it has written to standard error, once it has ended; null while it runs. */
  lastWords: () => string | null;
  stop: () => Promise<void>;
}

/** How long a program may take to stop before it is killed. */
const PATIENCE_MS = 5000;

/** Kept from one run to the next: what is installed from npm. */
const INSTALLED = join(tmpdir(), "postern-bench-installed");

export async function openStage(): Promise<Stage> {
  const root = await mkdtemp(join(tmpdir(), "postern-bench-"));
  await chmod(root, 0o755); // As root, Postgres runs as another user.
  const closing = new AbortController();
  const children = new Set<ChildProcess>();
  let postgres: Promise<TestPostgres> | null = null;
  const signalAll = (signal: "SIGTERM" | "SIGKILL") => {
    for (const child of children) child.kill(signal);
  };
  const close = async () => {
    closing.abort();
    signalAll("SIGTERM"); // First, and to all: what else stops on this signal may end this process soon.
    await Promise.all([...children].map(ended));
    await (await postgres)?.stop();
    rmSync(root, { recursive: true, force: true });
  };
  let closed: Promise<void> | null = null;
  // Called however the process ends, and with no time to wait for anything.
  process.once("exit", () => {
    closing.abort();
    signalAll("SIGKILL");
    rmSync(root, { recursive: true, force: true });
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
      postgres ??= startPostgres(root);
      return postgres;
    },
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

/** Waits until it has ended, and sees to it that it does. */
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
