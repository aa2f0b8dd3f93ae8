import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Client, createClient } from "./support/client.ts";
import { codeAt, giveFactors, PASSWORD } from "./support/factors.ts";
import { createTestApp, MAIL, type TestApp } from "./support/test-app.ts";

const OURS = { "Sec-Fetch-Site": "same-origin" };
const STRANGER = "203.0.113.66";

interface Stage extends AsyncDisposable {
  test: TestApp;
  /** Browsers that were known before the user had a second factor. Each has a session. */
  browsers: Client[];
  recoveryCodes: string[];
  code: (steps?: number) => string;
  /** A code that is wrong now and for two steps around. */
  wrong: () => string;
}

async function setUp(known = 1): Promise<Stage> {
  const test = await createTestApp(MAIL);
  const user = await test.addUser({ username: "alice", password: PASSWORD });
  const browsers = Array.from({ length: known }, () => createClient(test.app));
  for (const browser of browsers) assert.equal((await browser.login("alice", PASSWORD)).status, 202);
  const { secret, recoveryCodes } = await giveFactors(test, user);
  const code = (steps = 0) => codeAt(secret, test.clock.now + steps * 30_000);
  const wrong = () => {
    const right = [-2, -1, 0, 1, 2].map(code);
    return ["000000", "111111", "222222", "333333", "444444", "555555"].find((one) => !right.includes(one)) ?? "";
  };
  return { test, browsers, recoveryCodes, code, wrong, [Symbol.asyncDispose]: test.close };
}

const proveByCode = (client: Client, code: string) => client.post("/reauth/", { code }, OURS);
const enterCode = (client: Client, code: string) => client.post("/login/second-factor/", { code }, OURS);

/** Guesses in place until a code is denied without a look at it. @returns how many codes were checked */
async function guess({ wrong }: Stage, client: Client): Promise<number> {
  for (let checked = 0; ; checked++) {
    const { status } = await proveByCode(client, wrong());
    if (status === 429) return checked;
    assert.equal(status, 400);
    assert(checked < 100, "no wait begins");
  }
}

async function pending({ test }: Stage, address = STRANGER): Promise<Client> {
  const client = createClient(test.app, "postern.test", address);
  assert.equal((await client.login("alice", PASSWORD)).status, 403);
  return client;
}

describe("a client with the password of a known browser", () => {
  const renewals = {
    "proved in place": (client: Client) => client.post("/reauth/", { password: PASSWORD }, OURS),
    "replaced by a new one": (client: Client) =>
      client.post("/password/change/", { current_password: PASSWORD, new_password: "cyan giraffe umbrella" }, OURS),
  };
  for (const [how, renew] of Object.entries(renewals)) {
    test(`gets no further guesses at codes when the password is ${how}`, async () => {
      await using stage = await setUp();
      const [thief] = stage.browsers;
      assert(thief);
      assert.equal(await guess(stage, thief), 10);
      const cookie = thief.cookies.get("devicecookie");
      assert.equal((await renew(thief)).status, 204);
      assert.notEqual(thief.cookies.get("devicecookie"), cookie, "the device has a new name");
      assert.equal(await guess(stage, thief), 0);
    });
  }

  test("waits no longer than before: the wait goes with the browser, and ends with a right code", async () => {
    await using stage = await setUp();
    const [owner] = stage.browsers;
    assert(owner);
    await guess(stage, owner);
    assert.equal((await owner.post("/reauth/", { password: PASSWORD }, OURS)).status, 204);
    const denied = await proveByCode(owner, stage.code());
    assert.deepEqual([denied.status, denied.headers.get("retry-after")], [429, "30"]);
    stage.test.clock.advance(30);
    assert.equal((await proveByCode(owner, stage.code())).status, 204);
    assert.equal(await guess(stage, owner), 10);
  });
});

describe("ten known browsers", () => {
  test("have 30 guesses together, and are strangers after them", async () => {
    await using stage = await setUp(10);
    const checked: number[] = [];
    for (const thief of stage.browsers) checked.push(await guess(stage, thief));
    // The third one goes on as a stranger.
    assert.deepEqual(checked, [10, 10, 20, 0, 0, 0, 0, 0, 0, 0]);
    assert.equal((await enterCode(await pending(stage), stage.wrong())).status, 429);
  });

  test("get no further guesses by the password", async () => {
    await using stage = await setUp(4);
    for (const thief of stage.browsers) await guess(stage, thief);
    for (const thief of stage.browsers) {
      assert.equal((await thief.post("/reauth/", { password: PASSWORD }, OURS)).status, 204);
      assert.equal(await guess(stage, thief), 0);
    }
  });

  test("are known again after a right code of the owner, whose browser waited with the strangers", async () => {
    await using stage = await setUp(4);
    const [owner] = stage.browsers;
    assert(owner);
    for (const thief of stage.browsers) await guess(stage, thief);
    stage.test.clock.advance(30);
    assert.equal((await proveByCode(owner, stage.code())).status, 204);
    assert.equal((await enterCode(await pending(stage), stage.wrong())).status, 400);
    for (let time = 0; time < 9; time++) await enterCode(await pending(stage), stage.wrong());
    assert.equal((await enterCode(await pending(stage), stage.wrong())).status, 429, "strangers wait");
    stage.test.clock.advance(60);
    for (let time = 0; time < 12; time++) await enterCode(await pending(stage), stage.wrong());
    assert.equal((await proveByCode(owner, stage.code())).status, 204, "and the owner's browser does not");
  });
});

describe("a wrong recovery code", () => {
  test("makes no right one wait, and is one of few events: 30, then one every ten seconds", async () => {
    await using stage = await setUp();
    const events = async () => {
      const all = stage.test.services.db.selectFrom("events").select("kind");
      return (await all.where("kind", "=", "second_factor_failed").execute()).length;
    };
    const statuses: number[] = [];
    for (let login = 0; login < 8; login++) {
      const thief = await pending(stage);
      for (let time = 0; time < 5; time++) statuses.push((await enterCode(thief, "nonsense")).status);
      assert.equal((await thief.get("/login/second-factor/")).status, 403, "the login begins again");
    }
    assert.deepEqual(statuses, [...Array(30).fill(400), ...Array(10).fill(429)]);
    assert.equal(await events(), 30);
    assert.equal((await enterCode(await pending(stage), stage.recoveryCodes[0] ?? "")).status, 202);
    stage.test.clock.advance(10);
    assert.equal((await enterCode(await pending(stage), "nonsense")).status, 400);
    assert.equal((await enterCode(await pending(stage), "nonsense")).status, 429);
    assert.equal(await events(), 31);
  });

  test("makes no later one wait, on another network", async () => {
    await using stage = await setUp();
    for (let login = 0; login < 4; login++) {
      const thief = await pending(stage);
      for (let time = 0; time < 5; time++) assert.equal((await enterCode(thief, "nonsense")).status, 400);
      assert.equal((await enterCode(thief, "nonsense")).status, 403, "the login begins again");
    }
    const owner = await pending(stage, "198.51.100.7");
    assert.equal((await enterCode(owner, stage.recoveryCodes[0] ?? "")).status, 202);
  });

  test("makes no code of the app wait", async () => {
    await using stage = await setUp();
    for (let time = 0; time < 15; time++) await enterCode(await pending(stage), "nonsense");
    assert.equal((await enterCode(await pending(stage), stage.code())).status, 202);
  });
});
