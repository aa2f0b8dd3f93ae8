import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decodeBase32 } from "@oslojs/encoding";
import { transaction } from "../db/open.ts";
import { listSealedSecrets, replaceSealed } from "../db/sealed-secrets.ts";
import { createApp } from "../lib/app.ts";
import { deriveKeys, generateSecretKey, parseSecretKeys } from "../lib/crypto/keys.ts";
import { findLostSeals, resealSecrets } from "../lib/users/sealed-secrets.ts";
import { totpOwner } from "../lib/users/totp.ts";
import { createClient } from "./support/client.ts";
import { codeAt, giveFactors, PASSWORD } from "./support/factors.ts";
import { createTestApp, type TestApp } from "./support/test-app.ts";

const [ONE, TWO] = [generateSecretKey(), generateSecretKey()];

const OURS = { "Sec-Fetch-Site": "same-origin" };

const keysOf = (...texts: string[]) => deriveKeys(parseSecretKeys(texts.join(",")) ?? []);

/** The servers of a database, each with its own keys. */
async function useServers(users = 1) {
  const test = await createTestApp();
  const withKeys = (...texts: string[]) => ({ ...test.services, keys: keysOf(...texts) });
  const people = [];
  for (let number = 1; number <= users; number++) {
    const user = await test.addUser({ username: `user${number}`, password: PASSWORD });
    people.push({ user, ...(await giveFactors({ services: withKeys(ONE) }, user)) });
  }
  return { test, withKeys, people, [Symbol.asyncDispose]: test.close };
}

type Servers = Awaited<ReturnType<typeof useServers>>;

/** A login at the server with these keys. @returns the methods that the second step takes, and its status */
async function logIn(
  { test, withKeys, people }: Servers,
  keys: string[],
  codeOf: (person: Servers["people"][number]) => string,
  index = 0,
): Promise<{ methods: string[]; status: number }> {
  const person = people[index];
  assert(person);
  const client = createClient(createApp(withKeys(...keys)));
  const first = await client.login(person.user.username, PASSWORD);
  assert.equal(first.status, 403);
  const second = await client.post("/login/second-factor/", { code: codeOf(person) }, OURS);
  test.clock.advance(30);
  return { methods: (await first.json()).methods, status: second.status };
}

const codeNow =
  ({ clock }: TestApp) =>
  ({ secret }: { secret: Uint8Array }) =>
    codeAt(secret, clock.now);

const ALL = ["totp", "recovery_code"];

describe("the key that seals authenticator apps", () => {
  test("is rotated: both keys open, the first one seals, and after rotate-keys it is enough", async () => {
    await using servers = await useServers();
    const { test, withKeys, people } = servers;
    const code = codeNow(test);
    assert.deepEqual(await logIn(servers, [ONE], code), { methods: ALL, status: 202 });
    assert.deepEqual(await logIn(servers, [TWO, ONE], code), { methods: ALL, status: 202 });
    const bob = await test.addUser({ username: "bob", password: PASSWORD });
    people.push({ user: bob, ...(await giveFactors({ services: withKeys(TWO, ONE) }, bob)) });
    assert.deepEqual(await logIn(servers, [TWO], code, 1), { methods: ALL, status: 202 });
    assert.deepEqual(await logIn(servers, [TWO], code), { methods: ["recovery_code"], status: 400 });
    const resealed = await resealSecrets(withKeys(TWO, ONE), () => {});
    assert.deepEqual(resealed, { resealed: 1, current: 1, lost: 0, changed: 0 });
    assert.deepEqual(await logIn(servers, [TWO], code), { methods: ALL, status: 202 });
    const again = await resealSecrets(withKeys(TWO, ONE), () => {});
    assert.deepEqual(again, { resealed: 0, current: 2, lost: 0, changed: 0 });
  });

  test("if it is lost, a recovery code logs in, and nothing does without a second factor", async () => {
    await using servers = await useServers();
    const { test, withKeys, people } = servers;
    assert.match((await findLostSeals(withKeys(TWO))) ?? "", /^1 authenticator app cannot be opened: /);
    assert.equal(await findLostSeals(withKeys(TWO, ONE)), null);
    const methods = ["recovery_code"];
    assert.deepEqual(await logIn(servers, [TWO], codeNow(test)), { methods, status: 400 });
    const used = people[0]?.recoveryCodes[0] ?? "";
    assert.deepEqual(await logIn(servers, [TWO], () => used), { methods, status: 202 });
    assert.deepEqual(await logIn(servers, [TWO], () => used), { methods, status: 400 });
    await test.services.db.deleteFrom("recovery_codes").execute();
    assert.deepEqual(await logIn(servers, [TWO], () => used), { methods: [], status: 400 });
  });

  test("is lost for some secrets: those stay, and the others are sealed again", async () => {
    await using servers = await useServers(2);
    const { withKeys, people } = servers;
    const { db } = withKeys(TWO);
    const third = generateSecretKey();
    const lost = people[0]?.user;
    assert(lost);
    await giveFactors({ services: withKeys(third) }, lost);
    const [before] = await listSealedSecrets(db, null, 1);
    const resealed = await resealSecrets(withKeys(TWO, ONE), () => {});
    assert.deepEqual(resealed, { resealed: 1, current: 0, lost: 1, changed: 0 });
    assert.deepEqual({ ...(await listSealedSecrets(db, null, 1))[0] }, { ...before });
  });

  test("is rotated during a set-up: what is stored at its end needs the old key no more", async () => {
    await using servers = await useServers(0);
    const { test, withKeys, people } = servers;
    const user = await test.addUser({ username: "carol", password: PASSWORD });
    const before = createClient(createApp(withKeys(ONE)));
    await before.login("carol", PASSWORD);
    const { token, secret: text } = await (await before.post("/security/authenticator/", {}, OURS)).json();
    const secret = decodeBase32(text);
    const after = createClient(createApp(withKeys(TWO, ONE)));
    for (const [name, value] of before.cookies) after.cookies.set(name, value);
    const code = codeAt(secret, test.clock.now);
    assert.equal((await after.post("/security/authenticator/confirm/", { token, code }, OURS)).status, 201);
    assert.equal((await resealSecrets(withKeys(TWO, ONE), () => {})).current, 1);
    people.push({ user, secret, recoveryCodes: [] });
    test.clock.advance(30);
    assert.equal((await logIn(servers, [TWO], codeNow(test))).status, 202);
  });

  test("is lost during a set-up: the set-up has to begin again, and no factor is stored", async () => {
    await using servers = await useServers(0);
    const { test, withKeys } = servers;
    await test.addUser({ username: "carol", password: PASSWORD });
    const before = createClient(createApp(withKeys(ONE)));
    await before.login("carol", PASSWORD);
    const { token, secret } = await (await before.post("/security/authenticator/", {}, OURS)).json();
    const after = createClient(createApp(withKeys(TWO)));
    for (const [name, value] of before.cookies) after.cookies.set(name, value);
    const code = codeAt(decodeBase32(secret), test.clock.now);
    const denied = await after.post("/security/authenticator/confirm/", { token, code }, OURS);
    assert.equal(denied.status, 400);
    assert.equal((await listSealedSecrets(test.services.db, null, 1)).length, 0);
  });

  test("opens no secret that was moved to another user's row", async () => {
    await using servers = await useServers(2);
    const { test, withKeys } = servers;
    const { db } = test.services;
    const [mine, theirs] = await listSealedSecrets(db, null, 2);
    assert(mine && theirs);
    await db.updateTable("totp_factors").set({ secret: theirs.secret }).where("user_id", "=", mine.userId).execute();
    assert.equal((await logIn(servers, [ONE], ({ secret: _ }) => "000000")).methods.join(), "recovery_code");
    assert.equal((await resealSecrets(withKeys(TWO, ONE), () => {})).lost, 1);
  });
});

describe("rotate-keys", () => {
  test("seals any number of secrets, in batches, and each opens afterwards", async () => {
    await using servers = await useServers(120);
    const { test, withKeys } = servers;
    const seen: number[] = [];
    const resealed = await resealSecrets(withKeys(TWO, ONE), (done) => seen.push(done));
    assert.deepEqual(resealed, { resealed: 120, current: 0, lost: 0, changed: 0 });
    assert.deepEqual(seen, [50, 100, 120]);
    for (const index of [0, 60, 119]) {
      assert.equal((await logIn(servers, [TWO], codeNow(test), index)).status, 202, String(index));
    }
  });

  test("does not overwrite an authenticator app that was set up since it read the secret", async () => {
    await using servers = await useServers();
    const { test, withKeys, people } = servers;
    const user = people[0]?.user;
    assert(user);
    const services = withKeys(TWO, ONE);
    const { db } = services;
    const [read] = await listSealedSecrets(db, null, 1);
    assert(read);
    const fresh = await giveFactors({ services: withKeys(ONE) }, user);
    const stale = services.keys.factors.seal(new Uint8Array(20), totpOwner(user));
    assert.equal(await transaction(db, (db) => replaceSealed(db, read, stale)), false);
    assert.equal((await resealSecrets(services, () => {})).resealed, 1);
    assert.equal((await logIn(servers, [TWO], () => codeAt(fresh.secret, test.clock.now))).status, 202);
  });
});
