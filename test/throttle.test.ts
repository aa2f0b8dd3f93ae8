import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findCredentials } from "../db/users.ts";
import { OPERATOR } from "../lib/audit/actor.ts";
import { Problem } from "../lib/http/problem.ts";
import { clearThrottles } from "../lib/throttle/forget.ts";
import { deactivate } from "../lib/users/activation.ts";
import { changePassword } from "../lib/users/change-password.ts";
import { createGuessedApp, type GuessedApp, guess, RIGHT, times, told } from "./support/guesses.ts";
import { anyPassword } from "./support/test-app.ts";

const HOUR = 3600;
const LONG = { timeout: 60_000 };

/** Guesses until unknown clients have failed `failures` times in a row, then waits for the end of the last block. */
async function failInARow(app: GuessedApp, failures: number): Promise<void> {
  while (app.hashed.length < failures) {
    assert.equal((await app.stranger().login("alice", "wrong")).status, 400);
    app.clock.advance(app.hashed.length < 10 ? 0 : HOUR);
  }
}

async function keys({ services: { db } }: GuessedApp): Promise<string[]> {
  const rows = await db.selectFrom("throttles").select("key").orderBy("key").execute();
  return rows.map(({ key }) => key.replace(/:.*/, ""));
}

describe("guessing at an account", () => {
  test("reaches the hasher 10 times for 1,000 guesses at the same time from as many networks", LONG, async () => {
    const app = await createGuessedApp();
    const answers = await Promise.all(times(1000, "wrong").map((password) => app.stranger().login("alice", password)));
    const wrong = answers.filter(({ status }) => status === 400).length;
    const held = answers.filter(({ status }) => status === 429).length;
    process.stdout.write(`In one process: 1000 sent at once, ${app.hashed.length} hashed, 10 allowed\n`);
    assert.deepEqual({ wrong, held, hashed: app.hashed.length }, { wrong: 10, held: 990, hashed: 10 });
  });

  test("is a 429 in the words of Django REST Framework, with Retry-After and no cookie", async () => {
    const app = await createGuessedApp();
    await guess(app, "alice", 10);
    const response = await app.stranger().login("alice", RIGHT);
    assert.equal(told(response), "429 after 30");
    assert.deepEqual(await response.json(), { detail: "Request was throttled. Expected available in 30 seconds." });
    assert.deepEqual(response.headers.getSetCookie(), []);
    assert.equal(app.hashed.length, 10, "it costs no hash");
    app.clock.advance(0.001);
    assert.equal(told(await app.stranger().login("alice", RIGHT)), "429 after 30", "rounded up");
    app.clock.advance(29.5);
    assert.equal(told(await app.stranger().login("alice", RIGHT)), "429 after 1");
    app.clock.advance(0.5);
    assert.equal(told(await app.stranger().login("alice", RIGHT)), "202");
  });

  test("waits longer after each further failure, from 30 seconds to an hour", async () => {
    const app = await createGuessedApp();
    assert.deepEqual(await guess(app, "alice", 10), times(10, 400));
    for (const seconds of [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]) {
      assert.equal(told(await app.stranger().login("alice", "wrong")), `429 after ${seconds}`);
      app.clock.advance(seconds);
      assert.equal(told(await app.stranger().login("alice", "wrong")), "400");
    }
  });

  test("does not wait longer after attempts during the wait", LONG, async () => {
    const app = await createGuessedApp();
    const from = [app.stranger(), app.stranger(), app.stranger(), app.stranger()];
    const statuses: number[] = [];
    for (let second = 0; second < HOUR / 4; second++) {
      for (const client of [...from, ...from.slice(0, 1)]) statuses.push((await client.login("alice", "wrong")).status);
      app.clock.advance(1);
    }
    // 10 at first, then 1 each after 30, 60, 120 and 240 seconds.
    assert.deepEqual([app.hashed.length, statuses.filter((status) => status === 400).length], [14, 14]);
  });

  test("starts again from zero after a successful login", async () => {
    const app = await createGuessedApp();
    await guess(app, "alice", 9);
    assert.equal((await app.stranger().login("alice", RIGHT)).status, 202);
    assert.deepEqual(await guess(app, "alice", 11), [...times(10, 400), 429]);
  });

  test("does not disclose which users exist or may log in, by answers, cookies or stored rows", async () => {
    const shown: unknown[] = [];
    for (const username of ["alice", "nobody", "gone"]) {
      const app = await createGuessedApp();
      await deactivate(app.services, OPERATOR, await app.addUser({ username: "gone", password: RIGHT }));
      const client = app.stranger();
      const answers: unknown[] = [];
      for (let time = 0; time < 12; time++) {
        const response = await client.login(username, "wrong");
        answers.push([told(response), await response.text(), response.headers.getSetCookie()]);
      }
      const rows = await app.services.db.selectFrom("throttles").selectAll().orderBy("key").execute();
      assert(!JSON.stringify(rows).includes(username), "not even the name");
      shown.push([
        answers,
        app.hashed.length,
        rows.map(({ key, ...row }) => ({ ...row, key: key.replace(/:.*/, "") })),
      ]);
    }
    assert.deepEqual(shown[0], shown[1]);
    assert.deepEqual(shown[0], shown[2]);
  });

  test("is not counted if the password was not checked", async () => {
    const app = await createGuessedApp();
    const passwords = app.services.hasher;
    const broken = [new Problem("overloaded", { seconds: 1 }), new Error("a bug")];
    for (const error of broken) {
      app.services.hasher = { ...passwords, check: () => Promise.reject(error) };
      const statuses = new Set(await guess(app, "alice", 40));
      assert.deepEqual(statuses, new Set([error instanceof Problem ? 503 : 500]));
    }
    app.services.hasher = passwords;
    assert.deepEqual(await guess(app, "alice", 10), times(10, 400));
    app.clock.advance(30);
    app.services.hasher = { ...passwords, check: () => Promise.reject(broken[0]) };
    assert.deepEqual(await guess(app, "alice", 3), times(3, 503), "nor does it make the next one wait");
    app.services.hasher = passwords;
    assert.deepEqual(await guess(app, "alice", 2), [400, 429]);
    assert.equal(told(await app.stranger().login("alice", "wrong")), "429 after 60");
  });

  test("is blocked after 70 failures in a row, until a known device logs in or the password is changed", async () => {
    for (const end of ["device", "change"]) {
      const app = await createGuessedApp();
      const own = app.stranger();
      await own.login("alice", RIGHT);
      app.hashed.length = 0;
      await failInARow(app, 70);
      app.clock.advance(24 * HOUR);
      assert.equal(told(await app.stranger().login("alice", RIGHT)), "429 after 3600", "right or wrong");
      assert.equal(app.hashed.length, 70);
      if (end === "device") assert.equal((await own.login("alice", RIGHT)).status, 202);
      else await changePassword(app.services, OPERATOR, app.alice, anyPassword("another horse"));
      assert.deepEqual(await guess(app, "alice", 11), [...times(10, 400), 429]);
      assert.notEqual(await findCredentials(app.services.db, "alice"), null);
    }
  });
});

describe("a clock that jumps", () => {
  for (const [failures, longest] of [
    [10, 30],
    [18, HOUR],
  ] as const) {
    test(`blocks no login for longer than an hour, in either direction (after ${failures} failures)`, async () => {
      for (const jump of [-HOUR, HOUR, -24 * HOUR, 24 * HOUR, -365 * 24 * HOUR]) {
        const app = await createGuessedApp();
        await failInARow(app, failures - 1);
        await guess(app, "alice", 1);
        app.clock.advance(jump);
        const [, seconds = 0] = told(await app.stranger().login("alice", "wrong")).split(" after ");
        assert(Number(seconds) <= HOUR, `${jump}: ${seconds}`);
        if (jump >= longest || jump < -HOUR) assert.equal(seconds, 0);
        app.clock.advance(HOUR);
        assert.equal((await app.stranger().login("alice", RIGHT)).status, 202);
      }
    });
  }

  test("blocks no network for longer than five minutes", async () => {
    for (const jump of [-HOUR, HOUR, -200]) {
      const app = await createGuessedApp();
      for (let time = 0; time < 31; time++) await app.stranger("203.0.113.7").login(`user${time}`, "wrong");
      assert.equal((await app.stranger("203.0.113.7").login("alice", RIGHT)).status, 429);
      app.clock.advance(jump);
      app.clock.advance(300);
      assert.equal((await app.stranger("203.0.113.7").login("alice", RIGHT)).status, 202);
    }
  });
});

describe("the stored counters", () => {
  test("are deleted when they have no effect any more: a day after few failures, a year after many", async () => {
    const app = await createGuessedApp();
    await guess(app, "nobody", 9);
    await guess(app, "alice", 10);
    app.clock.advance(24 * HOUR - 1);
    await clearThrottles(app.services);
    assert.deepEqual(await keys(app), ["account", "account"], "networks are forgotten sooner");
    app.clock.advance(1);
    await clearThrottles(app.services);
    assert.deepEqual(await keys(app), ["account"]);
    app.clock.advance(365 * 24 * HOUR);
    await clearThrottles(app.services);
    assert.deepEqual(await keys(app), []);
  });

  test("are deleted in thousands, together with devices", async () => {
    const app = await createGuessedApp();
    await app.stranger().login("alice", RIGHT);
    const rows = Array.from({ length: 2500 }, (_, number) => ({ key: `account:${number}`, failures: 1 }));
    const expired = rows.map((row) => ({ ...row, held_until: 0, expires_at: 1 }));
    for (const start of [0, 1000, 2000]) {
      await app.services.db
        .insertInto("throttles")
        .values(expired.slice(start, start + 1000))
        .execute();
    }
    assert.equal(await clearThrottles(app.services), 2502, "the failures of two networks, which are none, among them");
    app.clock.advance(366 * 24 * HOUR);
    assert.equal(await clearThrottles(app.services), 3, "the device, and the requests of two networks");
  });
});

test("with POSTERN_THROTTLE=off, nothing is throttled or stored, and no cookie is set", async () => {
  const app = await createGuessedApp({ POSTERN_THROTTLE: "off" });
  assert.deepEqual(await guess(app, "alice", 40), times(40, 400));
  const client = app.stranger();
  assert.equal((await client.login("alice", RIGHT)).status, 202);
  assert.deepEqual([...client.cookies.keys()], ["csrftoken", "sessionid"]);
  assert.deepEqual(await keys(app), []);
});

test("throttled logins have an outcome in the metrics and a code in the log", async () => {
  const app = await createGuessedApp();
  await guess(app, "alice", 12);
  const metrics = await app.services.metrics.render({ sessionsLive: 0, logLinesDropped: 0, mails: null });
  assert.match(metrics, /^postern_logins_total\{outcome="throttled"\} 2$/m);
  assert.match(app.logged.at(-1) ?? "", /"status":429,.*"problem":"throttled"/);
});

test("a wrong password whose event cannot be written still counts as a failure", async () => {
  const { services, stranger, hashed } = await createGuessedApp();
  const { schema } = services.db;
  await schema.alterTable("events").renameTo("elsewhere").execute();
  for (let time = 0; time < 10; time++) assert.equal((await stranger().login("alice", "wrong")).status, 500);
  await schema.alterTable("elsewhere").renameTo("events").execute();
  assert.equal((await stranger().login("alice", RIGHT)).status, 429);
  assert.equal(hashed.length, 10);
});
