import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createClient } from "./support/client.ts";
import { createGuessedApp, guess, RIGHT, times } from "./support/guesses.ts";
import { openNotingDatabase } from "./support/statements.ts";
import { createTestApp, MAIL, type TestApp } from "./support/test-app.ts";

const FORM = {
  "Sec-Fetch-Mode": "navigate",
  "Sec-Fetch-Site": "same-origin",
  Accept: "text/html,*/*;q=0.8",
  "Content-Type": "application/x-www-form-urlencoded",
};

async function setUp(environment: Record<string, string> = MAIL, database?: Parameters<typeof createTestApp>[1]) {
  const test = await createTestApp(environment, database);
  const emailProvedAt = test.clock.now;
  await test.addUser({ username: "alice", email: "Alice@example.com", emailProvedAt, password: RIGHT });
  await test.addUser({ username: "bob", email: "bob@example.com", password: RIGHT });
  return test;
}

/** @returns the statuses for a program and for a browser */
async function logIn({ app }: Pick<TestApp, "app">, username: string, password = RIGHT): Promise<[number, number]> {
  const byProgram = await createClient(app).login(username, password);
  const body = String(new URLSearchParams({ username, password }));
  const byPage = await createClient(app).send("POST", "/login/", { headers: FORM, body });
  return [byProgram.status, byPage.status];
}

const IN: [number, number] = [202, 303];
const OUT: [number, number] = [400, 400];

describe("a login by address", () => {
  test("opens the account that has proved the address, in any case of its ASCII letters", async () => {
    const test = await setUp();
    for (const address of ["Alice@example.com", "alice@EXAMPLE.com", " ALICE@example.COM "])
      assert.deepEqual(await logIn(test, address), IN, address);
    const client = createClient(test.app);
    await client.login("alice@example.com", RIGHT);
    const profile: { username: string } = await (await client.get("/profile/")).json();
    assert.equal(profile.username, "alice");
  });

  test("opens nothing without mail, for an address that is not proved, or for an inactive user", async () => {
    assert.deepEqual(await logIn(await setUp({}), "alice@example.com"), OUT);
    const test = await setUp();
    assert.deepEqual(await logIn(test, "bob@example.com"), OUT);
    assert.deepEqual(await logIn(test, "bob"), IN);
    await test.services.db.updateTable("users").set({ is_active: 0 }).execute();
    assert.deepEqual(await logIn(test, "alice@example.com"), OUT);
  });

  test("opens nothing for a letter that is another one's capital or ligature in Unicode (CVE-2019-19844)", async () => {
    const test = await setUp();
    const names = ["mike", "office", "strasse"];
    for (const name of names)
      await test.addUser({ username: name, email: `${name}@k.example`, emailProvedAt: 1, password: RIGHT });
    for (const name of names) assert.deepEqual(await logIn(test, `${name}@k.example`), IN);
    const lookalikes = ["mi\u212ae@k.example", "m\u0131ke@k.example", "m\u0130ke@k.example", "mike@\u212a.example"];
    for (const address of [...lookalikes, "o\ufb03ce@k.example", "stra\u00dfe@k.example"])
      assert.deepEqual(await logIn(test, address), OUT, address);
  });

  test("prefers the user of that very username", async () => {
    const test = await setUp();
    const { id } = await test.addUser({ username: "carol", password: "other horse" });
    // As an import can store it.
    await test.services.db.updateTable("users").set({ username: "alice@example.com" }).where("id", "=", id).execute();
    assert.deepEqual(await logIn(test, "alice@example.com", "other horse"), IN);
    assert.deepEqual(await logIn(test, "alice@example.com"), OUT);
    assert.deepEqual(await logIn(test, "Alice@example.com"), IN);
  });

  test("ends the count of failures of the account", async () => {
    const test = await setUp();
    for (let failures = 0; failures < 9; failures++) await createClient(test.app).login("alice", "wrong");
    assert.deepEqual(await logIn(test, "alice@example.com"), IN);
    for (let failures = 0; failures < 9; failures++) await createClient(test.app).login("ALICE@example.com", "wrong");
    assert.deepEqual(await logIn(test, "alice"), IN);
  });
});

describe("guesses by address", () => {
  test("and by name are counted together, in every spelling", async () => {
    const app = await createGuessedApp(MAIL);
    const set = { email: "alice@example.com", email_proved_at: 1 };
    await app.services.db.updateTable("users").set(set).execute();
    const spellings = ["alice", "alice@example.com", "ALICE@example.com", "Alice@Example.Com", "alice@EXAMPLE.com"];
    for (const spelling of spellings) assert.deepEqual(await guess(app, spelling, 2), [400, 400]);
    for (const spelling of spellings) assert.deepEqual(await guess(app, spelling, 1), [429], spelling);
    assert.equal(app.hashed.length, 10);
    const keys = await app.services.db
      .selectFrom("throttles")
      .select("key")
      .where("key", "like", "account:%")
      .execute();
    assert.equal(keys.length, 1);
  });

  test("are counted alike in every spelling if no account has the address, or has it unproved", async () => {
    const app = await createGuessedApp(MAIL);
    await app.addUser({ username: "bob", email: "unproved@example.com", password: RIGHT });
    for (const name of ["unknown", "unproved"]) {
      const spellings = [`${name}@example.com`, `${name.toUpperCase()}@example.com`, `${name}@EXAMPLE.com`];
      for (let round = 0; round < 10; round++)
        assert.deepEqual(await guess(app, spellings[round % spellings.length] ?? "", 1), [400]);
      for (const spelling of spellings) assert.deepEqual(await guess(app, spelling, 1), [429], spelling);
    }
    assert.deepEqual(await guess(app, "bob", 1), [400]);
  });

  test("in another form of Unicode on the page are counted with it, known or not", async () => {
    const app = await createGuessedApp(MAIL);
    await app.services.db.updateTable("users").set({ email: "alice@example.com", email_proved_at: 1 }).execute();
    for (const name of ["alice", "unknown"]) {
      const byPage = async (username: string) => {
        const body = String(new URLSearchParams({ username, password: "wrong" }));
        return (await app.stranger().send("POST", "/login/", { headers: FORM, body })).status;
      };
      assert.deepEqual(await guess(app, `${name}@example.com`, 10), times(10, 400));
      assert.equal(await byPage(`${name}\uff20example.com`), 429, name);
    }
  });

  test("run the same statements whether or not an account has the address", async () => {
    const noting = await openNotingDatabase();
    const test = await setUp(MAIL, noting);
    const fail = (username: string) =>
      noting.statementsOf(() =>
        createClient(test.app)
          .login(username, "wrong")
          .then(({ status }) => assert.equal(status, 400)),
      );
    await fail("first@example.com");
    const known = await fail("alice@example.com");
    for (const username of ["unknown@example.com", "bob@example.com"]) assert.deepEqual(await fail(username), known);
    const named = await fail("alice");
    assert.deepEqual(await fail("unknown"), named);
    assert.equal(known.length, named.length + 2);
    await noting.close();
  });

  test("cost no statement more without mail, or for a name without an @", async () => {
    const counts = await Promise.all(
      [{}, MAIL].map(async (environment) => {
        const noting = await openNotingDatabase();
        const { app } = await setUp(environment, noting);
        const count = async (name: string) =>
          (await noting.statementsOf(() => createClient(app).login(name, "wrong"))).length;
        await count("first");
        const result = [await count("alice"), await count("a@example.com")];
        await noting.close();
        return result;
      }),
    );
    const [without, withMail] = counts;
    assert.equal(without?.[0], without?.[1]);
    assert.equal(without?.[0], withMail?.[0]);
  });
});
