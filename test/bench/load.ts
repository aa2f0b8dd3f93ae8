import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { luaOf } from "./lua.ts";
import type { Stage } from "./stage.ts";

/** A request that is sent repeatedly. */
export interface Ask {
  method: "GET" | "POST";
  url: string;
  headers: Record<string, string>;
  /** The parts that differ, request by request; after the last one, the first. At least one, all with the same headers. */
  turns: readonly Turn[];
}

/** More headers of a request, and its body. */
export interface Turn {
  headers: Record<string, string>;
  body: string;
}

export interface Load {
  connections: number;
  seconds: number;
}

/** The result of a load. */
export interface Outcome {
  requests: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  /** Answers with an error status, and requests without an answer. */
  failures: number;
}

/** A load generator. Each of its connections sends the next request as soon as it has the answer. */
export interface Generator {
  name: string;
  /** @returns the result, and the share of one core that the generator used */
  drive: (ask: Ask, load: Load) => Promise<Outcome & { generatorCpu: number }>;
}

const AUTOCANNON = { name: "autocannon", version: "8.0.0" };

/** wrk if it is installed: it uses little of the machine. Else autocannon, from npm. @throws Unavailable */
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

/** Runs a generator whose last line is the result as JSON. */
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
