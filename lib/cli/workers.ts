import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout } from "node:timers/promises";
import type { Services } from "../services.ts";
import type { Cli, Command, Input } from "./command.ts";
import { CommandError, UsageError } from "./errors.ts";
import { OPS, openListeners } from "./listen.ts";
import { end, shutDown } from "./shutdown.ts";

/** If a worker ends, another replaces it after this delay. The delay doubles each time. */
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 30_000;

/** After a life of this length, the next delay is the first one again. */
const SETTLED_MS = 60_000;

/** `serve` starts it, a person does not. No list of commands has it. */
export const WORKER_COMMAND: Command = {
  name: "worker",
  operand: "",
  options: { number: { type: "string", value: "N", about: "The number of the worker." } },
  about: "Answer requests as one of several processes. serve starts POSTERN_WORKERS of them.",
  run: work,
};

/** Runs one worker. It stops at SIGTERM, or if the process that started it ends. */
async function work(cli: Cli, { values }: Input): Promise<void> {
  const worker = Number(values["number"]);
  if (!Number.isSafeInteger(worker)) throw new UsageError("serve starts the workers. Set POSTERN_WORKERS.");
  const services = await cli.open({ worker });
  const stopped = new Promise<void>((resolve) => {
    process.once("SIGTERM", () => resolve());
    process.on("SIGINT", () => {}); // A terminal sends it to the workers too. The parent sends SIGTERM.
    process.stdin.once("end", resolve).resume(); // The parent never writes: the stream ends with the parent.
  });
  const listeners = await openListeners(cli, services);
  await stopped;
  process.stdin.destroy(); // Else it would keep this process alive.
  await shutDown(services, listeners);
  end(services);
}

/**
 * Starts the workers, and replaces a worker that ends.
 *
 * @returns a function that stops them after their requests in flight
 * @throws CommandError if processes cannot share a port
 * @throws ListenError if the port is in use
 */
export async function startWorkers(cli: Cli, services: Services): Promise<() => Promise<void>> {
  const { command } = cli.runtime;
  if (command === null)
    throw new CommandError("POSTERN_WORKERS is more than 1. This needs Linux, and on Deno the flag -A.");
  await requireFreePort(cli, services);
  const stopping = new AbortController();
  const numbers = Array.from({ length: services.config.workers }, (_, index) => index + 1);
  const workers = numbers.map((number) => keepAlive(services, command, number, stopping.signal));
  return async () => {
    stopping.abort();
    await Promise.all(workers);
  };
}

/** Workers share their port with any other process that shares it, such as an older server. Finds such a process. */
async function requireFreePort({ runtime }: Cli, { config }: Services): Promise<void> {
  const { host: hostname, port, opsAddress } = config;
  const operators = opsAddress === null ? [] : [{ ...opsAddress, settings: OPS }];
  for (const address of [{ hostname, port }, ...operators]) {
    const options = { ...address, idleTimeoutSeconds: 1 };
    await runtime.listen(async () => new Response(null, { status: 503 }), options).stop();
  }
}

/** Runs one worker after the other under one number. Resolves when the last one has ended after `stopping`. */
async function keepAlive(
  { log, now }: Services,
  command: readonly string[],
  number: number,
  stopping: AbortSignal,
): Promise<void> {
  let delayMs = FIRST_DELAY_MS;
  while (!stopping.aborted) {
    const startedAt = now();
    const reason = await runWorker(command, number, stopping);
    if (stopping.aborted) return;
    if (now() - startedAt >= SETTLED_MS) delayMs = FIRST_DELAY_MS;
    log("error", "worker_ended", { worker: number, reason, replaced_in_ms: delayMs });
    await setTimeout(delayMs, undefined, { signal: stopping }).catch(() => {});
    delayMs = Math.min(delayMs * 2, MAX_DELAY_MS);
  }
}

/** @returns the reason of its end */
function runWorker([program = "", ...args]: readonly string[], number: number, stopping: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    const child: ChildProcess = spawn(program, [...args, WORKER_COMMAND.name, "--number", String(number)], {
      stdio: ["pipe", "inherit", "inherit"],
    });
    const stop = () => child.kill("SIGTERM");
    const ended = (reason: string) => {
      stopping.removeEventListener("abort", stop);
      resolve(reason);
    };
    stopping.addEventListener("abort", stop);
    child.once("error", (error) => ended(error.message));
    child.once("exit", (code, signal) => ended(signal ?? `exit code ${code}`));
  });
}
