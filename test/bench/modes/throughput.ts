import { barChart } from "../chart.ts";
import { CONTESTANTS } from "../contestants.ts";
import { interleave, type Row, subjectOf } from "../measure.ts";
import { comparison, failures, LEGEND, type Pair, pairTable, spreadOf } from "../report.ts";
import { startAll } from "../server.ts";
import type { Mode } from "./mode.ts";

const OURS = new Set(["sqlite", "workers", "binary", "deno", "postgres"]);

export const throughput: Mode = {
  about: "Profiles and logins a second, of every server.",
  rows: CONTESTANTS,
  usual: null,
  run: async (bench) => {
    const { plan, generator, progress } = bench;
    const { servers, leftOut } = await startAll(bench);
    const profileSubjects = servers.map((server) => subjectOf(server, server.profile, plan, generator));
    const profiles = await interleave(profileSubjects, plan.rounds, progress);
    const load = { connections: plan.logins, seconds: plan.seconds };
    const doors = servers.filter(({ contestant }) => contestant.hasLogin);
    const loginSubjects = doors.map((server) => subjectOf(server, server.login, load, generator));
    const logins = await interleave(loginSubjects, plan.rounds, progress);
    const text = [
      `\`GET /profile/\` by a logged-in browser, ${plan.connections} connections. The ceiling is one constant answer of Bun's.`,
      comparison("requests", profiles),
      ...direct(profiles),
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

/** Rows that are also compared with each other: the names of each with its base. */
const DIRECT = [
  ["sqlite", "better-auth"],
  ["sqlite", "tutorial"],
  ["postgres", "bare-pg"],
];

function direct(rows: readonly Row[]): string[] {
  const pairs = DIRECT.flatMap(([name, baseName]): Pair[] => {
    const own = rows.find((row) => row.name === name);
    const base = rows.find((row) => row.name === baseName);
    return own && base ? [{ title: own.title, own, base, baseTitle: base.title, figure: "perSecond" }] : [];
  });
  return pairs.length === 0 ? [] : ["Compared directly, in the same rounds:", pairTable(pairs)];
}

function chart(title: string, rows: readonly Row[]): string {
  const bars = rows.map(({ name, title, samples }) => ({
    label: title.replaceAll("`", ""),
    isOurs: OURS.has(name),
    ...spreadOf(samples.map(({ perSecond }) => perSecond)),
  }));
  return barChart(title, bars);
}
