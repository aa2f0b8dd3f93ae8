import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { refreshSecondFactor, storeTotp } from "../db/factors.ts";
import { transaction } from "../db/open.ts";
import { totpOwner } from "../lib/users/totp.ts";
import { bodyOf, OURS, useNewcomer } from "./support/authenticators.ts";
import { createClient } from "./support/client.ts";
import { PASSWORD, useFactors } from "./support/factors.ts";
import { MAIL } from "./support/test-app.ts";

const EXPIRED = { token: ["This setup has expired. Start again."] };
const WRONG = { code: ["This code is not valid."] };

describe("the setup of an authenticator app", () => {
  test("makes the app a second factor when its code is right, and gives ten recovery codes", async () => {
    await using alice = await useNewcomer();
    const setup = await alice.begin();
    assert.equal((await alice.security())["totp"], null);
    const confirmed = await alice.confirm({ token: setup.token, code: alice.code(setup) });
    assert.equal(confirmed.status, 201);
    const { recovery_codes: codes } = await bodyOf(confirmed);
    assert(Array.isArray(codes) && new Set(codes).size === 10);
    for (const code of codes) assert.match(code, /^([a-z2-7]{4}-){3}[a-z2-7]{4}$/);
    const now = new Date(alice.test.clock.now).toISOString();
    assert.deepEqual(await alice.security(), {
      totp: { created_at: now, last_used_at: now },
      recovery_codes: 10,
      passkeys: [],
      second_factor_required: false,
      methods_available: ["totp"],
    });
    assert.equal((await alice.login("alice", PASSWORD)).status, 403);
  });

  test("gives a secret of 160 bits, and the address that apps read", async () => {
    await using alice = await useNewcomer({ POSTERN_SITE_NAME: "Tea: & Co+" });
    const { secret, uri } = await alice.begin();
    assert.equal(secret.length, 20);
    const { protocol, host, pathname, search } = new URL(uri);
    assert.deepEqual([protocol, host || pathname.split("/")[2]], ["otpauth:", "totp"]);
    assert.equal(decodeURIComponent(pathname.split("/").at(-1) ?? ""), "Tea  & Co+:alice");
    assert.doesNotMatch(uri, /\+/, "some apps do not decode a plus");
    const { secret: text, ...rest } = Object.fromEntries(new URLSearchParams(search));
    assert.match(text ?? "", /^[A-Z2-7]{32}$/);
    assert.deepEqual(rest, { issuer: "Tea  & Co+", algorithm: "SHA1", period: "30", digits: "6" });
  });

  test("denies a wrong code, and takes the right one after it", async () => {
    await using alice = await useNewcomer();
    const setup = await alice.begin();
    const wrong = await alice.confirm({ token: setup.token, code: alice.code(setup, 9) });
    assert.deepEqual([wrong.status, await bodyOf(wrong)], [400, WRONG]);
    assert.equal((await alice.confirm({ token: setup.token, code: alice.code(setup) })).status, 201);
  });

  test("takes a code with spaces, and of a clock that differs by one step", async () => {
    for (const steps of [-1, 1]) {
      await using alice = await useNewcomer();
      const setup = await alice.begin();
      const typed = ` ${alice.code(setup, steps).slice(0, 3)} ${alice.code(setup, steps).slice(3)} `;
      assert.equal((await alice.confirm({ token: setup.token, code: typed })).status, 201);
    }
    await using alice = await useNewcomer();
    const setup = await alice.begin();
    for (const steps of [-2, 2]) {
      assert.equal((await alice.confirm({ token: setup.token, code: alice.code(setup, steps) })).status, 400);
    }
  });

  test("uses the code that confirms it: it is no code of a login any more", async () => {
    await using alice = await useNewcomer();
    const setup = await alice.setUp();
    const enter = (code: string) => alice.post("/login/second-factor/", { code }, OURS);
    await alice.login("alice", PASSWORD);
    for (const steps of [-1, 0]) assert.equal((await enter(alice.code(setup, steps))).status, 400);
    alice.test.clock.advance(30);
    assert.equal((await enter(alice.code(setup))).status, 202);
  });

  test("renews the session under a new token, which counts as proved by both factors", async () => {
    await using alice = await useNewcomer();
    const before = alice.cookies.get("sessionid") ?? "";
    const [{ expires_at }] = await sessions(alice.test);
    alice.test.clock.advance(60);
    await alice.setUp();
    assert.notEqual(alice.cookies.get("sessionid"), before);
    const expected = { amr: "pwd otp mfa", proved_at: alice.test.clock.now, expires_at };
    assert.deepEqual(await sessions(alice.test), [expected]);
    alice.cookies.set("sessionid", before);
    assert.equal((await alice.get("/security/")).status, 403);
  });

  test("ends the trust in every remembered browser", async () => {
    await using alice = await useNewcomer();
    const { db } = alice.test.services;
    await db
      .updateTable("devices")
      .set({ trusted_until: alice.test.clock.now * 2 })
      .execute();
    await alice.setUp();
    const rows = await db.selectFrom("devices").select("trusted_until").execute();
    assert.deepEqual(
      rows.map((row) => row.trusted_until),
      [0],
    );
  });

  test("is recorded, and a mail tells the user", async () => {
    await using alice = await useNewcomer(MAIL);
    await alice.test.deliver();
    await alice.setUp();
    assert.deepEqual((await alice.events()).slice(-2), ["factor_added: authenticator app", "recovery_codes_made"]);
    const [mail, ...others] = await alice.test.deliver();
    assert.deepEqual([mail?.to, others], ["alice@example.com", []]);
  });

  test("of another app takes the place of the first, and leaves the recovery codes", async () => {
    await using alice = await useNewcomer();
    const first = await alice.setUp();
    const second = await alice.begin();
    const confirmed = await alice.confirm({ token: second.token, code: alice.code(second) });
    assert.deepEqual([confirmed.status, await bodyOf(confirmed)], [201, { recovery_codes: null }]);
    alice.test.clock.advance(60);
    const enter = (code: string) => alice.post("/login/second-factor/", { code }, OURS);
    await alice.login("alice", PASSWORD);
    assert.equal((await enter(alice.code(first))).status, 400);
    assert.equal((await enter(alice.code(second))).status, 202);
    await alice.login("alice", PASSWORD);
    assert.equal((await enter(first.recoveryCodes[0] ?? "")).status, 202);
  });

  async function sessions({ services }: Awaited<ReturnType<typeof useNewcomer>>["test"]) {
    const rows = await services.db.selectFrom("sessions").select(["amr", "proved_at", "expires_at"]).execute();
    return rows.map(({ amr, proved_at, expires_at }) => ({ amr, proved_at, expires_at })) as [
      { amr: string; proved_at: number; expires_at: number },
    ];
  }
});

describe("the token of a setup", () => {
  test("is used once, also by requests at the same time", async () => {
    await using alice = await useNewcomer();
    const setup = await alice.begin();
    const jar = [...alice.cookies];
    const confirm = () => {
      const client = createClient(alice.test.app);
      for (const [name, value] of jar) client.cookies.set(name, value);
      return client.post("/security/authenticator/confirm/", { token: setup.token, code: alice.code(setup) }, OURS);
    };
    const answers = await Promise.all([confirm(), confirm(), confirm()]);
    assert.equal(answers.filter(({ status }) => status === 201).length, 1);
    assert.equal((await alice.events()).filter((event) => event.startsWith("factor_added")).length, 1);
  });

  test("is void after it was used, after ten minutes, and after a newer setup", async () => {
    await using alice = await useNewcomer({ POSTERN_RECENT_LOGIN_SECONDS: "3600" });
    const used = await alice.setUp();
    const replaced = await alice.begin();
    const expired = await alice.begin();
    assert.deepEqual(await bodyOf(await alice.confirm({ token: replaced.token, code: alice.code(replaced) })), EXPIRED);
    alice.test.clock.advance(600);
    for (const setup of [used, expired]) {
      const answer = await alice.confirm({ token: setup.token, code: alice.code(setup) });
      assert.deepEqual([answer.status, await bodyOf(answer)], [400, EXPIRED]);
    }
  });

  test("is its user's alone, in any session of the user", async () => {
    await using alice = await useNewcomer();
    await alice.test.addUser({ username: "bob", password: PASSWORD });
    const [bob, elsewhere] = [createClient(alice.test.app), createClient(alice.test.app)];
    await bob.login("bob", PASSWORD);
    await elsewhere.login("alice", PASSWORD);
    const setup = await alice.begin();
    const sent = { token: setup.token, code: alice.code(setup) };
    const theirs = await bob.post("/security/authenticator/confirm/", sent, OURS);
    assert.deepEqual([theirs.status, await bodyOf(theirs)], [400, EXPIRED]);
    assert.equal((await elsewhere.post("/security/authenticator/confirm/", sent, OURS)).status, 201);
  });

  test("opens nothing for a client whose session has ended", async () => {
    await using alice = await useNewcomer();
    const setup = await alice.begin();
    await alice.post("/logout/", {}, OURS);
    const answer = await alice.confirm({ token: setup.token, code: alice.code(setup) });
    assert.equal(answer.status, 403);
    assert.equal((await alice.login("alice", PASSWORD)).status, 202);
  });

  test("is void after five wrong codes, also if they come at the same time", async () => {
    await using alice = await useNewcomer();
    const setup = await alice.begin();
    const wrong = await Promise.all(
      Array.from({ length: 12 }, () => alice.confirm({ token: setup.token, code: alice.code(setup, 9) })),
    );
    const bodies = await Promise.all(wrong.map(bodyOf));
    assert(bodies.filter((body) => "code" in body).length <= 5);
    const right = await alice.confirm({ token: setup.token, code: alice.code(setup) });
    assert.deepEqual([right.status, await bodyOf(right)], [400, EXPIRED]);
    assert.equal((await alice.setUp()).recoveryCodes.length, 10, "a new setup works at once");
  });
});

describe("the removal of an authenticator app", () => {
  test("deletes the recovery codes with the last factor; a password is enough then", async () => {
    await using alice = await useNewcomer(MAIL);
    await alice.setUp();
    await alice.test.deliver();
    assert.equal((await alice.send("DELETE", "/security/authenticator/", { headers: OURS })).status, 204);
    const { totp, recovery_codes } = await alice.security();
    assert.deepEqual([totp, recovery_codes], [null, 0]);
    assert.equal((await alice.events()).at(-1), "factor_removed: authenticator app");
    assert.equal((await alice.test.deliver()).length, 1);
    assert.equal((await alice.login("alice", PASSWORD)).status, 202);
    assert.equal((await alice.send("DELETE", "/security/authenticator/", { headers: OURS })).status, 404);
  });

  test("leaves the recovery codes of a user with a passkey", async () => {
    await using alice = await useNewcomer();
    await alice.setUp();
    const { services, clock } = alice.test;
    const key = { id: "a", user_id: alice.user.id, user_handle: "b", public_key: "c", sign_count: 0, transports: "" };
    const looks = {
      is_backup_eligible: 0,
      is_backed_up: 0,
      name: "Key",
      created_at: clock.now,
      last_used_at: null,
    } as const;
    await services.db
      .insertInto("passkeys")
      .values({ ...key, ...looks })
      .execute();
    await alice.send("DELETE", "/security/authenticator/", { headers: OURS });
    assert.equal((await alice.security())["recovery_codes"], 10);
    assert.equal((await alice.login("alice", PASSWORD)).status, 403);
  });
});

/** RFC 6238, appendix B, SHA-1: the last six of its eight digits. */
const VECTORS: [seconds: number, code: string][] = [
  [59, "94287082"],
  [1111111109, "07081804"],
  [1111111111, "14050471"],
  [1234567890, "89005924"],
  [2000000000, "69279037"],
  [20000000000, "65353130"],
];

for (const [seconds, digits] of VECTORS) {
  test(`the code of RFC 6238 at ${seconds} seconds logs in`, async () => {
    await using alice = await useFactors();
    const { db, keys } = alice.test.services;
    const secret = keys.factors.seal(new TextEncoder().encode("12345678901234567890"), totpOwner(alice.user));
    await transaction(db, async (db) => {
      await storeTotp(db, { userId: alice.user.id, secret, lastStep: 0, createdAt: 0, lastUsedAt: null });
      await refreshSecondFactor(db, alice.user.id);
    });
    alice.test.clock.now = seconds * 1000;
    await alice.enterPassword();
    assert.equal((await alice.enterCode(digits.slice(2))).status, 202);
  });
}
