import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Client, createClient } from "./support/client.ts";
import { codeAt, giveFactors, PASSWORD } from "./support/factors.ts";
import { askForLink, setPassword } from "./support/reset-link.ts";
import { createTestApp, MAIL, type TestApp } from "./support/test-app.ts";

const OURS = { "Sec-Fetch-Site": "same-origin" };
const WRONG = "This code is not valid.";
const EXPIRED = "The login has expired. Log in again.";

interface Person {
  /** The code of the authenticator app now, or some steps from now. */
  code: (steps?: number) => string;
  /** A wrong code. */
  wrong: () => string;
}

interface Stage extends TestApp {
  alice: Person;
  mallory: Person;
  /** A new browser. */
  browser: () => Client;
  /** A browser that has sent the right password. */
  pending: (username?: string) => Promise<Client>;
}

async function setUp(environment: Record<string, string> = {}): Promise<Stage> {
  const test = await createTestApp({ ...MAIL, ...environment });
  const { app, clock } = test;
  const addPerson = async (username: string): Promise<Person> => {
    const email = `${username}@example.com`;
    const user = await test.addUser({ username, password: PASSWORD, email, emailProvedAt: clock.now });
    const { secret } = await giveFactors(test, user);
    const code = (steps = 0) => codeAt(secret, clock.now + steps * 30_000);
    const wrong = () => {
      const right = [-2, -1, 0, 1, 2].map(code);
      return ["000000", "111111", "222222", "333333", "444444", "555555"].find((one) => !right.includes(one)) ?? "";
    };
    return { code, wrong };
  };
  let hosts = 0;
  const browser = () => createClient(app, "postern.test", `192.0.2.${++hosts % 250}`);
  const pending = async (username = "alice") => {
    const client = browser();
    assert.equal((await client.login(username, PASSWORD)).status, 403);
    return client;
  };
  return { ...test, alice: await addPerson("alice"), mallory: await addPerson("mallory"), browser, pending };
}

const enter = (client: Client, code: unknown, headers: Record<string, string> = OURS) =>
  client.post("/login/second-factor/", { code }, headers);

async function outcomeOf(answer: Promise<Response>): Promise<string> {
  const response = await answer;
  if (response.status === 202) return "logged in";
  if (response.status === 429) return "throttled";
  const { detail, code } = await response.json();
  return detail ?? code?.[0];
}

const isLoggedIn = async (client: Client) => (await client.get("/profile/")).status === 200;

/** A browser that sends another one's cookie of the second step. */
function steal(stage: Stage, victim: Client): Client {
  const thief = stage.browser();
  thief.cookies.set("pendinglogin", victim.cookies.get("pendinglogin") ?? assert.fail("no pending login"));
  return thief;
}

describe("a stolen cookie of the second step", () => {
  test("is of no use without the code, and of none at all after the owner's code", async () => {
    const stage = await setUp();
    const owner = await stage.pending();
    const thief = steal(stage, owner);
    assert.equal(await isLoggedIn(thief), false);
    assert.equal(await outcomeOf(enter(thief, stage.alice.wrong())), WRONG);
    assert.equal(await outcomeOf(enter(owner, stage.alice.code())), "logged in");
    for (const steps of [0, 1]) assert.equal(await outcomeOf(enter(thief, stage.alice.code(steps))), EXPIRED);
    assert.equal(await isLoggedIn(thief), false);
    await stage.close();
  });

  test("with a phished code makes the owner's own attempt fail visibly, and a mail tells of the browser", async () => {
    const stage = await setUp();
    const owner = await stage.pending();
    const thief = steal(stage, owner);
    assert.equal(await outcomeOf(enter(thief, stage.alice.code())), "logged in");
    assert.equal(await outcomeOf(enter(owner, stage.alice.code())), EXPIRED);
    assert.equal((await owner.login("alice", PASSWORD)).status, 403);
    assert.equal(await outcomeOf(enter(owner, stage.alice.code())), WRONG, "the thief has used it");
    assert.deepEqual(
      (await stage.deliver()).map(({ to }) => to),
      ["alice@example.com"],
    );
    stage.clock.advance(30);
    assert.equal(await outcomeOf(enter(owner, stage.alice.code())), "logged in");
    assert.equal((await owner.send("DELETE", "/sessions/", { headers: OURS })).status, 204);
    assert.equal(await isLoggedIn(thief), false);
    await stage.close();
  });
});

describe("a cookie of the second step that a sibling host plants", () => {
  const both = (first: Client, second: Client) =>
    [first, second].map(({ cookies }) => `pendinglogin=${cookies.get("pendinglogin")}`).join("; ");

  test("changes nothing if the owner's login is the newer one, in any place of the header", async () => {
    for (const order of [0, 1]) {
      const stage = await setUp();
      const planted = await stage.pending("mallory");
      stage.clock.advance(1);
      const own = await stage.pending();
      const Cookie = order === 0 ? both(planted, own) : both(own, planted);
      const victim = stage.browser();
      assert.equal(await outcomeOf(enter(victim, stage.alice.code(), { ...OURS, Cookie })), "logged in");
      assert.equal((await (await victim.get("/profile/")).json()).username, "alice");
      await stage.close();
    }
  });

  test("with a newer login makes the owner's code fail visibly, and does not use it up", async () => {
    const stage = await setUp();
    const own = await stage.pending();
    stage.clock.advance(1);
    const planted = await stage.pending("mallory");
    const victim = stage.browser();
    const Cookie = both(planted, own);
    assert.equal(await outcomeOf(enter(victim, stage.alice.code(), { ...OURS, Cookie })), WRONG);
    assert.equal(await isLoggedIn(victim), false);
    assert.equal(await outcomeOf(enter(own, stage.alice.code())), "logged in");
    await stage.close();
  });

  test("does not log its visitor in to the attacker's account: another site cannot send the attacker's code", async () => {
    const stage = await setUp();
    const planted = await stage.pending("mallory");
    for (const site of ["same-site", "cross-site"]) {
      const answer = await enter(planted, stage.mallory.code(), { "Sec-Fetch-Site": site });
      assert.equal(answer.status, 403);
      const byOrigin = await enter(planted, stage.mallory.code(), { Origin: "http://evil.postern.test" });
      assert.equal(byOrigin.status, 403);
    }
    assert.equal(await isLoggedIn(planted), false);
    await stage.close();
  });

  test("is not read on https, where only Postern's own host can set the cookie", async () => {
    const stage = await setUp({ PUBLIC_URL: "https://postern.test" });
    const own = await stage.pending();
    const name = "__Host-pendinglogin";
    const token = own.cookies.get(name) ?? assert.fail("no cookie");
    assert.equal(
      await outcomeOf(enter(stage.browser(), stage.alice.code(), { ...OURS, Cookie: `pendinglogin=${token}` })),
      EXPIRED,
    );
    assert.equal(await outcomeOf(enter(own, stage.alice.code())), "logged in");
    await stage.close();
  });
});

/** @returns how often a second factor was opened since, that is: how many codes were checked */
function countChecks({ services }: Stage): () => number {
  let opened = 0;
  const { keys } = services;
  const open: typeof keys.factors.open = (...sealed) => {
    opened++;
    return keys.factors.open(...sealed);
  };
  services.keys = { ...keys, factors: { ...keys.factors, open } };
  return () => opened;
}

const tally = (outcomes: string[]) =>
  Object.fromEntries([...Map.groupBy(outcomes, (one) => one)].map(([outcome, all]) => [outcome, all.length]));

async function failuresOf({ services }: Stage): Promise<Record<string, number>> {
  const rows = await services.db.selectFrom("events").select("kind").execute();
  return tally(rows.map(({ kind }) => kind).filter((kind) => kind.startsWith("second_factor_")));
}

describe("wrong codes", () => {
  test("end the login at the fifth, also if 20 come at once, and the right one is among the last", async () => {
    const stage = await setUp({ POSTERN_THROTTLE: "off" });
    const client = await stage.pending();
    const checks = countChecks(stage);
    const sent = Array.from({ length: 20 }, () => outcomeOf(enter(client, stage.alice.wrong())));
    assert.deepEqual(tally(await Promise.all(sent)), { [WRONG]: 5, [EXPIRED]: 15 });
    assert.equal(checks(), 5);
    assert.equal(await outcomeOf(enter(client, stage.alice.code())), EXPIRED);
    await stage.close();
  });

  test("ten in a row make every further one wait, also across logins and at once", async () => {
    const stage = await setUp();
    const clients = await Promise.all(Array.from({ length: 10 }, () => stage.pending()));
    const checks = countChecks(stage);
    const sent = clients.flatMap((client) => [1, 2, 3].map(() => outcomeOf(enter(client, stage.alice.wrong()))));
    assert.deepEqual(tally(await Promise.all(sent)), { [WRONG]: 10, throttled: 20 });
    assert.equal(checks(), 10);
    const client = await stage.pending();
    assert.equal(await outcomeOf(enter(client, stage.alice.code())), "throttled", "the right code waits too");
    stage.clock.advance(30);
    assert.equal(await outcomeOf(enter(client, stage.alice.code())), "logged in");
    await stage.close();
  });

  test("are less than 50 in a day, however often the password is repeated", { timeout: 60_000 }, async () => {
    const stage = await setUp();
    const checks = countChecks(stage);
    const end = stage.clock.now + 86_400_000;
    let client = await stage.pending();
    const opened = () => checks() - logins;
    let logins = 0;
    while (stage.clock.now < end) {
      const answer = await enter(client, stage.alice.wrong());
      if (answer.status === 429) stage.clock.advance(Number(answer.headers.get("retry-after")));
      const before = checks();
      client = await stage.pending();
      logins += checks() - before;
    }
    assert(opened() > 20 && opened() < 50, String(opened()));
    await stage.close();
  });

  test("are events, and the tenth sends a mail, also if the login has ended meanwhile", async () => {
    const stage = await setUp();
    for (const client of [await stage.pending(), await stage.pending()])
      await Promise.all(Array.from({ length: 10 }, () => enter(client, stage.alice.wrong())));
    assert.deepEqual(await failuresOf(stage), { second_factor_failed: 9, second_factor_throttled: 1 });
    assert.equal((await stage.deliver()).length, 1);
    await stage.close();
  });

  test("are events without the throttle too", async () => {
    const stage = await setUp({ POSTERN_THROTTLE: "off" });
    await enter(await stage.pending(), stage.alice.wrong());
    assert.deepEqual(await failuresOf(stage), { second_factor_failed: 1 });
    await stage.close();
  });

  test("of a thief with the password make no browser of the owner wait", async () => {
    const stage = await setUp();
    const owner = await stage.pending();
    assert.equal(await outcomeOf(enter(owner, stage.alice.code())), "logged in");
    for (let times = 0; times < 10; times++) await enter(await stage.pending(), stage.alice.wrong());
    assert.equal(await outcomeOf(enter(await stage.pending(), stage.alice.wrong())), "throttled");
    stage.clock.advance(29);
    await owner.post("/logout/", {}, OURS);
    assert.equal((await owner.login("alice", PASSWORD)).status, 403);
    stage.clock.advance(1);
    assert.equal(await outcomeOf(enter(owner, stage.alice.code())), "logged in");
    await stage.close();
  });
});

describe("a new password by the link of a mail", () => {
  test("ends a login that waits for its code, and does not replace the code", async () => {
    const stage = await setUp();
    const [thief, owner] = [await stage.pending(), stage.browser()];
    const token = await askForLink({ client: owner, deliver: stage.deliver });
    assert.equal((await setPassword(owner, token)).status, 204);
    assert.equal(await isLoggedIn(owner), false);
    assert.equal(await outcomeOf(enter(thief, stage.alice.code())), EXPIRED);
    await stage.close();
  });

  test("at the same time as the code leaves no session of the old password", async () => {
    const stage = await setUp();
    const [thief, owner] = [await stage.pending(), stage.browser()];
    const token = await askForLink({ client: owner, deliver: stage.deliver });
    await Promise.all([enter(thief, stage.alice.code()), setPassword(owner, token)]);
    assert.equal(await isLoggedIn(thief), false);
    assert.equal(await isLoggedIn(owner), false);
    await stage.close();
  });
});
