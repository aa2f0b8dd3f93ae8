import { setTimeout } from "node:timers/promises";
import { CONTESTANTS } from "../contestants.ts";
import { usageOf } from "../processes.ts";
import { formatSpread, markdownTable, spreadOf } from "../report.ts";
import { prepareAll, startServer } from "../server.ts";
import type { Mode } from "./mode.ts";

/** The pause without requests before the memory is read. */
const IDLE_MS = 2000;

export const start: Mode = {
  about: "The time from start to first answer, and the memory without requests.",
  rows: CONTESTANTS,
  usual: ["binary", "sqlite", "deno"],
  run: async (bench) => {
    const { stage, plan, progress } = bench;
    const { prepared, leftOut } = await prepareAll(bench);
    const starts = prepared.map((): { ms: number; memoryMiB: number | null }[] => []);
    for (let round = 1; round <= plan.rounds; round++) {
      for (const [index, { contestant, recipe }] of prepared.entries()) {
        progress(`round ${round} of ${plan.rounds}: ${contestant.title}`);
        const server = await startServer(stage, contestant, recipe);
        await setTimeout(IDLE_MS);
        starts[index]?.push({ ms: server.startedInMs, memoryMiB: usageOf(server.pid)?.memoryMiB ?? null });
        await server.stop();
      }
    }
    const rows = prepared.map(({ contestant }, index) => {
      const own = starts[index] ?? [];
      const memory = own.map(({ memoryMiB }) => memoryMiB).filter((value) => value !== null);
      return [
        contestant.title,
        formatSpread(spreadOf(own.map(({ ms }) => ms))),
        memory.length > 0 ? formatSpread(spreadOf(memory)) : "",
      ];
    });
    return { text: [markdownTable(["", "ms to the first answer", "MiB when idle"], rows), ...leftOut].join("\n\n") };
  },
};
