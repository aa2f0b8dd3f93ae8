import assert from "node:assert/strict";
import { sealTrail } from "../../db/event-seal.ts";
import { migrate } from "../../db/migrate.ts";
import { type Db, openDatabase } from "../../db/open.ts";
import type { User } from "../../db/users.ts";
import { createClient } from "./client.ts";
import { codeAt, giveFactors, PASSWORD } from "./factors.ts";
import { TEST_KEYS } from "./secret-key.ts";
import { createTestApp, type TestApp } from "./test-app.ts";

/** Several nodes on one database, each with connections of its own. */
export interface FactorNodes {
  nodes: TestApp[];
  /** Turns the clock of every node. */
  advance: (seconds: number) => void;
  /** A new user with an authenticator app and recovery codes. */
  addUser: () => Promise<RacingUser>;
  close: () => Promise<void>;
}

/** A user whose requests go to each node in turn. */
export interface RacingUser {
  user: User;
  recoveryCodes: string[];
  /** The code of the authenticator app now, or some steps from now. */
  code: (steps?: number) => string;
  /** Sends the password. @returns the tokens of the pending logins */
  startLogins: (count: number) => Promise<string[]>;
  /** Sends a code. @returns the status */
  enter: (token: string, code: string) => Promise<number>;
  /** @returns the number of the user's rows */
  count: (table: "sessions" | "pending_logins") => Promise<number>;
}

/** The throttle has tests of its own. Here it would deny most requests of a race. */
const SETTINGS = { POSTERN_THROTTLE: "off" };

/** @param url an empty database */
export async function startFactorNodes(url: string, count: number): Promise<FactorNodes> {
  const open = () => openDatabase(url, { mayCreate: true, poolSize: 10 });
  const first = await open();
  await migrate(first);
  await sealTrail(first, TEST_KEYS.audit, 0);
  const databases = [first, ...(await Promise.all(Array.from({ length: count - 1 }, open)))];
  const nodes = await Promise.all(databases.map((db) => createTestApp(SETTINGS, { db, close: () => db.destroy() })));
  let users = 0;
  return {
    nodes,
    advance: (seconds) => {
      for (const { clock } of nodes) clock.advance(seconds);
    },
    addUser: () => addRacingUser(nodes, first, `alice${++users}`),
    close: async () => {
      for (const { close } of nodes) await close();
    },
  };
}

async function addRacingUser(nodes: TestApp[], db: Db, username: string): Promise<RacingUser> {
  const [node = assert.fail("no node")] = nodes;
  const user = await node.addUser({ username, password: PASSWORD });
  const { secret, recoveryCodes } = await giveFactors(node, user);
  let asked = 0;
  const client = () => createClient((nodes[asked++ % nodes.length] ?? node).app);
  const startLogin = async () => {
    const browser = client();
    assert.equal((await browser.login(username, PASSWORD)).status, 403);
    return browser.cookies.get("pendinglogin") ?? assert.fail("no pending login");
  };
  return {
    user,
    recoveryCodes,
    code: (steps = 0) => codeAt(secret, node.clock.now + steps * 30_000),
    startLogins: async (count) => {
      const tokens: string[] = [];
      for (let number = 0; number < count; number++) tokens.push(await startLogin());
      return tokens;
    },
    enter: async (token, code) => {
      const headers = { Cookie: `pendinglogin=${token}`, "Sec-Fetch-Site": "same-origin" };
      return (await client().post("/login/second-factor/", { code }, headers)).status;
    },
    count: async (table) => (await db.selectFrom(table).select("id").where("user_id", "=", user.id).execute()).length,
  };
}
