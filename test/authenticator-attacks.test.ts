import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { encodeBase32NoPadding } from "@oslojs/encoding";
import { encode } from "uqr";
import { totpUri } from "../lib/users/totp.ts";
import { bodyOf, OURS, sendForm, useNewcomer } from "./support/authenticators.ts";
import { createClient } from "./support/client.ts";
import { PASSWORD } from "./support/factors.ts";

const CONFIRM = "/security/authenticator/confirm/";

/** None of them is a code. */
const CODES: unknown[] = [
  ...[
    "1".repeat(10_000),
    "１２３４５６",
    "١٢٣٤٥٦",
    "",
    "   ",
    "12345",
    "1234567",
    "-12345",
    "1e5",
    "0x1234",
    "\0",
    "\ud800",
  ],
  ...[
    "' or 1=1",
    "<script>",
    "⁰¹²³⁴⁵",
    "1\u200b23456",
    null,
    true,
    false,
    [],
    ["123456"],
    {},
    { code: "123456" },
    -1,
    1e300,
  ],
];

const TOKENS: unknown[] = [
  ...[
    "",
    " ",
    "a".repeat(10_000),
    "\0",
    "\ud800",
    "__proto__",
    "constructor",
    "../..",
    "a".repeat(32),
    "A2".repeat(16),
  ],
  ...[null, true, 5, [], ["a"], {}],
];

const BODIES: unknown[] = [null, [], "text", 5, true, [[]], {}, { token: [] }, { code: {} }, { __proto__: null }];

describe("hostile input", () => {
  test("as a code is denied with 400, and the right code is taken after it", async () => {
    await using alice = await useNewcomer();
    for (const code of CODES) {
      const setup = await alice.begin();
      const answer = await alice.confirm({ token: setup.token, code });
      assert.equal(answer.status, 400, String(code).slice(0, 20));
      assert.deepEqual(Object.keys(await bodyOf(answer)), ["code"]);
    }
    await alice.setUp();
  });

  test("as a token is denied with 400", async () => {
    await using alice = await useNewcomer();
    const setup = await alice.begin();
    for (const token of TOKENS) {
      const answer = await alice.confirm({ token, code: alice.code(setup) });
      assert.equal(answer.status, 400, String(token).slice(0, 20));
      assert.deepEqual(Object.keys(await bodyOf(answer)), ["token"]);
    }
    assert.equal((await alice.confirm({ token: setup.token, code: alice.code(setup) })).status, 201);
  });

  test("as a body is denied with 400, and to rows without fields it makes no difference", async () => {
    await using alice = await useNewcomer();
    for (const body of BODIES) {
      assert.equal((await alice.confirm(body)).status, 400);
      assert.equal((await alice.post("/security/authenticator/", body, OURS)).status, 201);
    }
    const headers = { ...OURS, "Content-Type": "application/json" };
    for (const body of ["{", "\xff", "[".repeat(5000)]) {
      assert.equal((await alice.send("POST", CONFIRM, { headers, body })).status, 400);
    }
  });

  test("in a form of a browser shows a page", async () => {
    await using alice = await useNewcomer();
    for (const code of CODES) {
      const { token } = await alice.begin();
      const answer = await sendForm(alice, CONFIRM, { token, code: String(code) });
      assert.equal(answer.status, 400);
      assert.match(await answer.text(), /<svg class="qr"/);
    }
    for (const token of TOKENS) {
      const answer = await sendForm(alice, CONFIRM, { token: String(token), code: "123456" });
      assert.equal(answer.status, 400);
      assert.match(await answer.text(), /The setup has expired/);
    }
  });
});

describe("the setup of another person's app", () => {
  test("cannot be sent by a page of another site", async () => {
    await using alice = await useNewcomer();
    const setup = await alice.begin();
    const foreign = { "Sec-Fetch-Site": "cross-site" };
    const sent = { token: setup.token, code: alice.code(setup) };
    for (const [method, path, json] of [
      ["POST", "/security/authenticator/", {}],
      ["POST", CONFIRM, sent],
      ["DELETE", "/security/authenticator/", {}],
      ["POST", "/security/authenticator/remove/", {}],
      ["POST", "/security/recovery-codes/", {}],
    ] as const) {
      const headers = path.endsWith("/remove/") ? { ...foreign, "Sec-Fetch-Mode": "navigate" } : foreign;
      assert.equal((await alice.send(method, path, { headers, json })).status, 403, path);
    }
    assert.equal((await alice.security())["totp"], null);
  });

  test("by a thief of the session alone needs a recent proof", async () => {
    await using alice = await useNewcomer();
    const setup = await alice.begin();
    alice.test.clock.advance(601);
    const answer = await alice.confirm({ token: setup.token, code: alice.code(setup) });
    const { code, methods } = await bodyOf(answer);
    assert.deepEqual([answer.status, code, methods], [403, "recent_login_required", ["password"]]);
  });

  test("by a token of another purpose fails", async () => {
    await using alice = await useNewcomer();
    const setup = await alice.begin();
    const { db } = alice.test.services;
    await db.updateTable("one_time_tokens").set({ purpose: "passkey_setup" }).execute();
    assert.equal((await alice.confirm({ token: setup.token, code: alice.code(setup) })).status, 400);
  });

  test("by a sealed secret that is moved to another user's row fails", async () => {
    await using alice = await useNewcomer();
    const setup = await alice.begin();
    const bob = await alice.test.addUser({ username: "bob", password: PASSWORD });
    const client = createClient(alice.test.app);
    await client.login("bob", PASSWORD);
    await alice.test.services.db.updateTable("one_time_tokens").set({ user_id: bob.id }).execute();
    const sent = { token: setup.token, code: alice.code(setup) };
    assert.equal((await client.post(CONFIRM, sent, OURS)).status, 400);
  });
});

describe("the secret", () => {
  test("is stored sealed, logged never, and left out of the export", async () => {
    await using alice = await useNewcomer();
    const { secret, token } = await alice.begin();
    const { db } = alice.test.services;
    const waiting = JSON.stringify(await db.selectFrom("one_time_tokens").selectAll().execute());
    const exported = await alice.get("/account/export/", OURS);
    assert.equal(exported.status, 200);
    const { links } = await bodyOf(exported);
    assert.deepEqual(links, []);
    await alice.setUp();
    const stored = JSON.stringify(await db.selectFrom("totp_factors").selectAll().execute());
    const spellings = [encodeBase32NoPadding(secret), Buffer.from(secret).toString("base64url"), token];
    for (const text of [waiting, stored, alice.test.logged.join("\n")]) {
      for (const spelling of spellings) assert(!text.includes(spelling));
    }
  });

  test("that no key opens any more shows as such, and a new setup mends it", async () => {
    await using alice = await useNewcomer();
    await alice.setUp();
    await alice.test.services.db.updateTable("totp_factors").set({ secret: "00000000.AAAA" }).execute();
    const page = await alice.get("/security/", { "Sec-Fetch-Mode": "navigate" });
    assert.match(await page.text(), /no longer check the codes/);
    const again = await alice.begin();
    assert.equal((await alice.confirm({ token: again.token, code: alice.code(again) })).status, 201);
  });

  test("that waits, and that no key opens any more, has expired", async () => {
    await using alice = await useNewcomer();
    const setup = await alice.begin();
    const { db } = alice.test.services;
    await db.updateTable("one_time_tokens").set({ facts: '{"secret":"00000000.AAAA"}' }).execute();
    assert.equal((await alice.confirm({ token: setup.token, code: alice.code(setup) })).status, 400);
  });

  test("fits a QR code of at most 73 modules with the longest names, which phones read from a screen", () => {
    for (const letter of ["w", "ß", "字", "𐍈", ":", "+", "%", "\ud800"]) {
      const uri = totpUri(letter.repeat(60), { username: letter.repeat(150) }, new Uint8Array(20));
      assert(encode(uri, { ecc: "L", border: 0 }).size <= 73, letter);
    }
  });
});

test("every setup is one row for each user, whatever is begun", async () => {
  await using alice = await useNewcomer();
  for (let times = 0; times < 30; times++) await alice.begin();
  const { db } = alice.test.services;
  const rows = await db.selectFrom("one_time_tokens").select("id").where("purpose", "=", "totp_setup").execute();
  assert.equal(rows.length, 1);
});
