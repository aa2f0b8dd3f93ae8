import { setTimeout } from "node:timers/promises";
import { freePort } from "../support/postgres.ts";
import { type Contestant, type Recipe, USER } from "./contestants.ts";
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

/** @returns the contestants that run here, and a sentence for each other one */
export async function prepareAll({
  stage,
  contestants,
  progress,
}: Pick<Bench, "stage" | "contestants" | "progress">): Promise<{ prepared: Prepared[]; leftOut: string[] }> {
  const prepared: Prepared[] = [];
  const leftOut: string[] = [];
  for (const contestant of contestants) {
    progress(`preparing ${contestant.title}`);
    try {
      prepared.push({ contestant, recipe: await contestant.prepare(stage) });
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      leftOut.push(`Left out: ${contestant.title} (${error.message}).`);
    }
  }
  return { prepared, leftOut };
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
    body: JSON.stringify(recipe.login.body),
    cookies: [""],
  };
  const headers = { ...BROWSER, Referer: `${url}/` };
  const profile: Ask = { method: "GET", url: url + recipe.profile, headers, body: "", cookies: [""] };
  const startedAt = performance.now();
  const actor = stage.spawn(recipe.program(port));
  const firstAnswerMs = await firstAnswer(profile, actor);
  return { ...actor, contestant, startedInMs: performance.now() - startedAt, firstAnswerMs, profile, login };
}

/** Logs in. @returns the server with requests of the user @throws Error if it answers otherwise */
export async function enter(server: Server): Promise<Server> {
  const cookie = server.contestant.hasLogin ? await logIn(server.login) : "";
  const entered = { ...server, profile: { ...server.profile, cookies: [cookie] } };
  const answer = await send(entered.profile);
  const text = await answer.text();
  // Some servers answer 200 without a user, too.
  if (answer.status !== 200 || !text.includes(USER.username)) {
    throw new Error(`${server.contestant.title} answers a profile with ${answer.status}: ${text}`);
  }
  return entered;
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
export async function send({ method, url, headers, body, cookies: [cookie = ""] }: Ask): Promise<Response> {
  const response = await fetch(url, {
    method,
    headers: cookie === "" ? headers : { ...headers, Cookie: cookie },
    ...(body === "" ? {} : { body }),
  });
  await response.clone().arrayBuffer();
  return response;
}
