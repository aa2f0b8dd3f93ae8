import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DatabaseTimeouts, type Db, isPostgresUrl, openDatabase } from "../../db/open.ts";
import { environment } from "../../lib/config/load.ts";
import { quickProgram } from "./bundle.ts";
import { parseEvents, type Result, runInProcess, type ServerInProcess, serveInProcess } from "./in-process.ts";
import { TEST_SECRET_KEY } from "./secret-key.ts";

export { FROM_SOURCE, quickProgram, ROOT } from "./bundle.ts";

export interface RunOptions {
  /** All of standard input. Without it, standard input is empty. */
  input?: string | Uint8Array;
  /** Variables besides PATH and HOME. */
  environment?: Record<string, string>;
  /** Whether a password hash costs as much as in production. Only for commands that run in this process. */
  hasRealHashes?: boolean;
  /** Instead of the sandbox's own. It runs in a separate process. */
  program?: readonly string[];
  /** The user of a separate process. Only root may name another user. */
  uid?: number;
}

/** A new folder to run the program in. The folder, and every program in it, end with the sandbox. */
export interface Sandbox extends AsyncDisposable {
  folder: string;
  /** Runs a command: in this process, unless the options or the sandbox name a program or a user. */
  run: (args: string[], options?: RunOptions) => Promise<Result>;
  /** Runs a command in a separate process. */
  spawn: (args: string[], options?: RunOptions) => Promise<Result>;
  /**
   * Starts `serve` on a free port. Waits until it has answered a request, or with `haste` only until it listens.
   *
   * @throws Error if it ends instead of listening
   */
  serve: (options?: RunOptions, args?: string[], haste?: { isHasty: boolean }) => Promise<Server>;
  /** Serves the folder's `postern.db`, or DATABASE_URL, from this process. It stops with the sandbox. */
  serveInProcess: (environment?: Record<string, string>, timeouts?: DatabaseTimeouts) => Promise<ServerInProcess>;
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
  /** Resolves with the first event of that name, past or future. */
  event: (name: string) => Promise<Record<string, unknown>>;
  stop: (signal?: "SIGTERM" | "SIGINT" | "SIGKILL") => Promise<Result>;
}

/** A program that was started. */
export interface Running {
  child: ChildProcessWithoutNullStreams;
  /** Its output so far. */
  output: { stdout: string; stderr: string };
  /** Resolves when it has ended and all its output was read. */
  ended: Promise<Result>;
}

/** @param program the arguments before the command's own; without it, the program with cheap hashes */
export async function createSandbox(program?: readonly string[]): Promise<Sandbox> {
  // If the temporary folder is a symbolic link, the program resolves it.
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
    serveInProcess: async (environment = {}, timeouts = {}) => {
      const server = await serveInProcess(folder, cleanEnvironment(environment), timeouts);
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
  // A program that does not read its input may end before it is written.
  child.stdin.on("error", () => {});
  const ended = once(child, "close").then(
    ([code]): Result => ({ code: typeof code === "number" ? code : null, ...output }),
  );
  return { child, output, ended };
}

/** Settings for every command: on Postgres, the secret key must be set. */
export function cleanEnvironment(own: Record<string, string> = {}): Record<string, string> {
  const { PATH = "", HOME = "" } = environment;
  const key: Record<string, string> = isPostgresUrl(own["DATABASE_URL"] ?? "")
    ? { POSTERN_SECRET_KEY: TEST_SECRET_KEY }
    : {};
  return { PATH, HOME, ...key, ...own };
}

/** Like `child.kill`. After a call of that, Deno reports the signal as the end of the program in any case. */
export function sendSignal({ pid, exitCode }: ChildProcessWithoutNullStreams, signal: NodeJS.Signals): void {
  if (pid !== undefined && exitCode === null) process.kill(pid, signal);
}

async function listening(running: Running): Promise<Server> {
  const events = () => parseEvents(running.output.stdout);
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

/** @returns the status, and the session cookie for a Cookie header */
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

/** Like a page of the same origin. */
export function logout(server: Pick<Server, "url">, cookie: string): Promise<Response> {
  const headers = { Cookie: cookie, "Sec-Fetch-Site": "same-origin" };
  return fetch(`${server.url}/logout/`, { method: "POST", headers });
}

export function profile(server: Pick<Server, "url">, cookie: string): Promise<Response> {
  return fetch(`${server.url}/profile/`, { headers: { Cookie: cookie } });
}
