import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findUser } from "../db/users.ts";
import type { Route } from "../lib/context.ts";
import { isByLink } from "../lib/pipeline/link-guards.ts";
import { FORWARD } from "../lib/pipeline/surface.ts";
import { ROUTES } from "../lib/routes.ts";
import { createClient } from "./support/client.ts";
import { type FactorUser, giveFactors, PASSWORD, useFactors } from "./support/factors.ts";
import { createSandbox, login } from "./support/process.ts";
import { TEST_KEYS, TEST_SECRET_KEY } from "./support/secret-key.ts";
import { OPEN } from "./support/sign-up.ts";

const SETTINGS = { ...OPEN, POSTERN_ACCOUNT_DELETION: "on" };

const PROGRAM = { "Content-Type": "application/json", "Sec-Fetch-Site": "same-origin" };
const BROWSER = { ...PROGRAM, "Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Mode": "navigate" };

/** The headers of each proxy. A row reads its own ones. */
const PROXY = {
  "X-Original-Method": "GET",
  "X-Original-URL": "http://app.test/notes/",
  "X-Forwarded-Method": "GET",
  "X-Forwarded-Proto": "http",
  "X-Forwarded-Host": "app.test",
  "X-Forwarded-Uri": "/notes/",
};

/** A token that no session and no pending login has. */
const UNKNOWN = "z".repeat(32);

interface Answer {
  status: number;
  headers: Record<string, string[]>;
  body: string;
}

/** Asks a row, as a script of a page or as a browser that navigates. */
async function ask({ test }: FactorUser, row: Route, cookie: string, { isBrowser }: { isBrowser: boolean }) {
  const method = row.method === "ANY" ? "GET" : row.method;
  const path = row.path.replace(":id", "0".repeat(20)).replace(":name", "postern.css").replace("*", "notes/");
  const fromProxy = row.surface === FORWARD ? PROXY : {};
  const headers = { ...(isBrowser ? BROWSER : PROGRAM), ...fromProxy, ...(cookie === "" ? {} : { Cookie: cookie }) };
  const body = method === "GET" ? {} : { body: isBrowser ? "a=b" : "{}" };
  // A trusted proxy and an operator come from this machine.
  const client = createClient(test.app, "postern.test", "127.0.0.1");
  return describeAnswer(await client.send(method, path, { headers, ...body }));
}

async function describeAnswer(response: Response): Promise<Answer> {
  const headers: Answer["headers"] = { "set-cookie": response.headers.getSetCookie() };
  for (const [name, value] of response.headers)
    if (name !== "x-request-id" && name !== "set-cookie") headers[name] = [value];
  return { status: response.status, headers, body: withoutRandom(await response.text()) };
}

/** The page of an error shows the id of its request, and each challenge of a passkey is another one. */
const withoutRandom = (body: string) =>
  body.replace(/<code>[a-z2-7]{16}<\/code>/, "").replace(/"challenge":"[\w-]{43}"/, "");

/** Each row as each audience may ask it. */
const CASES = ROUTES.flatMap((row) => {
  const browser = { row, isBrowser: true, name: `${row.method} ${row.path} by a browser` };
  const program = { row, isBrowser: false, name: `${row.method} ${row.path} by a program` };
  if (row.surface.audience === "browsers") return [browser];
  return row.surface.negotiates ? [program, browser] : [program];
});

/** The guards of the second step. */
const SECOND_STEP = ["pendingLogin", "passkeyPending"];

/** The metrics count the requests. */
const isConstant = ({ row }: (typeof CASES)[number]) => row.path !== "/metrics";
const isSecondStep = ({ row }: (typeof CASES)[number]) => SECOND_STEP.includes(row.guard.name);

async function startLogin(alice: FactorUser): Promise<string> {
  assert.equal((await alice.enterPassword()).status, 403);
  return alice.cookies.get("pendinglogin") ?? assert.fail("no pending login");
}

/** @returns a session token */
async function logIn(alice: FactorUser): Promise<string> {
  alice.test.clock.advance(60);
  await startLogin(alice);
  assert.equal((await alice.enterCode(alice.code())).status, 202);
  return alice.cookies.get("sessionid") ?? assert.fail("no session");
}

describe("a login without its second factor", () => {
  test("is answered by every row as a client with nothing, but for those of the second step", async () => {
    await using alice = await useFactors(SETTINGS);
    const cookie = `pendinglogin=${await startLogin(alice)}`;
    for (const { row, isBrowser, name } of CASES.filter((one) => isConstant(one) && !isSecondStep(one))) {
      assert.deepEqual(await ask(alice, row, cookie, { isBrowser }), await ask(alice, row, "", { isBrowser }), name);
    }
  });

  test("opens the rows of the second step, and nothing else does", async () => {
    await using alice = await useFactors(SETTINGS);
    const session = await logIn(alice);
    const pending = await startLogin(alice);
    const cases = CASES.filter(isSecondStep);
    assert(cases.length >= 3, String(cases.length));
    for (const { row, isBrowser, name } of cases) {
      assert.notEqual((await ask(alice, row, `pendinglogin=${pending}`, { isBrowser })).status, 403, name);
      for (const cookie of [
        "",
        `pendinglogin=${UNKNOWN}`,
        `pendinglogin=${session}`,
        `sessionid=${session}`,
        `sessionid=${pending}`,
        `__Host-pendinglogin=${pending}`,
      ]) {
        const { status, headers, body } = await ask(alice, row, cookie, { isBrowser });
        if (isBrowser) assert.deepEqual([status, headers["location"]], [303, ["/login/"]], `${name} ${cookie}`);
        else assert.deepEqual([status, JSON.parse(body).detail], [403, EXPIRED], `${name} ${cookie}`);
      }
    }
  });

  test("is no session: under the name of the session cookie it is answered as an unknown token", async () => {
    await using alice = await useFactors(SETTINGS);
    const token = await startLogin(alice);
    for (const { row, isBrowser, name } of CASES.filter(isConstant)) {
      const asSession = await ask(alice, row, `sessionid=${token}`, { isBrowser });
      assert.deepEqual(asSession, await ask(alice, row, `sessionid=${UNKNOWN}`, { isBrowser }), name);
    }
  });

  test("is in no list of sessions, and no other session ends it or is ended by it", async () => {
    await using alice = await useFactors(SETTINGS);
    const session = `sessionid=${await logIn(alice)}`;
    const pending = await startLogin(alice);
    const sent = { headers: { Cookie: session, ...PROGRAM } };
    const listed = await alice.send("GET", "/sessions/", sent);
    assert.equal((await listed.json()).length, 1);
    const rows = await alice.test.services.db.selectFrom("sessions").select("id").execute();
    assert.equal(rows.length, 1);
    const logout = await alice.send("POST", "/logout/", { headers: { ...PROGRAM, Cookie: `pendinglogin=${pending}` } });
    assert.equal(logout.status, 204);
    assert.equal((await alice.send("GET", "/profile/", sent)).status, 200);
  });
});

test("the commands users and sessions show no login without its second factor", { timeout: 60_000 }, async () => {
  await using sandbox = await createSandbox();
  const environment = { POSTERN_SECRET_KEY: TEST_SECRET_KEY };
  await sandbox.run(["createuser", "alice", "--password-stdin"], { input: PASSWORD, environment });
  const print = async (...args: string[]) => (await sandbox.run(args, { environment })).stdout;
  await sandbox.withDatabase(async (db) => {
    const user = await findUser(db, "alice");
    await giveFactors({ services: { db, keys: TEST_KEYS, now: Date.now } }, user ?? assert.fail("no alice"));
  });
  const before = [await print("users", "--json"), await print("sessions", "alice", "--json")];
  const server = await sandbox.serveInProcess(environment);
  const { status } = await login(server, "alice", PASSWORD);
  assert.equal(status, 403);
  await sandbox.withDatabase(async (db) => {
    assert.equal((await db.selectFrom("pending_logins").select("id").execute()).length, 1);
  });
  assert.deepEqual([await print("users", "--json"), await print("sessions", "alice", "--json")], before);
  assert.equal(await print("logoutuser", "alice"), "0 sessions of alice ended.\n");
});

const EXPIRED = "The login has expired. Log in again.";

type Levels = [nothing: "open" | "denied", pending: "open" | "denied", session: "open" | "denied"];

const EVERYONE: Levels = ["open", "open", "open"];
const SECOND: Levels = ["denied", "open", "denied"];
const MEMBERS: Levels = ["denied", "denied", "open"];

/**
 * What a client with nothing, with a pending login, and with a session may use, by the guard of the row: what its members
 * may, if the guard is not here. A link opens its row for each of them, and `/` leads to the login or to the profile.
 */
const TABLE: Record<string, Levels> = {
  anyone: EVERYONE,
  mailEnabled: EVERYONE,
  signupOpen: EVERYONE,
  passkeyEnabled: EVERYONE,
  probe: EVERYONE,
  opsOnly: EVERYONE,
  pendingLogin: SECOND,
  passkeyPending: SECOND,
};

function isDenied({ status, headers }: Answer): boolean {
  return [401, 403].includes(status) || /^\/login\/(\?next=|$)/.test(headers["location"]?.[0] ?? "");
}

test("the table of guards and levels: what each may use", async () => {
  for (const { row, isBrowser, name } of CASES.filter(({ row }) => !isByLink(row.guard) && row.path !== "/")) {
    // For each row: it may end the session, or remove the second factor.
    await using alice = await useFactors(SETTINGS);
    const session = `sessionid=${await logIn(alice)}`;
    const pending = `pendinglogin=${await startLogin(alice)}`;
    const found: string[] = [];
    for (const cookie of ["", pending, session])
      found.push(isDenied(await ask(alice, row, cookie, { isBrowser })) ? "denied" : "open");
    const expected = row.surface === FORWARD ? MEMBERS : (TABLE[row.guard.name] ?? MEMBERS);
    assert.deepEqual(found, expected, `${name}: ${row.guard.name}`);
  }
});
