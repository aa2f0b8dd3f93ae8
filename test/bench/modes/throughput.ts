import { barChart } from "../chart.ts";
import { interleave, type Row } from "../measure.ts";
import { comparison, failures, LEGEND, spreadOf } from "../report.ts";
import { startAll } from "../server.ts";
import type { Mode } from "./mode.ts";

const OURS = new Set(["sqlite", "workers", "binary", "deno", "postgres"]);

export const throughput: Mode = {
  about: "Profiles and logins a second, of every server.",
  contestants: null,
  run: async (bench) => {
    const { plan } = bench;
    const { servers, leftOut } = await startAll(bench);
    const profiles = await interleave(servers, ({ profile }) => profile, plan, bench);
    const doors = servers.filter(({ contestant }) => contestant.hasLogin);
    const logins = await interleave(doors, ({ login }) => login, { ...plan, connections: plan.logins }, bench);
    const text = [
      `\`GET /profile/\` by a logged-in browser, ${plan.connections} connections. The ceiling is one constant answer of Bun's.`,
      comparison("requests", profiles),
      `\`POST /login/\`, ${plan.logins} connections. The ceiling is \`@node-rs/argon2\` alone, with the same parameters; Better Auth has scrypt, Django PBKDF2.`,
      comparison("logins", logins),
      LEGEND,
      ...leftOut,
      ...failures([...profiles, ...logins]),
    ];
    const charts = { profile: chart("Profiles a second", profiles), login: chart("Logins a second", logins) };
    return { text: text.join("\n\n"), charts };
  },
};

function chart(title: string, rows: readonly Row[]): string {
  const bars = rows.map(({ name, title, samples }) => ({
    label: title.replaceAll("`", ""),
    isOurs: OURS.has(name),
    ...spreadOf(samples.map(({ perSecond }) => perSecond)),
  }));
  return barChart(title, bars);
}
