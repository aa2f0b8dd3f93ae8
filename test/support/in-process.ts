import { once } from "node:events";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import type { DatabaseTimeouts } from "../../db/open.ts";
import { createApp } from "../../lib/app.ts";
import { run } from "../../lib/cli/run.ts";
import { createTerminal } from "../../lib/cli/terminal.ts";
import { parseConfig } from "../../lib/config/load.ts";
import { createOutput } from "../../lib/observability/output.ts";
import { loadRuntime } from "../../lib/runtime/load.ts";
import { openServices } from "../../lib/services.ts";
import { QUICK_ARGON2 } from "./quick-argon2.ts";
import { PROGRAM } from "./runtime.ts";

/** The end of a program. */
export interface Result {
  /** Null if a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
}

export type Streams = NonNullable<Parameters<typeof createTerminal>[0]>;

export interface Invocation {
  /** The working folder. */
  folder: string;
  args: readonly string[];
  environment: Record<string, string>;
  /** Whether a password hash costs as much as in production. */
  hasRealHashes?: boolean;
}

let previous: Promise<unknown> = Promise.resolve();

/**
 * Runs a command in this process, as server.ts runs it in a process of its own. The commands run one after the other,
 * because the working folder belongs to the process. A file `.env` is not read, and `serve` must fail before it listens.
 */
export function runInProcess(invocation: Invocation, input: string | Uint8Array = ""): Promise<Result> {
  const [stdout, stderr] = [createCollector(), createCollector()];
  const stdin = Readable.from([Buffer.from(input)]);
  return runWithStreams(invocation, { stdin, stdout: stdout.stream, stderr: stderr.stream }).then((code) => ({
    code,
    stdout: stdout.text(),
    stderr: stderr.text(),
  }));
}

/** Like `runInProcess`, with the streams of the caller. @returns the exit code */
export function runWithStreams(invocation: Invocation, streams: Streams): Promise<number> {
  const result = previous.then(() => runNow(invocation, streams));
  previous = result.catch(() => {});
  return result;
}

async function runNow(
  { folder, args, environment, hasRealHashes = false }: Invocation,
  streams: Streams,
): Promise<number> {
  const runtime = await loadRuntime();
  const restore = [enterFolder(folder), setDriverVariables(environment), rememberSignals()];
  try {
    return await run({
      argv: [...args],
      environment,
      program: PROGRAM,
      terminal: createTerminal(streams),
      runtime,
      output: createOutput(streams.stdout, undefined, 0),
      ...(hasRealHashes ? {} : { argon2: QUICK_ARGON2 }),
    });
  } catch (error) {
    // The runtime prints the trace of an error that nothing explains, and exits with 1.
    streams.stderr.write(error instanceof Error ? `${error.stack}\n` : String(error));
    return 1;
  } finally {
    for (const undo of restore) undo();
    await Promise.all([streams.stdout, streams.stderr].map((stream) => once(stream.end(), "close")));
  }
}

/** A server of this process. */
export interface ServerInProcess {
  /** Without a final slash. */
  url: string;
  port: number;
  /** The events logged so far. */
  events: () => Record<string, unknown>[];
  stop: () => Promise<void>;
}

/**
 * Serves the database `postern.db` of a folder, or the one that the environment names, from this process: for tests that
 * are not about the server's own process.
 */
export async function serveInProcess(
  folder: string,
  environment: Record<string, string>,
  timeouts: DatabaseTimeouts = {},
): Promise<ServerInProcess> {
  const config = parseConfig({ DATABASE_URL: `sqlite:${join(folder, "postern.db")}`, ...environment });
  const logged = createCollector();
  const log = createOutput(logged.stream, undefined, 0);
  const services = await openServices(config, log, { mayCreate: true, argon2: QUICK_ARGON2, timeouts });
  const { idleTimeoutSeconds } = config;
  const listener = (await loadRuntime()).listen(createApp(services), {
    hostname: "127.0.0.1",
    port: 0,
    idleTimeoutSeconds,
  });
  const stop = async () => {
    listener.cut();
    await services.db.destroy();
  };
  const events = () => parseEvents(logged.text());
  return { url: `http://127.0.0.1:${listener.port}`, port: listener.port, events, stop };
}

/** @throws SyntaxError if a line is not one event */
export function parseEvents(text: string): Record<string, unknown>[] {
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line): Record<string, unknown> => JSON.parse(line));
}

function enterFolder(folder: string): () => void {
  const before = process.cwd();
  process.chdir(folder);
  return () => process.chdir(before);
}

/** The Postgres driver reads PGPASSWORD and similar variables from the process. */
function setDriverVariables(variables: Record<string, string>): () => void {
  const names = Object.keys(variables).filter((name) => name.startsWith("PG"));
  for (const name of names) process.env[name] = variables[name];
  return () => {
    for (const name of names) delete process.env[name];
  };
}

/** `serve` listens for the signals that stop it. */
function rememberSignals(): () => void {
  const signals = ["SIGINT", "SIGTERM"] as const;
  const before = new Map(signals.map((signal) => [signal, process.listeners(signal)]));
  return () => {
    for (const [signal, kept] of before) {
      for (const listener of process.listeners(signal)) if (!kept.includes(listener)) process.off(signal, listener);
    }
  };
}

function createCollector(): { stream: Writable; text: () => string } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      chunks.push(Buffer.from(chunk));
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString("utf8") };
}
