import { mkdir, readFile, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../support/process.ts";
import { chooseGenerator, type Generator } from "./load.ts";
import { everyday } from "./modes/everyday.ts";
import { growth } from "./modes/growth.ts";
import { memory } from "./modes/memory.ts";
import type { Mode, Plan } from "./modes/mode.ts";
import { start } from "./modes/start.ts";
import { throughput } from "./modes/throughput.ts";
import type { Heading } from "./report.ts";
import { CASE_ROWS, CONTESTANT_ROWS } from "./rows.ts";
import { openStage, type Stage } from "./stage.ts";

// `bun run bench [MODE] [OPTIONS]`: see `--help`. Compare figures of one run only.

const MODES: Record<string, Mode> = { throughput, everyday, growth, memory, start };

const OPTIONS = {
  only: { type: "string", about: "NAME,…: these rows instead of the mode's own" },
  rounds: { type: "string", default: "5", about: "how many times each server is measured" },
  seconds: { type: "string", default: "5", about: "the length of each measurement" },
  connections: { type: "string", default: "32", about: "how many clients request profiles at once" },
  logins: { type: "string", default: "8", about: "how many clients log in at once" },
  write: {
    type: "boolean",
    default: false,
    about: "write the result to test/bench/README.md, and its charts beside it",
  },
  help: { type: "boolean", default: false, about: "show this" },
} as const;

const RESULTS = "test/bench/results";

/** The exit code after Ctrl+C: 128 plus the number of SIGINT. */
const INTERRUPTED = 130;

/** Clears the line of a terminal. */
const CLEAR_LINE = "\r\u001b[K";

async function bench(): Promise<void> {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true });
  const name = positionals[0] ?? "throughput";
  const mode = MODES[name];
  if (values.help) return void process.stdout.write(help());
  if (mode === undefined || positionals.length > 1) throw new Error(`There is no ${positionals.join(" ")}.\n${help()}`);
  const names = chosen(values.only ?? null, mode);
  const plan = planOf(values);
  const stage = await openStage();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void stage.close().finally(() => process.exit(INTERRUPTED)));
  }
  try {
    const generator = await chooseGenerator(stage);
    const { text, charts = {} } = await mode.run({ stage, plan, names, generator, progress });
    const report = `${text}\n\n${conditions(generator, plan, await commit(stage))}`;
    progress("");
    process.stdout.write(`${report}\n`);
    if (values.write) await write(name, report, charts);
  } catch (error) {
    if (!stage.closing.aborted) throw error; // Otherwise the error is only that everything was stopped.
  } finally {
    await stage.close();
  }
}

function planOf(values: Record<keyof Plan, string>): Plan {
  const number = (name: keyof Plan) => {
    const value = Number(values[name]);
    if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} is ${values[name]}: expected a number.`);
    return value;
  };
  return {
    rounds: number("rounds"),
    seconds: number("seconds"),
    connections: number("connections"),
    logins: number("logins"),
  };
}

/** @param only names separated by commas; null for the mode's own */
function chosen(only: string | null, { rows, usual }: Mode): readonly string[] {
  const all = rows.map(({ name }) => name);
  if (only === null) return usual ?? all;
  const names = only.split(",").filter((name) => name !== "");
  const unknown = names.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new Error(`There is no ${unknown}: there are ${all.join(", ")}.`);
  return names;
}

/** The conditions of the measurement: without them, no figure has a meaning. */
function conditions(generator: Generator, { rounds, seconds }: Plan, commit: string): string {
  const [cpu] = cpus();
  const memoryGiB = Math.round(totalmem() / 2 ** 30);
  return (
    `Medians of ${rounds} rounds of ${seconds} s, A B A B, with minimum and maximum in parentheses. ` +
    `${availableParallelism()} cores (${cpu?.model ?? "unknown"}), ${memoryGiB} GiB, ${process.platform}, ` +
    `Bun ${Bun.version}, load by ${generator.name} on the same machine, ${new Date().toISOString().slice(0, 10)}, ${commit}.`
  );
}

/** What was measured. */
async function commit(stage: Stage): Promise<string> {
  const git = (...args: string[]) => stage.run({ command: ["git", ...args], folder: ROOT, environment: {} });
  try {
    const id = (await git("rev-parse", "--short", "HEAD")).trim();
    return `commit ${id}${(await git("status", "--porcelain")) === "" ? "" : " with changes"}`;
  } catch {
    return "commit unknown"; // There is no repository, or no git.
  }
}

async function write(name: string, report: string, charts: Record<string, string>): Promise<void> {
  const results = join(ROOT, RESULTS);
  await mkdir(results, { recursive: true });
  for (const [chart, svg] of Object.entries(charts)) await writeFile(join(results, `${chart}.svg`), svg);
  const images = Object.keys(charts).map((chart) => `![${chart}](results/${chart}.svg)\n\n`);
  const readme = join(ROOT, "test/bench/README.md");
  const before = await readFile(readme, "utf8");
  const part = new RegExp(`(<!-- ${name} -->\n)[\\s\\S]*?(<!-- /${name} -->)`);
  if (!part.test(before)) throw new Error(`test/bench/README.md has no <!-- ${name} -->.`);
  await writeFile(
    readme,
    before.replace(part, (_, begin: string, end: string) => `${begin}${images.join("")}${report}\n${end}`),
  );
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(CLEAR_LINE + text);
  else if (text !== "") process.stderr.write(`${text}\n`);
}

function help(): string {
  const lines = (pairs: [string, string][]) => pairs.map(([name, about]) => `  ${name.padEnd(20)}${about}`).join("\n");
  const headings = (rows: readonly Heading[]) =>
    lines(rows.map(({ name, title, meaning }) => [name, `${title}\n${"".padEnd(22)}${meaning}`]));
  const options = Object.entries(OPTIONS).map(([name, option]): [string, string] => {
    const value = "default" in option && option.default !== false ? ` (${option.default})` : "";
    return [`--${name}`, option.about + value];
  });
  return [
    "Usage: bun run bench [MODE] [OPTIONS]\n",
    `Modes:\n${lines(Object.entries(MODES).map(([name, { about }]) => [name, about]))}\n`,
    `Options:\n${lines(options)}\n`,
    `Rows of throughput, memory and start:\n${headings(CONTESTANT_ROWS)}\n`,
    `Rows of everyday:\n${headings(CASE_ROWS)}\n`,
  ].join("\n");
}

try {
  await bench();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
