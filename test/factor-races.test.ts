import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { deleteTotp, refreshSecondFactor } from "../db/factors.ts";
import { transaction } from "../db/open.ts";
import { createClient } from "./support/client.ts";
import { IS_LONG, repeats } from "./support/effort.ts";
import { ENDINGS, FACTOR_CHANGES, type Interruption } from "./support/factor-interruptions.ts";
import { type FactorNodes, type RacingUser, startFactorNodes } from "./support/factor-nodes.ts";
import { giveFactors, PASSWORD } from "./support/factors.ts";
import { until } from "./support/poll.ts";
import { usePostgres } from "./support/postgres.ts";
import { createSandbox, type Sandbox } from "./support/process.ts";
import type { TestApp } from "./support/test-app.ts";

const RACES = { timeout: 240_000 };

/** The most attempts of one pending login, and the most pending logins of a user. */
const [ATTEMPTS, LOGINS] = [5, 10];

const ROUNDS = repeats(10);

/** Sends a code with each pending login, five times at once. */
function sendAll({ enter }: RacingUser, tokens: string[], codeOf: (index: number) => string): Promise<number>[] {
  return tokens.flatMap((token) => Array.from({ length: ATTEMPTS }, (_, index) => enter(token, codeOf(index))));
}

/** @returns the number of logins */
async function countLogins(sent: Promise<number>[]): Promise<number> {
  const statuses = await Promise.all(sent);
  for (const status of statuses) assert([202, 400, 403].includes(status), String(status));
  return statuses.filter((status) => status === 202).length;
}

/** Prints a row of the table of races. */
function report(where: string, what: string, requests: number, successes: number[]): void {
  process.stdout.write(`${where} | ${what} | ${requests} at once | ${successes.join(", ")} logged in\n`);
}

/** @param stage the nodes, once the tests have begun */
function raceAt(where: string, stage: () => FactorNodes, interruptions: Record<string, Interruption>): void {
  const race = (what: string, logins: number, codesOf: (user: RacingUser, round: number) => string[]) =>
    test(`${what}: one session`, RACES, async () => {
      const alice = await stage().addUser();
      const successes: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        stage().advance(120);
        const codes = codesOf(alice, round);
        const tokens = await alice.startLogins(logins);
        successes.push(await countLogins(sendAll(alice, tokens, (index) => codes[index % codes.length] ?? "")));
      }
      report(where, what, logins * ATTEMPTS, successes);
      assert.deepEqual(successes, Array(ROUNDS).fill(1));
      assert.equal(await alice.count("sessions"), ROUNDS);
    });

  race("one code of the app with ten pending logins", LOGINS, ({ code }) => [code()]);
  race("one recovery code with ten pending logins", LOGINS, ({ recoveryCodes }, round) => [recoveryCodes[round] ?? ""]);
  race("three right codes with one pending login", 1, ({ code, recoveryCodes }, round) => {
    return [code(), code(1), recoveryCodes[round] ?? ""];
  });

  test("a second factor that is added after the password was checked: no session without it", RACES, async () => {
    const { nodes, addUser } = stage();
    const [node = assert.fail("no node")] = nodes;
    const { user, count } = await addUser();
    await transaction(node.services.db, async (db) => {
      await deleteTotp(db, user.id);
      await refreshSecondFactor(db, user.id);
    });
    const { checked, release } = holdChecks(nodes);
    const logins = nodes.flatMap(({ app }) => [1, 2, 3].map(() => createClient(app).login(user.username, PASSWORD)));
    await until("every password is checked", () => checked() === logins.length);
    await giveFactors(node, user);
    release();
    for (const answer of await Promise.all(logins)) assert.equal(answer.status, 400);
    assert.equal(await count("sessions"), 0);
    report(where, "a second factor is added during logins", logins.length, [0]);
  });

  for (const [what, interrupt] of Object.entries(interruptions)) {
    test(`${what} at the same time as the code: no session that should have ended`, RACES, async () => {
      const successes: number[] = [];
      for (let round = 0; round < ROUNDS; round++)
        successes.push(await interruptAfter(round, stage(), what, interrupt));
      report(where, what, LOGINS * ATTEMPTS, successes);
    });
  }
}

/** @param answers how many codes are answered before the interruption begins. @returns the number of logins */
async function interruptAfter(
  answers: number,
  { nodes, addUser, advance }: FactorNodes,
  what: string,
  interrupt: Interruption,
): Promise<number> {
  const alice = await addUser();
  const tokens = await alice.startLogins(LOGINS);
  const sent = sendAll(alice, tokens, () => alice.code());
  await Promise.all(sent.slice(0, answers));
  await interrupt(nodes[0] ?? assert.fail("no node"), alice.user);
  const successes = await countLogins(sent);
  assert(successes <= 1, String(successes));
  const isEnding = what in ENDINGS;
  assert.equal(await alice.count("sessions"), isEnding ? 0 : successes);
  if (isEnding) assert.equal(await alice.count("pending_logins"), 0);
  advance(60);
  assert.equal(await countLogins(sendAll(alice, tokens, () => alice.code())), 0, "later");
  return successes;
}

/** Lets each login wait after its password was checked. */
function holdChecks(nodes: TestApp[]): { checked: () => number; release: () => void } {
  let checked = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const { services } of nodes) {
    const { hasher } = services;
    const check: typeof hasher.check = async (...sent) => {
      const result = await hasher.check(...sent);
      checked++;
      await promise;
      return result;
    };
    services.hasher = { ...hasher, check };
  }
  return { checked: () => checked, release: resolve };
}

const ALL = { ...ENDINGS, ...FACTOR_CHANGES };

describe("at two connections to one SQLite file", () => {
  let sandbox: Sandbox;
  let nodes: FactorNodes;
  before(async () => {
    sandbox = await createSandbox();
    nodes = await startFactorNodes(`sqlite:${join(sandbox.folder, "postern.db")}`, 2);
  }, RACES);
  after(async () => {
    await nodes.close();
    await sandbox[Symbol.asyncDispose]();
  }, RACES);
  raceAt("SQLite, two connections", () => nodes, ALL);
});

describe("at three nodes on one Postgres", () => {
  const postgres = usePostgres(RACES);
  let nodes: FactorNodes;
  before(async () => {
    nodes = await startFactorNodes(await postgres.createDatabase("factor_races"), 3);
  }, RACES);
  after(() => nodes.close(), RACES);
  const few = ["the user is deactivated and activated again", "the authenticator app is removed"];
  const some = Object.entries(ALL).filter(([what]) => IS_LONG || few.includes(what));
  raceAt("Postgres, three nodes", () => nodes, Object.fromEntries(some));
});
