import { setTimeout } from "node:timers/promises";
import { freePort } from "../support/postgres.ts";
import { CONTESTANTS, type Contestant, type Recipe, USER } from "./contestants.ts";
import type { Ask } from "./load.ts";
import type { Bench } from "./modes/mode.ts";
import { type Actor, type Stage, Unavailable } from "./stage.ts";

/** A server that has answered. */
export interface Server extends Actor {
  contestant: Pick<Contestant, "name" | "title" | "hasLogin">;
  /** From its start to its first answer. */
  startedInMs: number;
  /** The part of it that the answer itself took. */
  firstAnswerMs: number;
  profile: Ask;
  login: Ask;
}

/** Longer than any server here needs, also one that clears a million sessions before its first answer. */
const START_TIMEOUT_MS = 120_000;

/** The headers of a browser's `fetch` from a page of the same origin. */
const BROWSER = {
  Accept: "*/*",
  "Accept-Encoding": "gzip, deflate, br, zstd",
  "Accept-Language": "en-GB,en;q=0.9,it;q=0.8",
  "Sec-Fetch-Dest": "empty",
  "Sec-Fetch-Mode": "cors",
  "Sec-Fetch-Site": "same-origin",
  "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
};

/** A contestant that is installed here. */
export interface Prepared {
  contestant: Contestant;
  recipe: Recipe;
}

/** @returns the chosen contestants that run here, and a sentence for each other one */
export async function prepareAll({
  stage,
  names,
  progress,
}: Pick<Bench, "stage" | "names" | "progress">): Promise<{ prepared: Prepared[]; leftOut: string[] }> {
  const prepared: Prepared[] = [];
  const leftOut: string[] = [];
  for (const contestant of namedBy(names, CONTESTANTS)) {
    progress(`preparing ${contestant.title}`);
    const recipe = await unlessUnavailable(contestant.title, leftOut, () => contestant.prepare(stage));
    if (recipe !== null) prepared.push({ contestant, recipe });
  }
  return { prepared, leftOut };
}

/** The rows of these names, in their order. */
export function namedBy<T extends { name: string }>(names: readonly string[], rows: readonly T[]): T[] {
  return names.flatMap((name) => rows.filter((row) => row.name === name));
}

/** If a row must be left out, returns null and adds the sentence that says why. */
export async function unlessUnavailable<T>(
  title: string,
  leftOut: string[],
  work: () => Promise<T>,
): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    leftOut.push(`Left out: ${title} (${error.message}).`);
    return null;
  }
}

/** Starts the contestants that run here, and logs in at each. */
export async function startAll(bench: Bench): Promise<{ servers: Server[]; leftOut: string[] }> {
  const { prepared, leftOut } = await prepareAll(bench);
  const servers: Server[] = [];
  for (const { contestant, recipe } of prepared) {
    servers.push(await enter(await startServer(bench.stage, contestant, recipe)));
  }
  return { servers, leftOut };
}

/** @throws Error if it does not answer */
export async function startServer(stage: Stage, contestant: Server["contestant"], recipe: Recipe): Promise<Server> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const login: Ask = {
    method: "POST",
    url: url + recipe.login.path,
    headers: { ...BROWSER, Origin: url, Referer: `${url}/`, "Content-Type": "application/json" },
    turns: [{ headers: {}, body: JSON.stringify(recipe.login.body) }],
  };
  const headers = { ...BROWSER, Referer: `${url}/` };
  const profile: Ask = { method: "GET", url: url + recipe.profile, headers, turns: [{ headers: {}, body: "" }] };
  const startedAt = performance.now();
  const actor = stage.spawn(recipe.program(port));
  const firstAnswerMs = await firstAnswer(profile, actor);
  return { ...actor, contestant, startedInMs: performance.now() - startedAt, firstAnswerMs, profile, login };
}

/** Logs in. @returns the server with requests of the user @throws Error if it answers otherwise */
export async function enter(server: Server): Promise<Server> {
  const entered = server.contestant.hasLogin ? withCookies(server, [await logIn(server.login)]) : server;
  const answer = await send(entered.profile);
  const text = await answer.text();
  // Some servers answer 200 without a user, too.
  if (answer.status !== 200 || !text.includes(USER.username)) {
    throw new Error(`${server.contestant.title} answers a profile with ${answer.status}: ${text}`);
  }
  return entered;
}

/** The server with a profile under each of these Cookie headers in turn. */
export function withCookies(server: Server, cookies: readonly string[]): Server {
  const turns = cookies.map((cookie) => ({ headers: { Cookie: cookie }, body: "" }));
  return { ...server, profile: { ...server.profile, turns } };
}

/** @returns the time of the first answer, without the wait for the server to listen, in milliseconds */
async function firstAnswer(ask: Ask, actor: Actor): Promise<number> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const askedAt = performance.now();
    try {
      await send(ask);
      return performance.now() - askedAt;
    } catch (error) {
      const lastWords = actor.lastWords();
      if (lastWords !== null) throw new Error(`It ended instead of answering: ${lastWords}`, { cause: error });
      if (performance.now() > deadline) throw new Error(`${ask.url} does not answer`, { cause: error });
      await setTimeout(1); // The server does not listen yet.
    }
  }
}

/** @returns the Cookie header of the new session */
async function logIn(login: Ask): Promise<string> {
  const response = await send(login);
  if (!response.ok) throw new Error(`${login.url} answers ${response.status}: ${await response.text()}`);
  return response.headers
    .getSetCookie()
    .map((line) => line.split(";", 1)[0])
    .join("; ");
}

/** Sends the request once and reads the answer. */
export async function send({ method, url, headers, turns: [turn] }: Ask): Promise<Response> {
  const response = await fetch(url, { method, headers: { ...headers, ...turn?.headers }, body: turn?.body || null });
  await response.clone().arrayBuffer();
  return response;
}
