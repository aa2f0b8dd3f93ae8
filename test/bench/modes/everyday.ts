import { CASES } from "../cases.ts";
import { barChart } from "../chart.ts";
import { interleave } from "../measure.ts";
import { failures, type Pair, pairTable, ratioOf } from "../report.ts";
import { namedBy, unlessUnavailable } from "../server.ts";
import type { Mode } from "./mode.ts";

export const everyday: Mode = {
  about: "What users meet: many sessions, other writers, throttled logins, forward-auth, Hono. Each beside a base.",
  rows: CASES,
  usual: null,
  run: async (bench) => {
    const pairs: Pair[] = [];
    const remarks: string[] = [];
    for (const one of namedBy(bench.names, CASES)) {
      const { name, title, baseTitle, figure } = one;
      bench.progress(`preparing ${title}`);
      const opened = await unlessUnavailable(title, remarks, () => one.open(bench));
      if (opened === null) continue;
      const subjects = [
        { name, title: `${title}: ${baseTitle}`, take: opened.base },
        { name, title, take: opened.own },
      ];
      const [base, own] = await interleave(subjects, bench.plan.rounds, bench.progress);
      if (base === undefined || own === undefined) continue;
      pairs.push({ title, own, base, baseTitle, figure });
      remarks.push(...(opened.remark ? [opened.remark()] : []), ...failures([base, own]));
    }
    return { text: [INTRO, pairTable(pairs), ...remarks].join("\n\n"), charts: { everyday: chart(pairs) } };
  },
};

const INTRO = "Each row is compared with another measurement of the same rounds: 0.5 means half as many a second.";

function chart(pairs: readonly Pair[]): string {
  const bars = pairs
    .filter(({ figure }) => figure === "perSecond")
    .map((pair) => ({ label: pair.title.replaceAll("`", ""), isOurs: true, ...ratioOf(pair) }));
  return barChart("Requests a second, as a share of those of the base (the line)", bars, 1);
}
