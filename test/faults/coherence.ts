import assert from "node:assert/strict";
import { type Db, openDatabase } from "../../db/open.ts";
import { setActive } from "../../db/users.ts";
import { OPERATOR } from "../../lib/audit/actor.ts";
import { parseConfig } from "../../lib/config/load.ts";
import { generateToken, hashToken } from "../../lib/crypto/token.ts";
import { deactivate } from "../../lib/users/activation.ts";
import { pipelineProfiles, requestProfiles } from "../support/pipeline.ts";
import { startPostgres } from "../support/postgres.ts";
import { createSandbox, login, type Sandbox, type Server } from "../support/process.ts";
import { TEST_KEYS } from "../support/secret-key.ts";
import { createRandom } from "./random.ts";

// `bun run test/faults/coherence.ts [STEPS] [SEED]` begins and ends sessions and changes users in a random order: by two
// servers on one SQLite file, and then on one Postgres, by commands, and by SQL. A model predicts each answer. Then
// clients keep one server busy while the other one ends sessions.

const PASSWORD = "right horse";
const USERS = ["alice", "bob", "carol"];

type Node = Pick<Server, "url" | "port">;

interface Pair {
  sandbox: Sandbox;
  environment: Record<string, string>;
  /** In two processes, of which this one is the second. */
  servers: readonly [Node, Node];
}

/** @param url of a Postgres; null for an SQLite file */
async function withTwoServers<T>(url: string | null, users: readonly string[], work: (pair: Pair) => Promise<T>) {
  await using sandbox = await createSandbox();
  // The rate limit of an address is lower than the logins of 10,000 steps.
  const environment = { POSTERN_THROTTLE: "off", ...(url === null ? {} : { DATABASE_URL: url }) };
  const create = (name: string) => ["createuser", name, "--password-stdin"];
  for (const name of users) await sandbox.run(create(name), { input: PASSWORD, environment });
  const servers = [await sandbox.serve({ environment }), await sandbox.serveInProcess(environment)] as const;
  return await work({ sandbox, environment, servers });
}

interface Person {
  id: number;
  name: string;
  firstName: string;
  isActive: boolean;
}

interface World extends Pair {
  db: Db;
  people: Person[];
  /** Every session, live or ended, by its token. */
  sessions: Map<string, { person: Person; isLive: boolean }>;
  random: () => number;
  checks: number;
}

/** The frequency of each step, in thousandths. */
const WEIGHTS: [number, (world: World) => Promise<void>][] = [
  [690, checkOne],
  [100, beginByHand],
  [20, beginByLogin],
  [60, endByLogout],
  [50, endByHand],
  [30, rename],
  [20, endOthers],
  [20, shutOut],
  [8, changePassword],
  [2, endByCommand],
];
const STEPS = WEIGHTS.flatMap(([weight, step]) => Array.from({ length: weight }, () => step));

/** @param url of an empty Postgres; null for SQLite @returns the number of checked answers @throws AssertionError if one was stale */
export function playCoherence(steps: number, seed: number, url: string | null = null): Promise<number> {
  return withTwoServers(url, USERS, async (pair) => {
    const play = async (db: Db) => {
      const people = USERS.map((name, index) => ({ id: index + 1, name, firstName: "", isActive: true }));
      const world = { ...pair, db, people, sessions: new Map(), random: createRandom(seed), checks: 0 };
      for (let taken = 0; taken < steps; taken++) {
        await (pick(world, STEPS) ?? fail())(world);
      }
      for (const token of world.sessions.keys()) for (const server of pair.servers) await check(world, server, token);
      return world.checks;
    };
    if (url === null) return pair.sandbox.withDatabase(play);
    const db = await openDatabase(url, { mayCreate: false, poolSize: 1 });
    return play(db).finally(() => db.destroy());
  });
}

/** The requests of a busy client at once, and those after the confirmed logout. */
const BUSY_REQUESTS = 500;
const LATE_REQUESTS = 200;

/**
 * Ends sessions at one server while clients keep the other one busy with many requests at once, of the same session too.
 * For an SQLite file they are pipelined.
 *
 * @returns the number of requests after a confirmed logout @throws AssertionError if one was authenticated
 */
export function playBusily(rounds: number, url: string | null = null): Promise<number> {
  const send = url === null ? pipelineProfiles : requestProfiles;
  return withTwoServers(url, ["alice"], async ({ servers: [busy, other] }) => {
    const tokens: string[] = [];
    for (let round = 0; round < rounds; round++) tokens.push(await tokenOf(other));
    const stopping = new AbortController();
    const load = tokens.slice(0, 3).map(async (token) => {
      while (!stopping.signal.aborted) await send(busy.port, token, BUSY_REQUESTS);
    });
    for (const token of tokens) {
      assert.deepEqual(await send(busy.port, token, 1), [200], "the session is alive before its logout");
      assert.equal((await ask(other, "POST", "/logout/", token)).status, 204);
      const after = await send(busy.port, token, LATE_REQUESTS);
      assert.deepEqual([...new Set(after)], [403], "answers to requests after the confirmed logout");
    }
    stopping.abort();
    await Promise.all(load);
    return rounds * LATE_REQUESTS;
  });
}

async function tokenOf(server: Node): Promise<string> {
  const { status, cookie } = await login(server, "alice", PASSWORD);
  assert.equal(status, 202);
  return cookie.slice("sessionid=".length);
}

async function check(world: World, server: Node, token: string): Promise<void> {
  const session = world.sessions.get(token);
  const isIn = session?.isLive === true;
  const response = await ask(server, "GET", "/profile/", token);
  assert.equal(response.status, isIn ? 200 : 403, `${session?.person.name}'s ${isIn ? "live" : "ended"} session`);
  const { first_name } = (await response.json()) as Record<string, unknown>;
  if (isIn) assert.equal(first_name, session.person.firstName, `the name of ${session.person.name}`);
  world.checks++;
}

/** Usually a live one. */
async function checkOne(world: World): Promise<void> {
  const token = world.random() < 0.8 ? liveToken(world) : pick(world, [...world.sessions.keys()]);
  if (token !== undefined) await check(world, pick(world, world.servers) ?? fail(), token);
}

async function beginByHand(world: World): Promise<void> {
  const person = pick(world, world.people) ?? fail();
  const token = generateToken();
  const now = Date.now();
  const times = { created_at: now, last_seen_at: now, expires_at: now + 3_600_000 };
  const row = { id: hashToken(token), user_id: person.id, ...times, ip: "", user_agent: "" };
  await world.db.insertInto("sessions").values(row).execute();
  world.sessions.set(token, { person, isLive: person.isActive });
  if (!person.isActive) await endByHandOf(world, token);
}

async function beginByLogin(world: World): Promise<void> {
  const person = pick(world, world.people) ?? fail();
  const { status, cookie } = await login(pick(world, world.servers) ?? fail(), person.name, PASSWORD);
  assert.equal(status, person.isActive ? 202 : 400);
  if (status === 202) world.sessions.set(cookie.slice("sessionid=".length), { person, isLive: true });
}

async function endByLogout(world: World): Promise<void> {
  const token = liveToken(world);
  if (token === undefined) return;
  assert.equal((await ask(pick(world, world.servers) ?? fail(), "POST", "/logout/", token)).status, 204);
  await ended(world, [token]);
}

async function endByHand(world: World): Promise<void> {
  const token = liveToken(world);
  if (token === undefined) return;
  await endByHandOf(world, token);
  await ended(world, [token]);
}

async function endByHandOf({ db }: World, token: string): Promise<void> {
  await db.deleteFrom("sessions").where("id", "=", hashToken(token)).execute();
}

async function endOthers(world: World): Promise<void> {
  const token = liveToken(world);
  if (token === undefined) return;
  assert.equal((await ask(pick(world, world.servers) ?? fail(), "DELETE", "/sessions/", token)).status, 204);
  await ended(
    world,
    tokensOf(world, token).filter((other) => other !== token),
  );
}

async function rename(world: World): Promise<void> {
  const token = liveToken(world);
  const person = token === undefined ? undefined : world.sessions.get(token)?.person;
  if (token === undefined || person === undefined) return;
  const firstName = `name ${world.checks}`;
  const body = { first_name: firstName };
  assert.equal((await ask(pick(world, world.servers) ?? fail(), "PATCH", "/profile/", token, body)).status, 200);
  person.firstName = firstName;
  for (const server of world.servers) await check(world, server, token);
}

async function changePassword(world: World): Promise<void> {
  const token = liveToken(world);
  if (token === undefined) return;
  const body = { current_password: PASSWORD, new_password: PASSWORD };
  const server = pick(world, world.servers) ?? fail();
  const response = await ask(server, "POST", "/password/change/", token, body);
  assert.equal(response.status, 204);
  const person = world.sessions.get(token)?.person ?? fail();
  await ended(world, tokensOf(world, token));
  const [, next = ""] = /sessionid=(\w+)/.exec(response.headers.getSetCookie().join(";")) ?? [];
  world.sessions.set(next, { person, isLive: true });
}

async function shutOut(world: World): Promise<void> {
  const person = pick(world, world.people) ?? fail();
  if (person.isActive) {
    const tokens = [...world.sessions].filter(([, session]) => session.person === person).map(([token]) => token);
    await deactivate({ db: world.db, config: parseConfig({}), keys: TEST_KEYS, mail: null, now: Date.now }, OPERATOR, {
      ...EMPTY,
      id: person.id,
      username: person.name,
    });
    await ended(world, tokens);
  } else await setActive(world.db, person.id, true);
  person.isActive = !person.isActive;
}

async function endByCommand(world: World): Promise<void> {
  const person = pick(world, world.people) ?? fail();
  const { code } = await world.sandbox.run(["logoutuser", person.name], { environment: world.environment });
  assert.equal(code, 0);
  await ended(
    world,
    [...world.sessions].filter(([, session]) => session.person === person).map(([token]) => token),
  );
}

/** Must hold at every server from the next request on. */
async function ended(world: World, tokens: string[]): Promise<void> {
  for (const token of tokens) {
    const session = world.sessions.get(token);
    if (session) session.isLive = false;
  }
  for (const token of tokens.slice(0, 2)) for (const server of world.servers) await check(world, server, token);
}

function tokensOf({ sessions }: World, token: string): string[] {
  const person = sessions.get(token)?.person;
  return [...sessions].filter(([, session]) => session.person === person).map(([token]) => token);
}

function liveToken(world: World): string | undefined {
  return pick(
    world,
    [...world.sessions].filter(([, { isLive }]) => isLive).map(([token]) => token),
  );
}

function pick<T>({ random }: World, list: readonly T[]): T | undefined {
  return list[Math.floor(random() * list.length)];
}

const fail = () => assert.fail("The list is empty.");

function ask(server: Node, method: string, path: string, token: string, body?: unknown): Promise<Response> {
  const headers = { Cookie: `sessionid=${token}`, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json" };
  return fetch(`${server.url}${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** Default columns of a user. */
const EMPTY = {
  email: "",
  firstName: "",
  lastName: "",
  isActive: true,
  isStaff: false,
  isSuperuser: false,
  dateJoined: 0,
  lastLogin: null,
  emailProvedAt: null,
  language: "",
  hasSecondFactor: false,
};

if (import.meta.main) {
  const [steps = "10000", seed = String(Date.now() % 2 ** 32)] = process.argv.slice(2);
  const postgres = await startPostgres();
  for (const name of ["SQLite", "Postgres"]) {
    const url = async (database: string) => (name === "SQLite" ? null : postgres.createDatabase(database));
    const checks = await playCoherence(Number(steps), Number(seed), await url("steps"));
    process.stdout.write(`${name}, seed ${seed}: ${steps} steps, ${checks} answers, 0 stale\n`);
    const sent = await playBusily(Math.ceil(Number(steps) / 100), await url("busy"));
    process.stdout.write(`${name}, busy: ${sent} requests after a logout, 0 stale\n`);
  }
  await postgres.stop();
}
