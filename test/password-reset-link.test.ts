import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { listEventsOf } from "../db/events.ts";
import { findUserById } from "../db/users.ts";
import { createClient } from "./support/client.ts";
import { startRangeService } from "./support/range-service.ts";
import {
  askForLink,
  assertDead,
  BROWSER,
  INVALID_LINK,
  NEW_PASSWORD,
  OURS,
  openLink,
  RESET_PATH,
  type ResetStage,
  setPassword,
  setUpReset,
} from "./support/reset-link.ts";
import { type TestApp, tokenIn } from "./support/test-app.ts";

const MINUTE = 60;

const statusOfLogin = async ({ app }: TestApp, password: string) =>
  (await createClient(app).login("alice", password)).status;

describe("the link for a new password", () => {
  test("sets the password, ends every session, forgets every device, and logs in", async () => {
    const stage = await setUpReset();
    const others = [createClient(stage.app), createClient(stage.app)];
    for (const other of others) await other.login("alice", "right horse");
    assert.equal((await stage.services.db.selectFrom("devices").selectAll().execute()).length, 2);
    const answer = await setPassword(stage.client, await askForLink(stage));
    assert.deepEqual([answer.status, await answer.text()], [204, ""]);
    assert.equal((await stage.client.get("/profile/")).status, 200);
    for (const other of others) assert.equal((await other.get("/profile/")).status, 403);
    const devices = await stage.services.db.selectFrom("devices").selectAll().execute();
    assert.equal(devices.length, 1, "only the browser of the link is known");
    assert.deepEqual([await statusOfLogin(stage, "right horse"), await statusOfLogin(stage, NEW_PASSWORD)], [400, 202]);
  });

  test("tells the owner that the password was changed", async () => {
    const stage = await setUpReset();
    await setPassword(stage.client, await askForLink(stage));
    const subjects = (await stage.deliver()).map(({ to, subject }) => `${to}: ${subject}`);
    assert.deepEqual(subjects, ["Alice@example.com: Your password at Postern was changed"]);
  });

  test("records it, without the password", async () => {
    const stage = await setUpReset();
    await setPassword(stage.client, await askForLink(stage));
    const trail = await listEventsOf(stage.services.db, `user:${stage.user.id}`, { before: null, limit: 10 });
    const deeds = trail.map(({ kind, actor }) => [kind, actor]).reverse();
    assert.deepEqual(deeds.slice(1), [
      ["reset_requested", "nobody"],
      ["password_reset", "nobody"],
      ["login", `user:${stage.user.id}`],
    ]);
    assert(!JSON.stringify(trail).includes(NEW_PASSWORD));
  });

  test("works once", async () => {
    const stage = await setUpReset();
    const token = await askForLink(stage);
    assert.equal((await setPassword(stage.client, token)).status, 204);
    await assertDead(stage, token);
  });

  test("works for one of many clients that use it at once", async () => {
    const stage = await setUpReset();
    const token = await askForLink(stage);
    const passwords = Array.from({ length: 6 }, (_, index) => `${NEW_PASSWORD} ${index}`);
    const answers = await Promise.all(passwords.map((one) => setPassword(createClient(stage.app), token, one)));
    const statuses = answers.map(({ status }) => status);
    assert.deepEqual(statuses.toSorted(), [204, 400, 400, 400, 400, 400]);
    const winner = passwords[statuses.indexOf(204)] ?? "";
    assert.equal(await statusOfLogin(stage, winner), 202);
    assert.equal((await stage.services.db.selectFrom("sessions").selectAll().execute()).length, 2);
  });

  test("costs few hashes, however often it is sent at once", async () => {
    const stage = await setUpReset();
    const token = await askForLink(stage);
    let hashes = 0;
    const { hasher } = stage.services;
    stage.services.hasher = { ...hasher, hash: (...sent) => hasher.hash(...sent).finally(() => hashes++) };
    const answers = await Promise.all(Array.from({ length: 50 }, () => setPassword(createClient(stage.app), token)));
    const statuses = answers.map(({ status }) => status);
    assert.equal(statuses.filter((status) => status === 204).length, 1);
    assert(statuses.every((status) => [204, 400, 429].includes(status)));
    assert(hashes <= 20, String(hashes));
  });

  test("asks the service for breached passwords at most as often as a form may be sent", async () => {
    await using service = await startRangeService([NEW_PASSWORD]);
    const stage = await setUpReset({ POSTERN_BREACHED_PASSWORDS: service.url });
    const token = await askForLink(stage);
    const answers = [];
    for (let times = 0; times < 25; times++) answers.push(await setPassword(stage.client, token));
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [400, 429]);
    assert.equal(service.requests.length, 20);
  });

  test("shows the account, the time and the place of the request, and changes nothing however often it is opened", async () => {
    const stage = await setUpReset();
    const firefox = { "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0" };
    await stage.client.post("/password/reset/", { username: "alice" }, { ...OURS, ...firefox });
    const [mail] = await stage.deliver();
    assert(mail);
    const token = tokenIn(mail);
    stage.clock.advance(5 * MINUTE);
    const contentOf = async () => ({
      users: await stage.services.db.selectFrom("users").selectAll().execute(),
      tokens: await stage.services.db.selectFrom("one_time_tokens").selectAll().execute(),
      events: await stage.services.db.selectFrom("events").selectAll().execute(),
    });
    const before = await contentOf();
    for (const method of ["GET", "GET", "HEAD", "OPTIONS", "PUT"]) {
      for (const headers of [BROWSER, {}]) {
        const scanner = createClient(stage.app, "postern.test", "203.0.113.9");
        const { status } = await scanner.send(method, `${RESET_PATH}?token=${token}&new_password=${NEW_PASSWORD}`, {
          headers,
        });
        assert(status < 500, `${method} ${status}`);
      }
    }
    const page = await (await openLink(stage, token)).text();
    for (const part of ["<dd>alice</dd>", "5 minutes ago", "Firefox on Linux", "192.0.2.1", `value="${token}"`]) {
      assert(page.includes(part), part);
    }
    assert(!page.includes("203.0.113.9"));
    assert.deepEqual(await contentOf(), before);
    assert.equal((await setPassword(stage.client, token)).status, 204);
  });

  test("is dead after 30 minutes", async () => {
    const stage = await setUpReset();
    const token = await askForLink(stage);
    stage.clock.advance(30 * MINUTE - 1);
    assert.equal((await openLink(stage, token)).status, 200);
    stage.clock.advance(1);
    await assertDead(stage, token);
  });

  test("is dead after a second request, whose link works", async () => {
    const stage = await setUpReset();
    const first = await askForLink(stage);
    const second = await askForLink(stage);
    await assertDead(stage, first);
    assert.equal((await setPassword(stage.client, second)).status, 204);
  });

  test("is not used up by a password that breaks the rules", async () => {
    const stage = await setUpReset();
    const token = await askForLink(stage);
    for (const weak of ["", "short", "password", "alice@example.com", "a\0bcdefghijk", null, [NEW_PASSWORD]]) {
      const answer = await setPassword(stage.client, token, weak);
      assert.equal(answer.status, 400, JSON.stringify(weak));
      assert.deepEqual(Object.keys(await answer.json()), ["new_password"]);
    }
    assert.equal((await stage.client.post(RESET_PATH, { token }, OURS)).status, 400);
    assert.equal((await setPassword(stage.client, token)).status, 204);
  });

  test("with junk in place of the token is no link", async () => {
    const stage = await setUpReset();
    await askForLink(stage);
    for (const junk of [null, 1, true, {}, [], ["x"], { token: "x" }, "", "\0", "\ud800", "a".repeat(60_000)]) {
      const answer = await setPassword(stage.client, junk);
      assert.deepEqual([answer.status, await answer.json()], [400, INVALID_LINK], JSON.stringify(junk)?.slice(0, 20));
    }
    for (const body of ["[]", "null", '"x"', "1"]) {
      const headers = { ...OURS, "Content-Type": "application/json" };
      assert.equal((await stage.client.send("POST", RESET_PATH, { headers, body })).status, 400, body);
    }
    for (const query of ["", "?token=", "?token=%00", "?token=%ff", "?token=a&token=b", "?token[]=a"]) {
      assert.equal((await stage.client.get(RESET_PATH + query, BROWSER)).status, 400, query);
    }
  });

  test("of another purpose is no link", async () => {
    const stage = await setUpReset();
    const token = await askForLink(stage);
    for (const purpose of ["email_change", "not_me", "email_undo", "signup", "invite", "setup"] as const) {
      await stage.services.db.updateTable("one_time_tokens").set({ purpose }).execute();
      await assertDead(stage, token);
    }
  });

  test("gives a password to an account without one", async () => {
    const stage = await setUpReset();
    await stage.services.db.updateTable("users").set({ password: "!unusable" }).execute();
    assert.equal((await setPassword(stage.client, await askForLink(stage))).status, 204);
    assert.equal(await statusOfLogin(stage, NEW_PASSWORD), 202);
  });

  test("logs in to its own account, also in a browser where another user is logged in", async () => {
    const stage = await setUpReset();
    await stage.addUser({ username: "bob", email: "bob@example.com", password: "right horse" });
    const token = await askForLink(stage);
    const bobs = createClient(stage.app);
    await bobs.login("bob", "right horse");
    assert.equal((await setPassword(bobs, token)).status, 204);
    const { username } = await (await bobs.get("/profile/")).json();
    assert.equal(username, "alice", "the link says whose password it sets, and the browser is that user's then");
    assert.equal((await createClient(stage.app).login("bob", "right horse")).status, 202);
  });

  test("lets the owner in again after strangers have used up their attempts", async () => {
    const stage = await setUpReset();
    for (let count = 0; count < 11; count++) await statusOfLogin(stage, "wrong");
    assert.equal(await statusOfLogin(stage, "right horse"), 429);
    assert.equal((await setPassword(stage.client, await askForLink(stage))).status, 204);
    assert.equal(await statusOfLogin(stage, NEW_PASSWORD), 202);
  });
});

describe("the address of a link for a new password", () => {
  const provedAt = async ({ services, user }: ResetStage) => (await findUserById(services.db, user.id))?.emailProvedAt;

  test("is proved by its use", async () => {
    const stage = await setUpReset();
    const token = await askForLink(stage);
    assert.equal(await provedAt(stage), null);
    stage.clock.advance(MINUTE);
    await setPassword(stage.client, token);
    assert.equal(await provedAt(stage), stage.clock.now);
  });

  test("is not proved if another user has proved it", async () => {
    const stage = await setUpReset();
    const token = await askForLink(stage);
    await stage.addUser({ username: "bob", email: "alice@example.com", password: "right horse", emailProvedAt: 1 });
    assert.equal((await setPassword(stage.client, token)).status, 204);
    assert.equal(await provedAt(stage), null);
  });

  test("is not proved if the account has another one by now", async () => {
    const stage = await setUpReset();
    const token = await askForLink(stage);
    await stage.services.db.updateTable("users").set({ email: "new@example.com" }).execute();
    assert.equal((await setPassword(stage.client, token)).status, 204);
    assert.equal(await provedAt(stage), null);
  });
});
