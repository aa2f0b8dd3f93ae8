import { setTimeout } from "node:timers/promises";
import type { Load, Outcome } from "../load.ts";
import { formatCount, formatSpread, markdownTable, ratiosTo, spreadOf } from "../report.ts";
import { type Server, startAll } from "../server.ts";
import type { Bench, Mode } from "./mode.ts";

/** Clients that request profiles meanwhile. They are few, so that they wait for logins and not for each other. */
const PROFILE_CONNECTIONS = 4;

/** More logins at once than cores, and fewer than the queue holds: none is answered with a cheap 503. */
const LOGIN_CONNECTIONS = 64;

/** Logins begin before the profiles, and end after them. */
const MARGIN_SECONDS = 1;

interface Rounds {
  atRest: Outcome[];
  flooded: Outcome[];
  logins: Outcome[];
}

export const flood: Mode = {
  about: "The p99 of the profile during a flood of logins, and at rest.",
  contestants: ["sqlite"],
  run: async (bench) => {
    const { servers, leftOut } = await startAll(bench);
    const rows: string[][] = [];
    for (const server of servers) rows.push(rowOf(server, await floodOf(server, bench)));
    const headings = ["", "p99 ms at rest", "p99 ms flooded", "times", "logins a second", "failed"];
    const intro =
      `\`GET /profile/\` over ${PROFILE_CONNECTIONS} connections, alone and while ${LOGIN_CONNECTIONS} log in; ` +
      "the load generators run on the same cores.";
    return { text: [intro, markdownTable(headings, rows), ...leftOut].join("\n\n") };
  },
};

async function floodOf(server: Server, { plan, generator, progress }: Bench): Promise<Rounds> {
  const load: Load = { connections: PROFILE_CONNECTIONS, seconds: plan.seconds };
  const rush: Load = { connections: LOGIN_CONNECTIONS, seconds: plan.seconds + 2 * MARGIN_SECONDS };
  const rounds: Rounds = { atRest: [], flooded: [], logins: [] };
  await generator.drive(server.profile, load); // This run warms the server up. It is not counted.
  for (let round = 1; round <= plan.rounds; round++) {
    progress(`round ${round} of ${plan.rounds}: ${server.contestant.title}`);
    rounds.atRest.push(await generator.drive(server.profile, load));
    const logins = generator.drive(server.login, rush);
    await setTimeout(MARGIN_SECONDS * 1000);
    rounds.flooded.push(await generator.drive(server.profile, load));
    rounds.logins.push(await logins);
  }
  return rounds;
}

function rowOf({ contestant }: Server, { atRest, flooded, logins }: Rounds): string[] {
  const p99 = (outcomes: Outcome[]) => outcomes.map(({ p99Ms }) => p99Ms);
  return [
    contestant.title,
    formatSpread(spreadOf(p99(atRest))),
    formatSpread(spreadOf(p99(flooded))),
    formatSpread(spreadOf(ratiosTo(p99(atRest), p99(flooded)))),
    formatSpread(spreadOf(logins.map(({ perSecond }) => perSecond))),
    formatCount([...atRest, ...flooded, ...logins].reduce((sum, { failures }) => sum + failures, 0)),
  ];
}
