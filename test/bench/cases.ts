import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { findProgram, snippet, startProxy } from "../support/proxies.ts";
import { TEST_SECRET_KEY } from "../support/secret-key.ts";
import { preparePeer, preparePostern, USER } from "./contestants.ts";
import { startFilled } from "./filled.ts";
import type { Ask, Load } from "./load.ts";
import { type Sample, sampleOf } from "./measure.ts";
import type { Bench } from "./modes/mode.ts";
import { formatSpread, spreadOf } from "./report.ts";
import { ADDRESSES, CASE_ROWS, type CaseName, type CaseRow, FLOOD, KNOWN, USERS } from "./rows.ts";
import { enter, type Server, startServer } from "./server.ts";
import { Unavailable } from "./stage.ts";

export interface Case extends CaseRow {
  /** Starts what the case needs. @throws Unavailable if it must be left out */
  open: (bench: Bench) => Promise<OpenCase>;
}

export interface OpenCase {
  base: () => Promise<Sample>;
  own: () => Promise<Sample>;
  /** A remark after the last round. */
  remark?: () => string;
}

const MANY_SESSIONS = 1_000_000;
const USERS_OF_MANY_SESSIONS = 100_000;

/** Clients that request profiles during the flood. They are few, so that they wait for logins and not for each other. */
const FLOODED = 4;

/** What disturbs a measurement begins before it, and ends after it. */
const MARGIN_SECONDS = 1;

const OPEN: Record<CaseName, Case["open"]> = {
  sessions: openManySessions,
  writer: openWriter,
  "throttled-logins": (bench) => openLogins(bench, { POSTERN_THROTTLE: "on", POSTERN_TRUSTED_PROXIES: "127.0.0.1" }),
  logins: (bench) => openLogins(bench, {}),
  flood: openFlood,
  auth: openAuth,
  nginx: openNginx,
  hono: (bench) => openHono(bench, "/me"),
  "hono-profile": (bench) => openHono(bench, "/profile/"),
};

export const CASES: readonly Case[] = CASE_ROWS.map((row) => ({ ...row, open: OPEN[row.name] }));

async function openManySessions(bench: Bench): Promise<OpenCase> {
  const contents = { users: USERS_OF_MANY_SESSIONS, sessions: MANY_SESSIONS - KNOWN, expired: 0, known: KNOWN };
  const { server } = await startFilled(bench.stage, "many sessions", contents);
  const ceiling = await startPeer(bench, "ceiling.ts");
  const base = { ...ceiling.profile, headers: server.profile.headers, turns: server.profile.turns };
  return { base: sampler(bench, ceiling, base), own: sampler(bench, server, server.profile) };
}

async function openWriter(bench: Bench): Promise<OpenCase> {
  const { stage, plan, generator } = bench;
  const { server, file } = await startFilled(stage, "one session", { users: 1, sessions: 0, expired: 0, known: 1 });
  const command = [process.execPath, join(import.meta.dirname, "peers/writer.ts"), file];
  const rates: number[] = [];
  const own = async () => {
    const writer = stage.spawn({ command, folder: import.meta.dirname, environment: {} });
    await setTimeout(MARGIN_SECONDS * 1000);
    const sample = await sampleOf(server, server.profile, plan, generator);
    await writer.stop();
    rates.push(Number(writer.lastWords()));
    return sample;
  };
  const remark = () => `The other process committed ${formatSpread(spreadOf(rates))} times a second.`;
  return { base: sampler(bench, server, server.profile), own, remark };
}

async function openLogins(bench: Bench, settings: Record<string, string>): Promise<OpenCase> {
  const server = await startWithUsers(bench, settings);
  const ceiling = await startPeer(bench, "ceiling.ts");
  const load = { connections: bench.plan.logins, seconds: bench.plan.seconds };
  const base = { ...ceiling.login, turns: server.login.turns };
  return { base: sampler(bench, ceiling, base, load), own: sampler(bench, server, server.login, load) };
}

async function openFlood(bench: Bench): Promise<OpenCase> {
  const { plan, generator } = bench;
  const server = await startWithUsers(bench, {});
  const load = { connections: FLOODED, seconds: plan.seconds };
  const rush = { connections: FLOOD, seconds: plan.seconds + 2 * MARGIN_SECONDS };
  const rates: number[] = [];
  const own = async () => {
    const logins = generator.drive(server.login, rush);
    await setTimeout(MARGIN_SECONDS * 1000);
    const sample = await sampleOf(server, server.profile, load, generator);
    const { requests, failures, perSecond } = await logins;
    rates.push(perSecond);
    return { ...sample, requests: sample.requests + requests, failures: sample.failures + failures };
  };
  const remark = () => `During the flood, ${formatSpread(spreadOf(rates))} logins succeeded each second.`;
  return { base: sampler(bench, server, server.profile, load), own, remark };
}

async function openAuth(bench: Bench): Promise<OpenCase> {
  const server = await startPostern(bench);
  const auth = { ...server.profile, url: new URL("/auth/", server.profile.url).href };
  return { base: sampler(bench, server, server.profile), own: sampler(bench, server, auth) };
}

const QUESTION = "auth_request /_postern;";

/** The proxy has the configuration of lib/forward/README.md. The base has it without the question. */
async function openNginx(bench: Bench): Promise<OpenCase> {
  if (findProgram("nginx") === null) throw new Unavailable("apt-get install nginx-light");
  if (!snippet("nginx").includes(QUESTION)) throw new Error(`lib/forward/README.md has no ${QUESTION}`);
  const server = await startPostern(bench);
  const application = await startPeer(bench, "ceiling.ts");
  const to = { postern: portOf(server), application: portOf(application) };
  const folder = await bench.stage.folder("nginx");
  const behind = async (change: (code: string) => string): Promise<Ask> => {
    const proxy = await startProxy("nginx", to, change, folder);
    bench.stage.atEnd(async () => proxy[Symbol.asyncDispose]());
    return { ...server.profile, url: `http://127.0.0.1:${proxy.port}/notes/` };
  };
  const base = await behind((code) => code.replace(QUESTION, ""));
  const own = await behind((code) => code);
  return { base: sampler(bench, application, base), own: sampler(bench, application, own) };
}

async function openHono(bench: Bench, path: string): Promise<OpenCase> {
  const { program } = await preparePostern(bench.stage);
  const database = `sqlite:${join(program(0).folder, "postern.db")}`;
  const server = await startPeer(bench, "hono.ts", { path: "/me", hasLogin: true }, database, TEST_SECRET_KEY);
  const bare = await startPeer(bench, "hono.ts", { path: "/me", hasLogin: false });
  const own = { ...server.profile, url: new URL(path, server.profile.url).href };
  const base = { ...bare.profile, turns: own.turns };
  return { base: sampler(bench, bare, base), own: sampler(bench, server, own) };
}

function sampler({ plan, generator }: Bench, server: Server, ask: Ask, load: Load = plan): () => Promise<Sample> {
  return () => sampleOf(server, ask, load, generator);
}

async function startPostern({ stage }: Bench): Promise<Server> {
  const contestant = { name: "sqlite", title: "Postern", hasLogin: true };
  return enter(await startServer(stage, contestant, await preparePostern(stage)));
}

/** Its logins are of many users, from many addresses. */
async function startWithUsers({ stage }: Bench, settings: Record<string, string>): Promise<Server> {
  const contents = { users: USERS, sessions: 0, expired: 0, known: 1 };
  const { server } = await startFilled(stage, "many users", contents, settings);
  const turns = Array.from({ length: ADDRESSES }, (_, index) => ({
    headers: { "X-Forwarded-For": `198.${18 + (index >> 8)}.${index & 255}.1` }, // RFC 2544 benchmarks
    body: JSON.stringify({ username: userAt(index % USERS), password: USER.password }),
  }));
  return { ...server, login: { ...server.login, turns } };
}

/** As `fill` names them. */
function userAt(index: number): string {
  return index === 0 ? USER.username : `user${index}`;
}

async function startPeer(
  { stage }: Bench,
  file: string,
  { path, hasLogin } = { path: "/profile/", hasLogin: false },
  ...args: string[]
): Promise<Server> {
  const recipe = { ...preparePeer(file, ...args), profile: path };
  return enter(await startServer(stage, { name: file, title: file, hasLogin }, recipe));
}

function portOf({ profile }: Server): number {
  return Number(new URL(profile.url).port);
}
