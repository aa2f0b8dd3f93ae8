import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, test } from "node:test";
import { cborBytes, cborText, coseKey, createAuthenticator, FLAGS, type Forgery } from "./support/authenticator.ts";
import { createClient } from "./support/client.ts";
import { PASSWORD } from "./support/factors.ts";
import {
  askOptions,
  assertRejected,
  assertUnknown,
  kindsOf,
  LOGIN,
  prove,
  REAUTH,
  register,
  SET_UP,
  send,
  usePasskey,
  usePasskeys,
} from "./support/passkeys.ts";

/** What an attacker may change in a proof or in a new passkey. */
const FORGERIES: Record<string, Partial<Forgery>> = {
  "another origin": { origin: "http://evil.test" },
  "an origin that begins alike": { origin: "http://postern.test.evil.test" },
  "another scheme": { origin: "https://postern.test" },
  "another port": { origin: "http://postern.test:81" },
  "another RP ID": { rpId: "evil.test" },
  "a parent as RP ID": { rpId: "test" },
  "another challenge": { challenge: Buffer.alloc(32).toString("base64url") },
  "an empty challenge": { challenge: "" },
  "another type": { type: "payment.get" },
  "a frame of another site": { clientData: { crossOrigin: true } },
  "a top origin": { clientData: { topOrigin: "http://evil.test" } },
  "an absent user": { flags: FLAGS.verified },
  "a backup that is not possible": { flags: FLAGS.present | FLAGS.verified | FLAGS.backedUp },
  "another eligibility for backups": { flags: FLAGS.present | FLAGS.verified | FLAGS.backupEligible },
};

describe("the proof of a passkey is denied", () => {
  for (const [name, forgery] of Object.entries(FORGERIES)) {
    test(`with ${name}`, async () => {
      await using alice = await usePasskey();
      const browser = createClient(alice.test.app);
      await assertRejected(await prove(browser, LOGIN, alice.key, forgery));
      assert.equal(browser.cookies.size, 0);
      assert.equal((await prove(browser, LOGIN, alice.key)).status, 202, "the passkey still works");
    });
  }

  test("with another credential id", async () => {
    await using alice = await usePasskey();
    const browser = createClient(alice.test.app);
    await assertUnknown(await prove(browser, LOGIN, alice.key, { credentialId: Buffer.alloc(32, 7) }));
    assert.equal(browser.cookies.size, 0);
  });

  test("with a challenge that is used, or five minutes old", async () => {
    await using alice = await usePasskey();
    const browser = createClient(alice.test.app);
    const options = await askOptions(browser, LOGIN);
    assert.equal((await send(browser, LOGIN, alice.key.get(options))).status, 202);
    await assertRejected(await send(browser, LOGIN, alice.key.get(options)), "used");
    const old = await askOptions(browser, LOGIN);
    alice.test.clock.advance(300);
    await assertRejected(await send(browser, LOGIN, alice.key.get(old)), "old");
  });

  test("with a challenge of another purpose", async () => {
    await using alice = await usePasskey();
    const options = { rpId: "postern.test" };
    for (const row of [REAUTH, SET_UP]) {
      const challenge = Reflect.get(Object(await askOptions(alice.browser, row)), "challenge");
      await assertRejected(await send(alice.browser, LOGIN, alice.key.get({ ...options, challenge })), row);
    }
    const challenge = Reflect.get(Object(await askOptions(alice.browser, LOGIN)), "challenge");
    await assertRejected(await send(alice.browser, REAUTH, alice.key.get({ ...options, challenge })));
  });

  test("with a signature of other bytes", async () => {
    await using alice = await usePasskey();
    const browser = createClient(alice.test.app);
    for (const part of ["signature", "authenticatorData", "clientDataJSON"] as const) {
      const { response, ...credential } = alice.key.get(await askOptions(browser, LOGIN));
      const bytes = Buffer.from(String(Reflect.get(Object(response), part)), "base64url");
      const last = bytes.length - 1;
      bytes.writeUInt8(bytes.readUInt8(last) ^ 1, last);
      const changed = { ...Object(response), [part]: bytes.toString("base64url") };
      await assertRejected(await send(browser, LOGIN, { ...credential, response: changed }), part);
    }
  });
});

describe("a new passkey is denied", () => {
  const { "another eligibility for backups": _, ...forgeries } = FORGERIES;
  const all: Record<string, Partial<Forgery>> = { ...forgeries, "another type": { type: "webauthn.get" } };
  for (const [name, forgery] of Object.entries(all)) {
    test(`with ${name}`, async () => {
      await using alice = await usePasskeys();
      const flags = forgery.flags === undefined ? {} : { flags: forgery.flags | FLAGS.attested };
      const credential = alice.key.create(await askOptions(alice.browser, SET_UP), { ...forgery, ...flags });
      await assertRejected(await send(alice.browser, SET_UP, credential));
      assert.equal((await kindsOf(alice)).includes("factor_added"), false);
    });
  }

  test("with a challenge that is used, old, or of another session", async () => {
    await using alice = await usePasskeys();
    const options = await askOptions(alice.browser, SET_UP);
    const other = createClient(alice.test.app);
    await other.login("alice", PASSWORD);
    await assertRejected(await send(other, SET_UP, alice.key.create(options)), "another session");
    assert.equal((await send(alice.browser, SET_UP, alice.key.create(options))).status, 201);
    await assertRejected(await send(alice.browser, SET_UP, createAuthenticator().create(options)), "used");
    const old = await askOptions(alice.browser, SET_UP);
    alice.test.clock.advance(300);
    await assertRejected(await send(alice.browser, SET_UP, createAuthenticator().create(old)), "old");
  });

  test("if a user has it already: another one, or the same", async () => {
    await using alice = await usePasskey();
    await alice.test.addUser({ username: "bob", password: PASSWORD });
    const bob = createClient(alice.test.app);
    await bob.login("bob", PASSWORD);
    const copy = { credentialId: Buffer.from(alice.key.id, "base64url") };
    const thief = createAuthenticator();
    await assertRejected(await send(bob, SET_UP, thief.create(await askOptions(bob, SET_UP), copy)));
    await assertRejected(
      await send(alice.browser, SET_UP, thief.create(await askOptions(alice.browser, SET_UP), copy)),
    );
    assert.equal((await prove(createClient(alice.test.app), LOGIN, alice.key)).status, 202);
  });

  test("with a key whose algorithm is not asked for, or is of another type of key", async () => {
    await using alice = await usePasskeys();
    const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const rsaLabel = coseKey(publicKey).toString("hex").replace("a501020326", "a50102033901 00".replaceAll(" ", ""));
    const keys = {
      "EdDSA on P-256": coseKey(publicKey, 0x27),
      "no algorithm": coseKey(publicKey, 0x00),
      "RS256 on P-256": Buffer.from(rsaLabel, "hex"),
      "ES256 of an octet key": Buffer.from("a40101032620062158 20".replaceAll(" ", "") + "00".repeat(32), "hex"),
      "RSA of 8 bits": Buffer.from("a401030339010020410121430100 01".replaceAll(" ", ""), "hex"),
      "a key of 2 KB": Buffer.concat([
        Buffer.from("a4010303390100", "hex"),
        Buffer.concat([Buffer.of(0x20), cborBytes(Buffer.alloc(2048, 7))]),
        Buffer.from("2143010001", "hex"),
      ]),
      "no map": Buffer.of(0x01),
      nothing: Buffer.alloc(0),
    };
    for (const [name, key] of Object.entries(keys)) {
      const credential = createAuthenticator().create(await askOptions(alice.browser, SET_UP), { publicKey: key });
      await assertRejected(await send(alice.browser, SET_UP, credential), name);
    }
  });

  test("if two pages have each begun the first passkey, and the other was sent before", async () => {
    await using alice = await usePasskeys();
    const other = createClient(alice.test.app);
    await other.login("alice", PASSWORD);
    const [one, two] = [await askOptions(alice.browser, SET_UP), await askOptions(other, SET_UP)];
    assert.equal((await send(alice.browser, SET_UP, alice.key.create(one))).status, 201);
    assert.equal((await send(other, SET_UP, createAuthenticator().create(two))).status, 403);
    assert.equal((await prove(other, REAUTH, alice.key)).status, 204);
    await assertRejected(await send(other, SET_UP, createAuthenticator().create(two)));
    await register(other, createAuthenticator());
  });
});

describe("an attestation that was not asked for", () => {
  test("is left out: no certificate is read, and nothing is fetched", async () => {
    await using alice = await usePasskeys();
    // {"alg": -7, "sig": h'', "x5c": [h'30…']}
    const junk = cborBytes(Buffer.alloc(200, 0x30));
    const x5c = Buffer.concat([cborText("x5c"), Buffer.of(0x81), junk]);
    const statement = Buffer.concat([
      Buffer.of(0xa3),
      cborText("alg"),
      Buffer.of(0x26),
      cborText("sig"),
      Buffer.of(0x40),
      x5c,
    ]);
    for (const name of ["packed", "tpm", "android-key", "apple", "fido-u2f", "no-such-format"]) {
      const key = createAuthenticator();
      const credential = key.create(await askOptions(alice.browser, SET_UP), { format: { name, statement } });
      assert.equal((await send(alice.browser, SET_UP, credential)).status, 201, name);
      assert.equal((await prove(createClient(alice.test.app), LOGIN, key)).status, 202, name);
    }
  });
});
