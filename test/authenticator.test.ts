import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { bodyOf, useNewcomer } from "./support/authenticators.ts";
import { PASSWORD } from "./support/factors.ts";

describe("the setup of an authenticator app", () => {
  test("makes the app a second factor when its code is right, and gives ten recovery codes", async () => {
    await using alice = await useNewcomer();
    const setup = await alice.begin();
    assert.equal((await alice.security())["totp"], null);
    const confirmed = await alice.confirm({ token: setup.token, code: alice.code(setup) });
    assert.equal(confirmed.status, 201);
    const { recovery_codes: codes }: { recovery_codes: string[] } = JSON.parse(await confirmed.text());
    assert.equal(new Set(codes).size, 10);
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

  test("denies a wrong code, and takes the right one after it", async () => {
    await using alice = await useNewcomer();
    const setup = await alice.begin();
    const wrong = await alice.confirm({ token: setup.token, code: alice.code(setup, 9) });
    assert.deepEqual([wrong.status, await bodyOf(wrong)], [400, { code: ["This code is not valid."] }]);
    assert.equal((await alice.confirm({ token: setup.token, code: alice.code(setup) })).status, 201);
  });
});
