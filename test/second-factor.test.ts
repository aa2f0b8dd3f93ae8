import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { useFactors } from "./support/factors.ts";

describe("the second step of a login", () => {
  test("asks for a code after the right password, and then logs in", async () => {
    await using alice = await useFactors();
    const first = await alice.enterPassword();
    assert.deepEqual(
      [first.status, await first.json()],
      [
        403,
        { detail: "A second factor is required.", code: "second_factor_required", methods: ["totp", "recovery_code"] },
      ],
    );
    assert.equal((await alice.get("/profile/")).status, 403);
    const second = await alice.enterCode(alice.code());
    assert.equal(second.status, 202);
    assert.equal((await alice.get("/profile/")).status, 200);
  });

  test("takes each code once", async () => {
    await using alice = await useFactors();
    const code = alice.code();
    await alice.enterPassword();
    assert.equal((await alice.enterCode(code)).status, 202);
    await alice.enterPassword();
    const again = await alice.enterCode(code);
    assert.deepEqual([again.status, await again.json()], [400, { code: ["This code is not valid."] }]);
    alice.test.clock.advance(30);
    assert.equal((await alice.enterCode(alice.code())).status, 202);
  });
});
