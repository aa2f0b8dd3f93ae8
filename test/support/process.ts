import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Db, isPostgresUrl, openDatabase } from "../../db/open.ts";
import { environment } from "../../lib/config/load.ts";
import { quickProgram } from "./bundle.ts";
import { type Result, runInProcess, type ServerInProcess, serveInProcess } from "./in-process.ts";
import { TEST_SECRET_KEY } from "./secret-key.ts";

export { FROM_SOURCE, quickProgram, ROOT } from "./bundle.ts";

export interface RunOptions {
  /** All of standard input; without it there is none. */
  input?: string | Uint8Array;
  /** Beside PATH and HOME. */
  environment?: Record<string, string>;
  /** Whether a password hash costs what it costs in production; only for commands that run in this process. */
  hasRealHashes?: boolean;
  /** Instead of the sandbox's own; it runs in a process of its own. */
  program?: readonly string[];
  /** The user to run as, in a process of its own. Only root may name another. */
  uid?: number;
}

/** A folder of its own to run the program in; it and what still runs there go away with the sandbox. */
export interface Sandbox extends AsyncDisposable {
  folder: string;
  /** Runs a command: in this process, unless the options or the sandbox say which program, or which user. */
  run: (args: string[], options?: RunOptions) => Promise<Result>;
  /** Runs a command in a process of its own. */
  spawn: (args: string[], options?: RunOptions) => Promise<Result>;
  /**
   * Starts `serve` on a free port. Unless in haste, it has not only said that it listens, but answered a request.
   *
   * @throws Error where it ends instead of listening
   */
  serve: (options?: RunOptions, args?: string[], haste?: { isHasty: boolean }) => Promise<Server>;
  /** Serves the folder's `postern.db` from this process. It stops with the sandbox. */
  serveInProcess: (environment?: Record<string, string>) => Promise<ServerInProcess>;
  /** The folder's `postern.db`, as another process sees it. */
  withDatabase: <T>(work: (db: Db) => Promise<T>) => Promise<T>;
}

/** A running `serve`. */
export interface Server {
  /** Without a final slash. */
  url: string;
  port: number;
  pid: number;
  /** The events logged so far. */
  events: () => Record<string, unknown>[];
  /** Resolves with the first event of that name, whether it has been logged or is to come. */
  event: (name: string) => Promise<Record<string, unknown>>;
  stop: (signal?: "SIGTERM" | "SIGINT" | "SIGKILL") => Promise<Result>;
}

/** A program that was started. */
export interface Running {
  child: ChildProcessWithoutNullStreams;
  /** What it has written so far. */
  output: { stdout: string; stderr: string };
  /** Resolves when it has ended and all it wrote has been read. */
  ended: Promise<Result>;
}

/** @param program what stands before the command's own arguments; without it, the program with cheap hashes */
export async function createSandbox(program?: readonly string[]): Promise<Sandbox> {
  // Where the temporary folder is a symbolic link, the program sees through it.
  const folder = await mkdtemp(join(await realpath(tmpdir()), "postern-"));
  const running = new Set<Running>();
  const stops: (() => Promise<void>)[] = [];
  const launch = (args: string[], options: RunOptions = {}) => {
    const started = start([...(options.program ?? program ?? quickProgram()), ...args], folder, options);
    started.child.stdin.end(options.input ?? "");
    running.add(started);
    started.ended.finally(() => running.delete(started)).catch(() => {});
    return started;
  };
  return {
    folder,
    run: (args, options = {}) => {
      if (program !== undefined || options.program !== undefined || options.uid !== undefined) {
        return launch(args, options).ended;
      }
      const { hasRealHashes = false, input } = options;
      const environment = cleanEnvironment(options.environment);
      return runInProcess({ folder, args, environment, hasRealHashes }, input);
    },
    spawn: (args, options) => launch(args, options).ended,
    serve: async (options = {}, args = ["serve"], { isHasty } = { isHasty: false }) => {
      const environment = { PORT: "0", ...options.environment };
      const server = await listening(launch(args, { ...options, environment }));
      if (!isHasty) await profile(server, "");
      return server;
    },
    serveInProcess: async (environment = {}) => {
      const server = await serveInProcess(folder, cleanEnvironment(environment));
      let stopping: Promise<void> | undefined;
      const stop = () => (stopping ??= server.stop());
      stops.push(stop);
      return { ...server, stop };
    },
    withDatabase: async (work) => {
      const db = await openDatabase(`sqlite:${join(folder, "postern.db")}`, { mayCreate: true, poolSize: 1 });
      return work(db).finally(() => db.destroy());
    },
    [Symbol.asyncDispose]: async () => {
      for (const stop of stops) await stop();
      for (const { child } of running) child.kill("SIGKILL");
      await Promise.allSettled([...running].map(({ ended }) => ended));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Starts a program in a folder with a clean environment, and leaves its standard input open. */
export function start(
  [command = "", ...args]: string[],
  folder: string,
  options: Omit<RunOptions, "input" | "program"> = {},
): Running {
  const child = spawn(command, args, {
    cwd: folder,
    env: cleanEnvironment(options.environment),
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
    });
  }
  // A program that does not want its input may be gone before it is written.
  child.stdin.on("error", () => {});
  const ended = once(child, "close").then(
    ([code]): Result => ({ code: typeof code === "number" ? code : null, ...output }),
  );
  return { child, output, ended };
}

/** What a command gets besides its own: on Postgres, the secret key must be set. */
export function cleanEnvironment(own: Record<string, string> = {}): Record<string, string> {
  const { PATH = "", HOME = "" } = environment;
  const key: Record<string, string> = isPostgresUrl(own["DATABASE_URL"] ?? "")
    ? { POSTERN_SECRET_KEY: TEST_SECRET_KEY }
    : {};
  return { PATH, HOME, ...key, ...own };
}

/** As `child.kill` does; where that is called, Deno says that the signal ended the program, however it ended. */
export function sendSignal({ pid, exitCode }: ChildProcessWithoutNullStreams, signal: NodeJS.Signals): void {
  if (pid !== undefined && exitCode === null) process.kill(pid, signal);
}

async function listening(running: Running): Promise<Server> {
  const events = () => running.output.stdout.split("\n").slice(0, -1).map(parseEvent);
  const event = async (name: string) => {
    for (;;) {
      const found = events().find((entry) => entry["event"] === name);
      if (found) return found;
      const more = await Promise.race([once(running.child.stdout, "data"), running.ended]);
      if (!Array.isArray(more)) throw new Error(`It ended (${more.code}) without logging ${name}: ${more.stderr}`);
    }
  };
  const { url } = await event("listening");
  const { origin, port } = new URL(String(url));
  return {
    url: origin,
    port: Number(port),
    pid: running.child.pid ?? 0,
    events,
    event,
    stop: (signal = "SIGTERM") => {
      sendSignal(running.child, signal);
      return running.ended;
    },
  };
}

/** @throws SyntaxError where a line of standard output is not one event */
function parseEvent(line: string): Record<string, unknown> {
  return JSON.parse(line);
}

/** @returns the status, and the session cookie as a Cookie header wants it */
export async function login(
  server: Pick<Server, "url">,
  username: string,
  password: string,
): Promise<{ status: number; cookie: string }> {
  const response = await fetch(`${server.url}/login/`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ username, password }),
  });
  const lines = response.headers.getSetCookie().map((line) => line.split(";", 1)[0] ?? "");
  return { status: response.status, cookie: lines.find((line) => line.startsWith("sessionid=")) ?? "" };
}

/** As a page of our own would. */
export function logout(server: Pick<Server, "url">, cookie: string): Promise<Response> {
  const headers = { Cookie: cookie, "Sec-Fetch-Site": "same-origin" };
  return fetch(`${server.url}/logout/`, { method: "POST", headers });
}

export function profile(server: Pick<Server, "url">, cookie: string): Promise<Response> {
  return fetch(`${server.url}/profile/`, { headers: { Cookie: cookie } });
}
