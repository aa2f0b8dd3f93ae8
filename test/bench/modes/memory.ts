import { CONTESTANTS } from "../contestants.ts";
import type { Ask } from "../load.ts";
import { sampleOf } from "../measure.ts";
import { formatCount, formatNumber, markdownTable } from "../report.ts";
import { type Server, startAll } from "../server.ts";
import type { Bench, Mode } from "./mode.ts";

export const memory: Mode = {
  about: "Memory after rounds of profiles, then of logins: --rounds times --seconds of each.",
  rows: CONTESTANTS,
  usual: ["sqlite"],
  run: async (bench) => {
    const { servers, leftOut } = await startAll(bench);
    const rows: string[][] = [];
    for (const server of servers) {
      rows.push(...(await growthUnder("profiles", server, server.profile, bench.plan.connections, bench)));
      if (server.contestant.hasLogin)
        rows.push(...(await growthUnder("logins", server, server.login, bench.plan.logins, bench)));
    }
    return { text: [markdownTable(["", "after", "MiB"], rows), ...leftOut].join("\n\n") };
  },
};

async function growthUnder(
  what: string,
  server: Server,
  ask: Ask,
  connections: number,
  { plan, generator, progress }: Bench,
): Promise<string[][]> {
  const rows: string[][] = [];
  let requests = 0;
  for (let round = 1; round <= plan.rounds; round++) {
    progress(`round ${round} of ${plan.rounds}: ${what}, ${server.contestant.title}`);
    const sample = await sampleOf(server, ask, { connections, seconds: plan.seconds }, generator);
    requests += sample.requests;
    const memory = sample.memoryMiB === null ? "" : formatNumber(sample.memoryMiB);
    rows.push([server.contestant.title, `${formatCount(requests)} ${what}`, memory]);
  }
  return rows;
}
