import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { latin1 } from "../../lib/http/form.ts";
import { ROOT, type Running, start } from "../support/process.ts";
import { IS_DENO } from "../support/runtime.ts";
import { damage } from "./fuzz-damage.ts";
import { makeSeeds, type Secrets, type Seed, serialize } from "./fuzz-seeds.ts";
import { createRandom } from "./random.ts";

// `bun run test/faults/fuzz.ts [REQUESTS] [SEED]`: sends damaged requests over raw sockets. No answer may be a 5xx, no
// connection may hang, and the memory may not grow.

export interface FuzzReport {
  seed: number;
  requests: number;
  /** The number of answers by status. */
  statuses: Map<number, number>;
  /** Requests that the server answered only with the end of the connection. */
  closed: number;
  /** One line for each 5xx, hanging connection, error in the log, and end of the server. */
  findings: string[];
  seconds: number;
  /** Resident memory in MiB after each batch; 0 if the system does not report it. */
  memory: number[];
}

const BATCH = 500;
const CONNECTIONS = 32;

/** After this time without an answer, the client closes its side, and the server must close the connection. */
const PATIENCE_MS = 60;

/** Longer than the time limits of the fuzzed server together: 1 s for a body, 5 s for a connection. */
const HANG_MS = 20_000;

/** HTTP Version Not Supported: the runtime's answer to another version, not an error (RFC 9110 §15.6.6). */
const OTHER_HTTP = 505;

/** In every fifth batch there are no users, so that the set-up page is open. */
const DESERTED_EVERY = 5;

export async function fuzz(requests: number, seed: number): Promise<FuzzReport> {
  const random = createRandom(seed);
  const seeds = makeSeeds();
  const server = await startServer();
  const startedAt = performance.now();
  const report: FuzzReport = {
    seed,
    requests: 0,
    statuses: new Map(),
    closed: 0,
    findings: [],
    seconds: 0,
    memory: [],
  };
  try {
    for (let batch = 0; report.requests < requests && report.findings.length < 10; batch++) {
      const isDeserted = batch % DESERTED_EVERY === DESERTED_EVERY - 1;
      const secrets = await server.reset(isDeserted ? "nobody" : "users");
      const queue = Array.from({ length: Math.min(BATCH, requests - report.requests) }, () =>
        serialize(damage(pickSeed(seeds, random), random), secrets),
      );
      report.requests += queue.length;
      const rest = queue.values();
      const plans = Array.from({ length: CONNECTIONS }, () => createRandom(Math.floor(random() * 2 ** 32)));
      await Promise.all(plans.map((random) => drain(server.port, rest, random, report)));
      await expectHealth(server, secrets, isDeserted, report);
      report.memory.push(memoryOf(server.pid));
    }
  } finally {
    report.findings.push(...(await server.stop()).map((line) => `logged ${line}`));
  }
  return { ...report, seconds: (performance.now() - startedAt) / 1000 };
}

function pickSeed(seeds: readonly Seed[], random: () => number): Seed {
  const seed = seeds[Math.floor(random() * seeds.length)];
  if (seed === undefined) throw new Error("There are no seeds.");
  return seed;
}

/** Sends the rest of a queue, with one or several requests per connection. */
async function drain(port: number, rest: Iterator<Uint8Array>, random: () => number, report: FuzzReport) {
  for (;;) {
    const first = rest.next();
    if (first.done) return;
    const connection = await open(port);
    let request = first.value;
    for (;;) {
      const isLast = random() < 0.4;
      const isAlive = await connection.send(request, report);
      const next = isLast || !isAlive ? null : rest.next();
      if (!next || next.done) break;
      request = next.value;
    }
    if (!(await connection.end(report))) {
      report.findings.push(`hang after ${JSON.stringify(latin1(request)).slice(0, 2000)}`);
    }
  }
}

interface Connection {
  /** @returns whether the connection can be used again */
  send: (request: Uint8Array, report: FuzzReport) => Promise<boolean>;
  /** @returns whether the server closed its side too */
  end: (report: FuzzReport) => Promise<boolean>;
}

async function open(port: number): Promise<Connection> {
  const socket = await connected(port);
  let received = "";
  let isClosed = false;
  let notify = () => {};
  socket.on("data", (chunk) => {
    received += latin1(Buffer.from(chunk));
    notify();
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    isClosed = true;
    notify();
  });
  const waitFor = (isSo: () => boolean, ms: number) =>
    new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(isSo()), ms);
      notify = () => {
        if (!isSo() && !isClosed) return;
        clearTimeout(timer);
        resolve(isSo());
      };
      notify();
    });
  let last = "";
  const count = (report: FuzzReport) => {
    for (const [, digits] of received.matchAll(/^HTTP\/1\.[01] (\d{3}) /gm)) {
      const status = Number(digits);
      report.statuses.set(status, (report.statuses.get(status) ?? 0) + 1);
      if (status >= 500 && status !== OTHER_HTTP)
        report.findings.push(`${status} for ${JSON.stringify(last).slice(0, 2000)}`);
    }
    received = "";
  };
  return {
    send: async (request, report) => {
      last = latin1(request);
      socket.write(request);
      await waitFor(() => isWhole(received, last.startsWith("HEAD ")), PATIENCE_MS);
      if (!isWhole(received, last.startsWith("HEAD "))) return false;
      const isLast = /^connection: *close/im.test(received);
      count(report);
      last = "";
      return !isLast && !isClosed;
    },
    end: async (report) => {
      socket.end();
      const isEnded = await waitFor(() => isClosed, HANG_MS);
      if (received === "" && last !== "") report.closed++;
      count(report);
      socket.destroy();
      return isEnded;
    },
  };
}

function connected(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, "127.0.0.1", () => resolve(socket));
    socket.once("error", reject);
  });
}

function isWhole(text: string, isHead: boolean): boolean {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0 || text.startsWith("HTTP/1.1 1")) return false;
  const length = Number(/^content-length: *(\d+)/im.exec(text.slice(0, end))?.[1] ?? 0);
  return isHead || text.length >= end + 4 + length;
}

interface Fuzzed {
  port: number;
  pid: number;
  reset: (to: "users" | "nobody") => Promise<Secrets>;
  /** @returns the logged errors, and the exit code if it is not 0 */
  stop: () => Promise<string[]>;
}

async function startServer(): Promise<Fuzzed> {
  const command = [
    process.execPath,
    ...(IS_DENO ? ["run", "-A", "--v8-flags=--expose-gc"] : []),
    join(ROOT, "test/faults/fuzzed.ts"),
  ];
  const running = start(command, tmpdir());
  const lines = answersOf(running);
  const { port } = JSON.parse(await lines());
  return {
    port: Number(port),
    pid: running.child.pid ?? 0,
    reset: async (to) => {
      running.child.stdin.write(`${to}\n`);
      return JSON.parse(await lines());
    },
    stop: async () => {
      running.child.stdin.end();
      const { code, stderr } = await running.ended;
      const errors = stderr.split("\n").filter((line) => line !== "");
      return code === 0 ? errors : [...errors, `the server ended with ${code}`];
    },
  };
}

/** Reads the next line of standard output. @throws Error if the program ends */
function answersOf({ child, output, ended }: Running): () => Promise<string> {
  let seen = 0;
  return async () => {
    for (;;) {
      const end = output.stdout.indexOf("\n", seen);
      if (end >= 0) {
        const line = output.stdout.slice(seen, end);
        seen = end + 1;
        return line;
      }
      const more = await Promise.race([
        new Promise((resolve) => child.stdout.once("data", () => resolve(null))),
        ended,
      ]);
      if (more !== null) throw new Error(`The fuzzed server ended: ${output.stderr}`);
    }
  };
}

async function expectHealth({ port }: Fuzzed, { session }: Secrets, isDeserted: boolean, report: FuzzReport) {
  const [path, expected] = isDeserted ? ["/healthz", 200] : ["/profile/", null];
  try {
    const headers = { Cookie: `sessionid=${session}` };
    const { status } = await fetch(`http://127.0.0.1:${port}${path}`, { headers, signal: AbortSignal.timeout(5000) });
    // One of the requests may have ended the session.
    if (expected === null ? ![200, 403].includes(status) : status !== expected)
      report.findings.push(`unwell: ${status}`);
  } catch (error) {
    report.findings.push(`unwell: ${String(error)}`);
  }
}

function memoryOf(pid: number): number {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return Math.round(Number(kib ?? 0) / 1024);
  } catch {
    return 0; // Only Linux has such a file.
  }
}

/** The growth in MiB from the middle of the run, after the warm-up, to its end. */
export function growth({ memory }: FuzzReport): number {
  const middle = Math.ceil(memory.length / 2);
  return Math.max(0, ...memory.slice(-3)) - Math.max(0, ...memory.slice(0, middle));
}

export function formatReport(report: FuzzReport): string {
  const { seed, requests, statuses, closed, findings, seconds, memory } = report;
  const counts = [...statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${count}×${status}`);
  return (
    `Seed ${seed}: ${requests} requests in ${seconds.toFixed(0)} s: ${counts.join(", ")}, ${closed} closed unanswered; ` +
    `${memory[0]} MiB after the first batch, ${memory.at(-1)} after the last, ${Math.max(0, ...memory)} at most` +
    findings.map((finding) => `\n  ${finding}`).join("")
  );
}

if (import.meta.main) {
  const [requests = 200_000, seed = Date.now() % 2 ** 32] = process.argv.slice(2).map(Number);
  process.stdout.write(`Seed ${seed}\n`);
  const report = await fuzz(requests, seed);
  process.stdout.write(`${formatReport(report)}\n`);
  if (report.findings.length > 0 || growth(report) > 64) process.exitCode = 1;
}
