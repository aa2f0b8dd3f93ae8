import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { IS_LONG } from "./support/effort.ts";
import { until } from "./support/poll.ts";
import { createSandbox, login, type Server } from "./support/process.ts";
import { IS_DENO, onlyOnBun } from "./support/runtime.ts";

const NO_IDLE_LIMIT = "Deno.serve closes no idle connection, whatever is set: a proxy in front must.";
const PROCESSES = { timeout: 120_000, ...onlyOnBun(NO_IDLE_LIMIT) };

/** Bun's timer has steps of 4 s, and its limit for the head of a request is 10 s. The rest is for a busy machine. */
const CUT_WITHIN_MS = 25_000;

const ENVIRONMENT = { POSTERN_BODY_TIMEOUT_SECONDS: "2", POSTERN_IDLE_TIMEOUT_SECONDS: "4" };

const GET = "GET /profile/ HTTP/1.1\r\nHost: a\r\n\r\n";
const HEAD = "GET /profile/ HTTP/1.1\r\nHost: a\r\nX-Padding: ";
const POST = "POST /login/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";

const begins: (() => void)[] = [];

const results: Promise<void>[] = [];

before(() => {
  if (!IS_DENO) for (const begin of begins) begin();
});

after(() => Promise.allSettled(results));

/** A test on a server of its own. Every one begins before the first test, because most of their time is waiting. */
function testBesideOthers(what: string, environment: Record<string, string>, work: (server: Server) => Promise<void>) {
  let result: Promise<void> = Promise.reject(new Error("It did not begin."));
  result.catch(() => {});
  begins.push(() => {
    result = onServer(environment, work);
    result.catch(() => {}); // The test reports it.
    results.push(result);
  });
  test(what, PROCESSES, () => result);
}

async function onServer(environment: Record<string, string>, work: (server: Server) => Promise<void>): Promise<void> {
  await using sandbox = await createSandbox();
  await work(await sandbox.serve({ environment }));
}

interface Ending {
  /** The first line of each answer; null without an answer. */
  answer: string | null;
  ms: number;
}

/** The behaviour of a client; repeated if `everyMs` is set. */
interface Behaviour {
  write: (socket: Socket, times: number) => void;
  everyMs?: number;
  /** Whether the client never reads. */
  isDeaf?: boolean;
}

/** @returns how the server ended the connection */
function behave(server: Server, { write, everyMs, isDeaf = false }: Behaviour): Promise<Ending> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    let answer: string | null = null;
    let times = 0;
    const socket = connect(server.port, "127.0.0.1");
    const act = () => {
      if (!socket.destroyed) write(socket, times++);
    };
    const again = everyMs === undefined ? undefined : setInterval(act, everyMs);
    const late = setTimeout(() => socket.destroy(new Error("it was never cut off")), CUT_WITHIN_MS);
    const end = (error?: Error) => {
      clearInterval(again);
      clearTimeout(late);
      const isOfServer = error === undefined || /ECONNRESET|EPIPE/.test(error.message);
      if (isOfServer) resolve({ answer, ms: performance.now() - startedAt });
      else reject(error);
    };
    socket.on("connect", act);
    if (isDeaf) socket.pause();
    else {
      socket.on("data", (chunk) => {
        answer ??= String(chunk).split("\r\n", 1)[0] ?? "";
      });
    }
    socket.on("error", end);
    socket.on("close", () => end());
  });
}

function residentMib({ pid }: Server): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kib) / 1024;
}

/** Requests the profile until `ended`; each answer is right. @returns the number of answers */
async function askMeanwhile(server: Server, ended: Promise<unknown>): Promise<number> {
  let isOver = false;
  let answers = 0;
  const over = ended.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    // A connection of its own: a busy machine may pause this process for longer than the server keeps an idle one.
    const { status } = await fetch(`${server.url}/profile/`, { headers: { Connection: "close" } });
    assert.equal(status, 403);
    answers++;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await over;
  return answers;
}

const SILENT: Record<string, Behaviour> = {
  "connects and says nothing": { write: () => {} },
  "begins a head and says no more": { write: (socket, times) => times === 0 && socket.write(HEAD) },
  "sends a head byte by byte": { write: (socket, times) => socket.write(HEAD[times] ?? "x"), everyMs: 200 },
  "keeps its connection after an answer and says no more": { write: (socket) => socket.write(GET) },
  "sends an endless body to an endpoint that reads none": {
    write: (socket, times) =>
      socket.write(times === 0 ? `${GET.slice(0, -2)}Transfer-Encoding: chunked\r\n\r\n` : "1\r\na\r\n"),
    everyMs: 20,
  },
};

describe("a client is disconnected if it", () => {
  testBesideOthers(Object.keys(SILENT).join("; or "), ENVIRONMENT, async (server) => {
    const waits = Object.entries(SILENT).map(async ([what, behaviour]) => {
      const { ms } = await behave(server, behaviour);
      assert(ms > 3000, `${what}: as soon as after ${ms} ms`);
    });
    await askMeanwhile(server, Promise.all(waits));
  });

  testBesideOthers("sends an endless head: 431", ENVIRONMENT, async (server) => {
    const write = (socket: Socket, times: number) => socket.write(times === 0 ? HEAD : "x\r\nX-More: ".repeat(100));
    const { answer } = await behave(server, { write, everyMs: 10 });
    assert.equal(answer, "HTTP/1.1 431 Request Header Fields Too Large");
  });

  testBesideOthers("sends a body byte by byte: 408 after the time for a body", ENVIRONMENT, async (server) => {
    const head = `${POST}Content-Length: 1000\r\n\r\n{`;
    const { answer, ms } = await behave(server, {
      write: (socket, times) => socket.write(times === 0 ? head : " "),
      everyMs: 100,
    });
    assert.deepEqual([answer, ms >= 2000], ["HTTP/1.1 408 Request Timeout", true]);
  });

  for (const [what, everyMs, count] of [
    ["sends requests one after another and reads no answer", 1, 4],
    ["sends requests all at once, without end, and reads no answer", 5, 2000],
  ] as const) {
    testBesideOthers(what, ENVIRONMENT, async (server) => {
      const page = GET.replace("/profile/", "/login/").replace("\r\n\r\n", "\r\nSec-Fetch-Mode: navigate\r\n\r\n");
      const before = residentMib(server);
      const ended = behave(server, { write: (socket) => socket.write(page.repeat(count)), everyMs, isDeaf: true });
      await askMeanwhile(server, ended);
      assert(residentMib(server) - before < 100, `${residentMib(server)} MiB, ${before} before`);
    });
  }
});

/** The limit of open files of a process, sockets included, minus a reserve. */
function possibleConnections(): number {
  const limit = Number(/^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1]);
  return Math.min(10_000, limit - 500);
}

function open(server: Server): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(server.port, "127.0.0.1", () => resolve(socket));
    socket.on("error", reject);
  });
}

describe("the profile is answered", () => {
  const idle = { ...ENVIRONMENT, POSTERN_IDLE_TIMEOUT_SECONDS: IS_LONG ? "12" : "8" };
  testBesideOthers(
    "during thousands of idle connections, which use little memory and are closed",
    idle,
    async (server) => {
      const count = IS_LONG ? possibleConnections() : 1000;
      const before = residentMib(server);
      let [answered, closed] = [0, 0];
      const crowd = async () => {
        for (let made = 0; made < count; made += 500) {
          const sockets = await Promise.all(Array.from({ length: Math.min(500, count - made) }, () => open(server)));
          for (const socket of sockets) {
            socket.on("close", () => closed++);
            socket.once("data", () => answered++);
            socket.write(GET);
          }
        }
        await until("each has its answer", () => answered === count);
      };
      await askMeanwhile(server, crowd());
      assert.equal(closed, 0);
      const grown = residentMib(server) - before;
      process.stdout.write(`${count} connections: ${grown.toFixed(0)} MiB\n`);
      assert(grown < 200, `${grown} MiB`);
      await askMeanwhile(
        server,
        until("all are closed", () => closed === count),
      );
      assert.equal((await server.stop()).code, 0);
    },
  );

  const narrow = { POSTERN_PASSWORD_QUEUE: "10", POSTERN_THROTTLE: "off" };
  testBesideOthers(
    "during a flood of logins, of which those beyond the queue get a 503 at once",
    narrow,
    async (server) => {
      const flood = Promise.all(Array.from({ length: 200 }, (_, index) => login(server, `nobody${index}`, "wrong")));
      assert((await askMeanwhile(server, flood)) > 0);
      const statuses = (await flood).map(({ status }) => status);
      const count = (wanted: number) => statuses.filter((status) => status === wanted).length;
      assert(count(503) > 0 && count(400) >= 10 && count(503) + count(400) === 200, String(statuses));
    },
  );
});
