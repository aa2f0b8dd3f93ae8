import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OPERATOR } from "../lib/audit/actor.ts";
import { activate, deactivate } from "../lib/users/activation.ts";
import { changePassword } from "../lib/users/change-password.ts";
import { forgetDevicesOf } from "../lib/users/forget-devices.ts";
import { createAuthenticator } from "./support/authenticator.ts";
import { beginAuthenticator, confirmAuthenticator } from "./support/authenticators.ts";
import { codeAt, type FactorUser, PASSWORD, useFactors } from "./support/factors.ts";
import { register } from "./support/passkeys.ts";
import { anyPassword, MAIL } from "./support/test-app.ts";

const OURS = { "Sec-Fetch-Site": "same-origin" };
const PAGE = { "Sec-Fetch-Mode": "navigate", Accept: "text/html" };
const FORM = { ...PAGE, ...OURS, "Content-Type": "application/x-www-form-urlencoded" };
const DAY = 86_400;

/** A user with a browser that is remembered until 31 January 2026. */
async function useTrusted(environment: Record<string, string> = {}): Promise<FactorUser> {
  const alice = await useFactors(environment);
  assert.equal((await alice.remember()).status, 202);
  return alice;
}

async function trustOf(alice: FactorUser): Promise<(string | null)[]> {
  const devices: { trusted_until: string | null }[] = await (await alice.get("/devices/")).json();
  return devices.map(({ trusted_until }) => trusted_until);
}

const csrf = ({ cookies }: FactorUser) => ({ "X-CSRFToken": cookies.get("csrftoken") ?? "" });

describe("a remembered browser", () => {
  test("logs in with the password alone, for 30 days, which no login extends", async () => {
    await using alice = await useTrusted();
    assert.deepEqual(await trustOf(alice), ["2026-01-31T00:00:30.000Z"]);
    for (let day = 0; day < 29; day++) {
      alice.test.clock.advance(DAY);
      assert.equal((await alice.enterPassword()).status, 202);
      assert.equal((await alice.get("/profile/")).status, 200);
    }
    assert.deepEqual(await trustOf(alice), ["2026-01-31T00:00:30.000Z"]);
    alice.test.clock.advance(DAY);
    assert.equal((await alice.enterPassword()).status, 403);
  });

  test("is not made without the box", async () => {
    await using alice = await useFactors();
    for (const remember of [undefined, "", "off", "true", "ON", true, 1, null, {}, ["on"]]) {
      alice.test.clock.advance(30);
      await alice.enterPassword();
      const answer = await alice.post("/login/second-factor/", { code: alice.code(), remember }, OURS);
      assert.equal(answer.status, 202);
      assert.deepEqual(await trustOf(alice), [null]);
    }
  });

  test("is made by a form too, and by a recovery code", async () => {
    await using alice = await useFactors();
    await alice.enterPassword();
    const body = `code=${alice.recoveryCodes[0]}&remember=on`;
    const answer = await alice.send("POST", "/login/second-factor/", { headers: FORM, body });
    assert.equal(answer.headers.get("location"), "/profile/");
    assert.equal((await alice.enterPassword()).status, 202);
  });

  test("proves the password and nothing more", async () => {
    await using alice = await useTrusted();
    await alice.enterPassword();
    const rows = await alice.test.services.db.selectFrom("sessions").select("amr").execute();
    assert.deepEqual(
      rows.map(({ amr }) => amr),
      ["pwd"],
    );
    assert.equal((await alice.login("alice", "wrong")).status, 400);
  });

  test("has its events in the trail", async () => {
    await using alice = await useTrusted();
    await alice.enterPassword();
    const { user, test } = alice;
    const events = await test.services.db.selectFrom("events").select(["kind", "actor"]).orderBy("id").execute();
    const own = events.filter(({ actor }) => actor === `user:${user.id}`).map(({ kind }) => kind);
    assert.deepEqual(own, ["login", "browser_trusted", "login", "sessions_ended"]);
  });

  test("does not open what asks for two factors", async () => {
    await using alice = await useTrusted();
    const ask = async () => (await alice.get("/auth/?factors=2")).status;
    assert.equal(await ask(), 200, "after both steps");
    assert.equal((await alice.enterPassword()).status, 202);
    assert.equal(await ask(), 403);
  });

  test("needs a new proof for a sensitive change, once the password was entered too long ago", async () => {
    await using alice = await useTrusted();
    await alice.enterPassword();
    alice.test.clock.advance(601);
    const answer = await alice.post("/security/recovery-codes/", {}, OURS);
    assert.deepEqual([answer.status, (await answer.json()).code], [403, "recent_login_required"]);
  });

  test("is shown at the sessions, where the user ends it", async () => {
    await using alice = await useTrusted();
    const page = await (await alice.get("/sessions/", PAGE)).text();
    assert.match(page, /Remembered until <time [^>]*>Saturday,? 31 January 2026</);
    assert.match(page, /A remembered browser needs no code at the login/);
    const [device]: { id: string }[] = await (await alice.get("/devices/")).json();
    assert.equal((await alice.send("DELETE", `/devices/${device?.id}/`, { headers: csrf(alice) })).status, 204);
    assert.equal((await alice.enterPassword()).status, 403);
  });
});

describe("the box that has a browser remembered", () => {
  const show = async (alice: FactorUser) => {
    await alice.enterPassword();
    return (await alice.get("/login/second-factor/", PAGE)).text();
  };

  test("says for how long, and is not ticked", async () => {
    await using alice = await useFactors({ POSTERN_TRUST_BROWSER_DAYS: "7" });
    const page = await show(alice);
    assert.match(
      page,
      /<input type="checkbox" name="remember"><span>Do not ask for a code on this browser for 7 days\./,
    );
    const it = await alice.get("/login/second-factor/", { ...PAGE, "Accept-Language": "it" });
    assert.match(await it.text(), /Non chiedere un codice in questo browser per 7 giorni\./);
  });

  test("stays ticked after a wrong code", async () => {
    await using alice = await useFactors();
    await alice.enterPassword();
    const answer = await alice.send("POST", "/login/second-factor/", { headers: FORM, body: "code=1&remember=on" });
    assert.match(await answer.text(), /<input type="checkbox" name="remember" checked>/);
  });

  for (const [reason, environment] of [
    ["with POSTERN_TRUST_BROWSER_DAYS=0", { POSTERN_TRUST_BROWSER_DAYS: "0" }],
    ["with POSTERN_THROTTLE=off, where no browser is known", { POSTERN_THROTTLE: "off" }],
  ] as const) {
    test(`is hidden and ignored ${reason}`, async () => {
      await using alice = await useFactors(environment);
      assert.doesNotMatch(await show(alice), /checkbox/);
      assert.equal((await alice.remember()).status, 202);
      assert.equal((await alice.enterPassword()).status, 403);
      const events = await alice.test.services.db.selectFrom("events").select("kind").execute();
      assert(!events.some(({ kind }) => kind === "browser_trusted"));
    });
  }
});

/** By the rows of the page "Security". */
const FACTOR_CHANGES: ((alice: FactorUser) => Promise<unknown>)[] = [
  (alice) => register(alice, createAuthenticator()),
  async (alice) => {
    const { token, secret } = await beginAuthenticator(alice);
    const sent = { token, code: codeAt(secret, alice.test.clock.now) };
    assert.equal((await confirmAuthenticator(alice, sent)).status, 201);
  },
  async (alice) => {
    const answer = await alice.send("DELETE", "/security/authenticator/", { headers: csrf(alice) });
    assert.equal(answer.status, 204);
  },
];

describe("the trust in a browser ends", () => {
  test("with a change of the password, also in the browser that made it", async () => {
    await using alice = await useTrusted();
    const change = { current_password: PASSWORD, new_password: "cyan giraffe umbrella" };
    assert.equal((await alice.post("/password/change/", change, csrf(alice))).status, 204);
    assert.deepEqual(await trustOf(alice), [null], "it stays known");
    assert.equal((await alice.login("alice", "cyan giraffe umbrella")).status, 403);
  });

  test("with each change of a factor", async () => {
    for (const change of FACTOR_CHANGES) {
      await using alice = await useTrusted(MAIL);
      assert.deepEqual(await trustOf(alice), ["2026-01-31T00:00:30.000Z"]);
      await change(alice);
      assert.deepEqual(await trustOf(alice), [null], String(change));
    }
  });

  test("with a command of an operator, which forgets every device", async () => {
    await using alice = await useTrusted();
    const { services } = alice.test;
    assert.equal(await forgetDevicesOf(services, OPERATOR, alice.user), 1);
    assert.equal((await alice.get("/profile/")).status, 200, "the session goes on");
    assert.equal((await alice.enterPassword()).status, 403);
    const events = await services.db.selectFrom("events").select(["kind", "actor", "detail"]).execute();
    const forgotten = events.filter(({ kind }) => kind === "device_forgotten").map((row) => ({ ...row }));
    assert.deepEqual(forgotten, [{ kind: "device_forgotten", actor: "command line", detail: "1" }]);
  });

  test("with a new password by an operator", async () => {
    await using alice = await useTrusted();
    assert(await changePassword(alice.test.services, OPERATOR, alice.user, anyPassword(PASSWORD)));
    assert.equal((await alice.enterPassword()).status, 403);
  });

  test("with a deactivation, also if the user is activated again", async () => {
    await using alice = await useTrusted();
    await deactivate(alice.test.services, OPERATOR, alice.user);
    await activate(alice.test.services, OPERATOR, alice.user);
    assert.equal((await alice.enterPassword()).status, 403);
  });

  test("not with a logout: the next login needs the password alone", async () => {
    await using alice = await useTrusted();
    await alice.post("/logout/", {}, OURS);
    assert.equal((await alice.enterPassword()).status, 202);
  });
});
