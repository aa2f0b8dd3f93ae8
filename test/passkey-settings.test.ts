import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ConfigError } from "../lib/config/config.ts";
import { parseConfig } from "../lib/config/load.ts";
import { createAuthenticator } from "./support/authenticator.ts";
import { createClient } from "./support/client.ts";
import {
  askOptions,
  assertRejected,
  LOGIN,
  OURS,
  prove,
  REAUTH,
  register,
  send,
  usePasskey,
  usePasskeys,
} from "./support/passkeys.ts";
import { createTestApp, MAIL } from "./support/test-app.ts";

const HTTPS = "https://login.example.com";

function errorsIn(environment: Record<string, string>): readonly string[] {
  try {
    parseConfig(environment);
    return [];
  } catch (error) {
    assert(error instanceof ConfigError);
    return error.errors;
  }
}

describe("POSTERN_PASSKEY_DOMAIN", () => {
  test("is the host of PUBLIC_URL or a parent domain of it", () => {
    for (const domain of ["login.example.com", "example.com", "Example.COM"]) {
      assert.deepEqual(errorsIn({ PUBLIC_URL: HTTPS, POSTERN_PASSKEY_DOMAIN: domain }), [], domain);
    }
    for (const domain of ["com", "ample.com", "a.login.example.com", "example.org", "notexample.com"]) {
      const expected = `POSTERN_PASSKEY_DOMAIN is "${domain}": it must be login.example.com, the host of PUBLIC_URL, or a parent domain of it.`;
      assert.deepEqual(errorsIn({ PUBLIC_URL: HTTPS, POSTERN_PASSKEY_DOMAIN: domain }), [expected]);
    }
    assert.deepEqual(errorsIn({ PUBLIC_URL: "http://localhost:8000", POSTERN_PASSKEY_DOMAIN: "localhost" }), []);
  });

  test("needs PUBLIC_URL, and so does POSTERN_PASSKEY_ORIGINS", () => {
    assert.deepEqual(
      errorsIn({ POSTERN_PASSKEY_DOMAIN: "example.com", POSTERN_PASSKEY_ORIGINS: "https://example.org" }),
      [
        'POSTERN_PASSKEY_DOMAIN is "example.com": passkeys need the origin of their pages. Set PUBLIC_URL.',
        'POSTERN_PASSKEY_ORIGINS is "https://example.org": passkeys need the origin of their pages. Set PUBLIC_URL.',
      ],
    );
  });

  test("is the RP ID of every passkey", async () => {
    await using alice = await usePasskeys({
      ...MAIL,
      PUBLIC_URL: "http://a.postern.test",
      POSTERN_PASSKEY_DOMAIN: "postern.test",
    });
    const { browser } = alice;
    const key = createAuthenticator({ origin: "http://a.postern.test" });
    await register(browser, key);
    const options = Object(await askOptions(browser, LOGIN));
    assert.equal(options.rpId, "postern.test");
    assert.equal((await prove(browser, LOGIN, key)).status, 202);
    await assertRejected(await prove(browser, LOGIN, key, { origin: "http://postern.test" }), "a page of another host");
  });
});

describe("related origins", () => {
  test("are listed, and may use the passkeys", async () => {
    const origin = "https://example.org";
    await using alice = await usePasskeys({ ...MAIL, POSTERN_PASSKEY_ORIGINS: `${origin}, https://example.net/` });
    const listed = await alice.browser.get("/.well-known/webauthn");
    assert.equal(listed.headers.get("content-type"), "application/json");
    assert.deepEqual(await listed.json(), { origins: [origin, "https://example.net"] });
    await register(alice.browser, alice.key);
    assert.equal((await prove(alice.browser, LOGIN, alice.key, { origin })).status, 202);
    await assertRejected(await prove(alice.browser, LOGIN, alice.key, { origin: "https://example.com" }));
  });

  test("are no file if there are none", async () => {
    const test = await createTestApp(MAIL);
    assert.equal((await createClient(test.app).get("/.well-known/webauthn")).status, 404);
    await test.close();
  });
});

describe("the addresses of passkeys", () => {
  test("are listed for password managers, if passkeys are possible", async () => {
    const test = await createTestApp(MAIL);
    const url = "http://postern.test/security/";
    const listed = await createClient(test.app).get("/.well-known/passkey-endpoints");
    assert.deepEqual([listed.status, await listed.json()], [200, { enroll: url, manage: url }]);
    await test.close();
    const unknown = await createTestApp({});
    assert.equal((await createClient(unknown.app).get("/.well-known/passkey-endpoints")).status, 404);
    await unknown.close();
  });
});

describe("the requests about passkeys of a network", () => {
  test("are limited, with those of other logins", async () => {
    await using alice = await usePasskeys();
    const client = createClient(alice.test.app, "postern.test", "198.51.100.7");
    const statuses = new Set<number>();
    for (let count = 0; count < 601; count++) statuses.add((await client.post(`${LOGIN}options/`, {}, OURS)).status);
    assert.deepEqual([...statuses], [200, 429]);
    assert.equal((await client.post(LOGIN, {}, OURS)).status, 429);
    assert.equal((await alice.browser.post(`${LOGIN}options/`, {}, OURS)).status, 200, "another network");
  });

  test("that are not accepted are few events: 30, then one every ten seconds", async () => {
    await using alice = await usePasskey();
    const client = createClient(alice.test.app, "postern.test", "198.51.100.7");
    const flood = async (path: string) => {
      const statuses = new Map<number, number>();
      for (let count = 0; count < 40; count++) {
        const { status } = await send(client, path, {});
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
      return [...statuses];
    };
    const events = () => alice.test.services.db.selectFrom("events").select("id").execute();
    const before = (await events()).length;
    assert.deepEqual(await flood(LOGIN), [
      [400, 30],
      [429, 10],
    ]);
    assert.equal((await events()).length, before + 30);
    assert.equal((await prove(client, LOGIN, alice.key)).status, 202, "a right passkey does not wait");
    assert.deepEqual(await flood(REAUTH), [[429, 40]]);
    alice.test.clock.advance(10);
    assert.deepEqual(await flood(LOGIN), [
      [400, 1],
      [429, 39],
    ]);
  });
});
