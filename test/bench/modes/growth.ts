import { Database } from "bun:sqlite";
import { startFilled } from "../filled.ts";
import { interleave, subjectOf } from "../measure.ts";
import { comparison, failures, formatCount, formatNumber, LEGEND, markdownTable } from "../report.ts";
import { KNOWN } from "../rows.ts";
import { type Server, send } from "../server.ts";
import type { Bench, Mode } from "./mode.ts";

/** The small numbers come first. The large ones are compared with them. */
const FEW = { sessions: 1000, users: 1000 };
const MANY = { sessions: 1_000_000, users: 100_000 };
const EXPIRED = 1_000_000;

/** Clients at once while expired sessions are cleared. */
const CLIENTS = 4;

export const growth: Mode = {
  about: "The profile with few and with many sessions; the longest request while expired ones are cleared.",
  rows: [],
  usual: null,
  run: async (bench) => {
    const { stage, plan, generator, progress } = bench;
    const servers: Server[] = [];
    for (const { sessions, users } of [FEW, MANY]) {
      const title = `${formatCount(sessions)} sessions of ${formatCount(users)} users`;
      progress(`filling in ${title}`);
      const contents = { users, sessions: sessions - KNOWN, expired: 0, known: KNOWN };
      servers.push((await startFilled(stage, title, contents)).server);
    }
    const subjects = servers.map((server) => subjectOf(server, server.profile, plan, generator));
    const rows = await interleave(subjects, plan.rounds, progress);
    for (const server of servers) await server.stop();
    const text = [
      `\`GET /profile/\` under ${KNOWN} of the sessions in turn, ${plan.connections} connections.`,
      comparison("requests", rows),
      LEGEND,
      ...failures(rows),
      await clearing(bench),
    ];
    return { text: text.join("\n\n") };
  },
};

/** The longest request while the server clears them: at its start, as at every hour. */
async function clearing({ stage, plan, progress }: Bench): Promise<string> {
  const rows: string[][] = [];
  for (let round = 1; round <= plan.rounds; round++) {
    const title = `${formatCount(EXPIRED)} expired sessions (${round} of ${plan.rounds})`;
    progress(`filling in ${title}`);
    const contents = { users: FEW.users, sessions: 0, expired: EXPIRED, known: 1 };
    const { server, file } = await startFilled(stage, title, contents);
    const longestMs = await askUntilCleared(server, file);
    await server.stop();
    rows.push([title, formatNumber(Math.max(server.firstAnswerMs, longestMs))]);
  }
  return markdownTable(["while the server clears", "longest request ms"], rows);
}

/** @returns the longest time, in milliseconds */
async function askUntilCleared({ profile }: Server, file: string): Promise<number> {
  const database = new Database(file, { readonly: true });
  const ended = database.query("select 1 from sessions where expires_at <= ? limit 1");
  let longestMs = 0;
  const client = async () => {
    while (ended.get(Date.now()) !== null) {
      const askedAt = performance.now();
      await send(profile);
      longestMs = Math.max(longestMs, performance.now() - askedAt);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  database.close();
  return longestMs;
}
