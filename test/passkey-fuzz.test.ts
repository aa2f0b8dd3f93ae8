import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { cborBytes, cborText, createAuthenticator } from "./support/authenticator.ts";
import { createClient } from "./support/client.ts";
import { askOptions, assertRejected, LOGIN, OURS, SET_UP, send, usePasskey } from "./support/passkeys.ts";
import { MAIL } from "./support/test-app.ts";

const SEED = 20_260_101;
const UNTHROTTLED = { ...MAIL, POSTERN_THROTTLE: "off" };

/** A credential as a page sends it. */
type Credential = Record<string, unknown>;

const responseOf = (credential: Credential): Credential => Object(credential["response"]);

/** The credential with another value at a place, such as `response.signature`. */
function change(credential: Credential, [name = "", ...rest]: string[], value: unknown): Credential {
  return { ...credential, [name]: rest.length === 0 ? value : change(Object(credential[name]), rest, value) };
}

const BAD_VALUES: readonly unknown[] = [
  ...[null, true, 0, -1, 1e308, "", " ", "=", "AA==", "A+/A", "é", "\0", "\ud800", "a".repeat(33_000)],
  ...[[], {}, ["AAAA"], { length: 4 }, { toString: "x" }, { __proto__: null }, "__proto__", "AAAA", "_".repeat(1365)],
];

const clientData = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

describe("a credential of another shape", () => {
  test("is denied at each of its parts, without an error of the server", async () => {
    await using alice = await usePasskey(UNTHROTTLED);
    const browser = createClient(alice.test.app);
    const proof = alice.key.get(await askOptions(browser, LOGIN));
    const created = createAuthenticator().create(await askOptions(alice.browser, SET_UP));
    const parts = ["clientDataJSON", "authenticatorData", "signature", "userHandle", "attestationObject"];
    const places = [["id"], ["rawId"], ["type"], ["response"], ...parts.map((part) => ["response", part])];
    for (const place of places) {
      for (const value of BAD_VALUES) {
        const name = `${place} ${JSON.stringify(value).slice(0, 40)}`;
        const part = place.at(-1) ?? "";
        if (part !== "attestationObject")
          await assertRejected(await send(browser, LOGIN, change(proof, place, value)), name);
        const isOfProof = ["authenticatorData", "signature", "userHandle"].includes(part);
        if (!isOfProof) await assertRejected(await send(alice.browser, SET_UP, change(created, place, value)), name);
      }
    }
    for (const value of BAD_VALUES) await assertRejected(await send(browser, LOGIN, value));
    assert.equal((await send(browser, LOGIN, proof)).status, 202, "the proof itself is right");
    assert.equal((await send(alice.browser, SET_UP, created)).status, 201, "the passkey itself is right");
    assert.deepEqual(
      alice.test.logged.filter((line) => line.includes("server_error")),
      [],
    );
  });

  test("is denied with client data of another shape", async () => {
    await using alice = await usePasskey(UNTHROTTLED);
    const browser = createClient(alice.test.app);
    const proof = alice.key.get(await askOptions(browser, LOGIN));
    const deep = `${'{"challenge":'.repeat(2000)}1${"}".repeat(2000)}`;
    const texts = [
      ...["", "{", "nul", '{"challenge":', deep, "[]", '"x"', "\ufeff{}"],
      ...BAD_VALUES.map((value) => JSON.stringify(value)),
    ];
    const datas = [
      ...texts.map((text) => Buffer.from(text).toString("base64url")),
      ...BAD_VALUES.map((challenge) => clientData({ type: "webauthn.get", challenge, origin: "http://postern.test" })),
      ...BAD_VALUES.map((origin) => clientData({ type: "webauthn.get", challenge: "A".repeat(43), origin })),
    ];
    for (const data of datas)
      await assertRejected(await send(browser, LOGIN, change(proof, ["response", "clientDataJSON"], data)));
  });

  test("is denied with malformed CBOR, however deep", async () => {
    await using alice = await usePasskey(UNTHROTTLED);
    const object = (authData: Buffer) =>
      Buffer.concat([
        Buffer.of(0xa3),
        cborText("fmt"),
        cborText("none"),
        cborText("attStmt"),
        Buffer.of(0xa0),
        cborText("authData"),
        authData,
      ]);
    const objects = [
      ...[Buffer.alloc(20_000, 0x81), Buffer.alloc(20_000, 0xa1), Buffer.alloc(20_000, 0xd8), Buffer.alloc(1000, 0xff)],
      ...["a0", "80", "00", "f6", "bf", "9f", "5b7fffffffffffffff", "9bffffffffffffffff", "bb00ffffffffffffff"].map(
        (hex) => Buffer.from(hex, "hex"),
      ),
      ...[
        Buffer.of(0xf6),
        cborText("x"),
        cborBytes(Buffer.alloc(36)),
        cborBytes(Buffer.alloc(37, 0xff)),
        cborBytes(Buffer.alloc(20_000, 0x81)),
      ].map(object),
    ];
    for (const attestationObject of objects) {
      const credential = createAuthenticator().create(await askOptions(alice.browser, SET_UP), { attestationObject });
      await assertRejected(
        await send(alice.browser, SET_UP, credential),
        attestationObject.toString("hex").slice(0, 40),
      );
    }
  });

  test("never causes an error of the server if some of its bytes differ", async () => {
    await using alice = await usePasskey(UNTHROTTLED);
    const browser = createClient(alice.test.app);
    const flips = fc.array(fc.tuple(fc.nat(4000), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 });
    const mutate = (text: unknown, changes: [number, number][], cut: number) => {
      const bytes = Buffer.from(String(text), "base64url");
      for (const [index, mask] of changes)
        bytes.writeUInt8(bytes.readUInt8(index % bytes.length) ^ mask, index % bytes.length);
      return bytes.subarray(0, Math.max(1, bytes.length - cut)).toString("base64url");
    };
    const proof = fc.asyncProperty(
      fc.constantFrom("authenticatorData", "signature"),
      flips,
      fc.nat(3),
      async (part, changes, cut) => {
        const credential = alice.key.get(await askOptions(browser, LOGIN));
        const changed = mutate(responseOf(credential)[part], changes, cut);
        assert.equal((await send(browser, LOGIN, change(credential, ["response", part], changed))).status, 400);
      },
    );
    const created = fc.asyncProperty(flips, fc.nat(3), async (changes, cut) => {
      const credential = createAuthenticator().create(await askOptions(alice.browser, SET_UP));
      const changed = mutate(responseOf(credential)["attestationObject"], changes, cut);
      const response = await send(
        alice.browser,
        SET_UP,
        change(credential, ["response", "attestationObject"], changed),
      );
      // The identifier of the model is not looked at, so its bytes may differ.
      assert([201, 400].includes(response.status), String(response.status));
      if (response.status !== 201) return;
      const { id } = JSON.parse(await response.text());
      assert.equal((await alice.browser.send("DELETE", `${SET_UP}${id}/`, { headers: OURS })).status, 204);
    });
    await fc.assert(proof, { seed: SEED, numRuns: 150 });
    await fc.assert(created, { seed: SEED, numRuns: 150 });
  });
});

describe("a row about a passkey", () => {
  test("denies a form, a list and a missing credential in the same words", async () => {
    await using alice = await usePasskey();
    const headers = { ...OURS, "Content-Type": "application/x-www-form-urlencoded" };
    await assertRejected(await alice.browser.send("POST", LOGIN, { headers, body: "credential=%7B%7D" }));
    await assertRejected(await alice.browser.send("POST", LOGIN, { headers, body: "" }));
    for (const json of [[], {}, null, "x", 1, { credential: null }]) {
      await assertRejected(await alice.browser.send("POST", LOGIN, { headers: OURS, json }));
    }
  });
});
