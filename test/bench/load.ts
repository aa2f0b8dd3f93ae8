import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { luaOf } from "./lua.ts";
import type { Stage } from "./stage.ts";

/** A request, to be sent over and over. */
export interface Ask {
  method: "GET" | "POST";
  url: string;
  headers: Record<string, string>;
  body: string;
  /** Cookie headers, one after the other from request to request. At least one, empty where there is none. */
  cookies: readonly string[];
}

export interface Load {
  connections: number;
  seconds: number;
}

/** What came of a load. */
export interface Outcome {
  requests: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  /** Answers that were refusals, and requests without an answer. */
  failures: number;
}

/** A load generator: so many connections, each asking again as soon as it is answered. */
export interface Generator {
  name: string;
  /** @returns the outcome, and how much of one core the generator itself took for it */
  drive: (ask: Ask, load: Load) => Promise<Outcome & { generatorCpu: number }>;
}

const AUTOCANNON = { name: "autocannon", version: "8.0.0" };

/** wrk where it is installed, which takes little of the machine itself; else autocannon, from npm. @throws Unavailable */
export async function chooseGenerator(stage: Stage): Promise<Generator> {
  const jobs = await stage.folder("jobs");
  const wrk = Bun.which("wrk");
  if (wrk !== null) {
    const drive: Generator["drive"] = async (ask, load) => {
      const script = join(jobs, `${crypto.randomUUID()}.lua`);
      await writeFile(script, luaOf(ask));
      const { connections, seconds } = load;
      const flags = ["-t", "1", "-c", String(connections), "-d", `${seconds}s`, "--timeout", "30s", "-s", script];
      return drivenBy([wrk, ...flags, ask.url], load, stage.closing);
    };
    return { name: "wrk", drive };
  }
  const folder = await stage.install(AUTOCANNON.name, AUTOCANNON.version);
  const script = join(folder, "drive.cjs");
  await copyFile(join(import.meta.dirname, "peers/autocannon.cjs"), script);
  const drive: Generator["drive"] = async (ask, load) => {
    const job = join(jobs, `${crypto.randomUUID()}.json`);
    await writeFile(job, JSON.stringify({ ask, load }));
    return drivenBy([Bun.which("node") ?? process.execPath, script, job], load, stage.closing);
  };
  return { name: `autocannon ${AUTOCANNON.version}, which is JavaScript and may itself be what is measured`, drive };
}

/** Runs a generator whose last line is the outcome as JSON. */
async function drivenBy(
  command: string[],
  { seconds }: Load,
  signal: AbortSignal,
): Promise<Outcome & { generatorCpu: number }> {
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "inherit", signal });
  const text = await new Response(child.stdout).text();
  const code = await child.exited;
  if (code !== 0) throw new Error(`${command[0]} failed (${code}): ${text}`);
  const outcome: Outcome = JSON.parse(text.trimEnd().split("\n").at(-1) ?? "");
  const cpuMicroseconds = Number(child.resourceUsage()?.cpuTime.total ?? 0);
  return { ...outcome, generatorCpu: cpuMicroseconds / 1e6 / seconds };
}
