import { Database } from "bun:sqlite";
import { join } from "node:path";
import { preparePostern, type Recipe } from "../contestants.ts";
import { type Contents, fill } from "../fill.ts";
import { interleave } from "../measure.ts";
import { comparison, failures, formatCount, formatNumber, LEGEND, markdownTable } from "../report.ts";
import { type Server, send, startServer } from "../server.ts";
import type { Bench, Mode } from "./mode.ts";

/** The small numbers of sessions and users. The large ones are compared with them. */
const FEW = 1000;

/** Sessions that are used in turn, so that the same row is not read every time. */
const TOKENS = Array.from({ length: 1000 }, () => crypto.randomUUID());

/** Clients at once while expired sessions are cleared. */
const CLIENTS = 4;

export const growth: Mode = {
  about: "The profile with few and with many sessions; the longest request while expired ones are cleared.",
  contestants: [],
  run: async (bench) => {
    const { plan } = bench;
    const servers: Server[] = [];
    for (const { sessions, users } of [{ sessions: FEW, users: FEW }, plan]) {
      const title = `${formatCount(sessions)} sessions of ${formatCount(users)} users`;
      const { recipe } = await prepareFilled(bench, title, { users, sessions: sessions - TOKENS.length, expired: 0 });
      servers.push(await startKnown(bench, title, recipe));
    }
    const rows = await interleave(servers, ({ profile }) => profile, plan, bench);
    for (const server of servers) await server.stop();
    const text = [
      `\`GET /profile/\` under ${TOKENS.length} of the sessions in turn, ${plan.connections} connections.`,
      comparison("requests", rows),
      LEGEND,
      ...failures(rows),
      await clearing(bench),
    ];
    return { text: text.join("\n\n") };
  },
};

async function prepareFilled(
  { stage, progress }: Bench,
  title: string,
  contents: Omit<Contents, "tokens">,
): Promise<{ recipe: Recipe; file: string }> {
  progress(`filling in ${title}`);
  const recipe = await preparePostern(stage);
  const file = join(recipe.program(0).folder, "postern.db");
  fill(file, { ...contents, tokens: TOKENS });
  return { recipe, file };
}

/** The server with requests of the known sessions. */
async function startKnown({ stage }: Bench, title: string, recipe: Recipe): Promise<Server> {
  const server = await startServer(stage, { name: "sqlite", title, hasLogin: true }, recipe);
  return { ...server, profile: { ...server.profile, cookies: TOKENS.map((token) => `sessionid=${token}`) } };
}

/** The longest request while the server clears them: at its start, as at every hour. */
async function clearing(bench: Bench): Promise<string> {
  const rows: string[][] = [];
  for (let round = 1; round <= bench.plan.rounds; round++) {
    const title = `${formatCount(bench.plan.expired)} expired sessions (${round} of ${bench.plan.rounds})`;
    const { recipe, file } = await prepareFilled(bench, title, {
      users: FEW,
      sessions: 0,
      expired: bench.plan.expired,
    });
    const server = await startKnown(bench, title, recipe);
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
