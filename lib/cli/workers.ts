import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout } from "node:timers/promises";
import type { Services } from "../services.ts";
import type { Cli, Command, Input } from "./command.ts";
import { CommandError, UsageError } from "./errors.ts";
import { OPS, openDoors } from "./listen.ts";
import { shutDown } from "./shutdown.ts";

/** A worker that ends unasked is replaced after so long, twice as long each time, */
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 30_000;

/** and as at first again once it has lived for so long. */
const SETTLED_MS = 60_000;

/** What `serve` starts, and no person: it is in no list of commands. */
export const WORKER_COMMAND: Command = {
  name: "worker",
  operand: "",
  options: { number: { type: "string", value: "N", about: "Which one it is." } },
  about: "Answer requests as one of several processes; serve starts as many as POSTERN_WORKERS says.",
  run: work,
};

/** One of the processes of `startWorkers`: stops at SIGTERM, and when the process that started it is gone. */
async function work(cli: Cli, { values }: Input): Promise<void> {
  const worker = Number(values["number"]);
  if (!Number.isSafeInteger(worker)) throw new UsageError("Workers are started by serve: set POSTERN_WORKERS.");
  const services = await cli.open({ worker });
  const stopped = new Promise<void>((resolve) => {
    process.once("SIGTERM", () => resolve());
    process.on("SIGINT", () => {}); // A terminal sends it to parent and workers alike; the parent tells them.
    process.stdin.once("end", resolve).resume(); // It never writes: the end is its own end.
  });
  const listeners = await openDoors(cli, services);
  await stopped;
  process.stdin.destroy(); // Or it would keep this process waiting.
  await shutDown(services, listeners);
}

/**
 * Starts the processes that answer, and replaces those that end unasked.
 *
 * @returns what stops them, and lets them finish what is in flight
 * @throws CommandError where processes cannot share a port
 * @throws ListenError where the port is in use
 */
export async function startWorkers(cli: Cli, services: Services): Promise<() => Promise<void>> {
  const { command } = cli.runtime;
  if (command === null) throw new CommandError("POSTERN_WORKERS is more than 1: that takes Linux, and on Deno -A.");
  await requireFreePort(cli, services);
  const stopping = new AbortController();
  const numbers = Array.from({ length: services.config.workers }, (_, index) => index + 1);
  const workers = numbers.map((number) => keepAlive(services, command, number, stopping.signal));
  return async () => {
    stopping.abort();
    await Promise.all(workers);
    services.log("info", "stopped");
  };
}

/** Processes that share a port share it with whoever says so too, such as a server that was forgotten: not unawares. */
async function requireFreePort({ runtime }: Cli, { config }: Services): Promise<void> {
  const { host: hostname, port, opsAddress } = config;
  const operators = opsAddress === null ? [] : [{ ...opsAddress, settings: OPS }];
  for (const address of [{ hostname, port }, ...operators]) {
    const options = { ...address, idleTimeoutSeconds: 1 };
    await runtime.listen(async () => new Response(null, { status: 503 }), options).stop();
  }
}

/** Runs worker after worker under one number. Resolves when the last one has ended after `stopping`. */
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

/** @returns why it ended */
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
