import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { listUsers } from "../db/users.ts";
import { inviteFirstUser } from "../lib/users/invite-first-user.ts";
import { createClient } from "./support/client.ts";
import { createGuessedApp } from "./support/guesses.ts";
import { createSandbox } from "./support/process.ts";
import { runAtTerminal } from "./support/terminal.ts";
import { createTestApp, type TestApp } from "./support/test-app.ts";

const PROCESSES = { timeout: 60_000 };

const FORM = {
  "Sec-Fetch-Mode": "navigate",
  "Sec-Fetch-Site": "same-origin",
  Accept: "text/html,*/*;q=0.8",
  "Content-Type": "application/x-www-form-urlencoded",
};

const PASSWORD = "right horse";

/** The text from a keyboard or operating system, and the text that Django and Postern store. */
const SPELLINGS: [typed: string, stored: string][] = [
  ["ｔａｒｏ", "taro"],
  ["ｔaｒo", "taro"],
  ["　ｔａｒｏ　", "taro"],
  ["Rene\u0301e", "Ren\u00e9e"],
  ["\u212bsa", "\u00c5sa"],
  ["ﾀﾛｳ", "タロウ"],
  ["ﬁona", "fiona"],
  ["taro", "taro"],
];

async function logInByPage({ app }: TestApp, username: string, password = PASSWORD) {
  const client = createClient(app);
  const body = new URLSearchParams({ username, password }).toString();
  const { status } = await client.send("POST", "/login/", { headers: FORM, body });
  if (status !== 303) return { status, username: null };
  const profile: { username: string } = await (await client.get("/profile/")).json();
  return { status, username: profile.username };
}

describe("a username that a person types on the login page", () => {
  for (const [typed, stored] of SPELLINGS) {
    test(`is ${JSON.stringify(stored)} if it is typed as ${JSON.stringify(typed)}`, async () => {
      const test = await createTestApp();
      await test.addUser({ username: typed.trim(), password: PASSWORD });
      assert.deepEqual(await logInByPage(test, typed), { status: 303, username: stored });
    });
  }

  test("finds the user of exactly this name, if an import stored it without normalising it", async () => {
    const test = await createTestApp();
    await test.addUser({ username: "taro", password: PASSWORD });
    const { id } = await test.addUser({ username: "imported", password: "other horse" });
    await test.services.db.updateTable("users").set({ username: "ｔａｒｏ" }).where("id", "=", id).execute();
    assert.deepEqual(await logInByPage(test, "ｔａｒｏ", "other horse"), { status: 303, username: "ｔａｒｏ" });
    assert.deepEqual(await logInByPage(test, "ｔａｒo"), { status: 303, username: "taro" });
    assert.equal((await logInByPage(test, "ｔａｒｏ")).status, 400);
  });

  test("is exact for a program, as in Django", async () => {
    const test = await createTestApp();
    await test.addUser({ username: "ｔａｒｏ", password: PASSWORD });
    const client = createClient(test.app);
    assert.equal((await client.login("ｔａｒｏ", PASSWORD)).status, 400);
    const body = new URLSearchParams({ username: "ｔａｒｏ", password: PASSWORD }).toString();
    const form = { "Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin" };
    assert.equal((await client.send("POST", "/login/", { headers: form, body })).status, 400);
    assert.equal((await client.login("taro", PASSWORD)).status, 202);
  });

  test("does not change the typed password", async () => {
    const test = await createTestApp();
    await test.addUser({ username: "taro", password: "ｒｉｇｈｔ horse" });
    assert.equal((await logInByPage(test, "ｔａｒｏ", "right horse")).status, 400);
    assert.equal((await logInByPage(test, "ｔａｒｏ", "ｒｉｇｈｔ horse")).status, 303);
  });

  test("is shown again unchanged if the login failed", async () => {
    const { app } = await createTestApp();
    const body = new URLSearchParams({ username: "ｔａｒｏ", password: "wrong" }).toString();
    const page = await createClient(app).send("POST", "/login/", { headers: FORM, body });
    assert.match(await page.text(), /value="ｔａｒｏ"/);
  });
});

test("failures at one account are counted together for every spelling of its name", async () => {
  const { app, services, addUser, hashed, stranger } = await createGuessedApp();
  await addUser({ username: "taro", password: PASSWORD });
  const body = (username: string) => new URLSearchParams({ username, password: "wrong" }).toString();
  const spellings = SPELLINGS.filter(([, stored]) => stored === "taro").map(([typed]) => typed);
  const byPage = (username: string) => stranger().send("POST", "/login/", { headers: FORM, body: body(username) });
  for (let attempt = 0; attempt < 10; attempt++) {
    const isPage = attempt % 2 === 0;
    const spelling = spellings[attempt % spellings.length] ?? "taro";
    assert.equal((await (isPage ? byPage(spelling) : stranger().login("taro", "wrong"))).status, 400);
  }
  for (const spelling of spellings) assert.equal((await byPage(spelling)).status, 429, spelling);
  assert.equal((await stranger().login("taro", "wrong")).status, 429);
  assert.equal(hashed.length, 10);
  const keys = await services.db.selectFrom("throttles").select("key").where("key", "like", "account:%").execute();
  assert.equal(keys.length, 1);
  assert.equal((await createClient(app).login("alice", PASSWORD)).status, 202, "another account is not throttled");
});

describe("a username that a person types at the first set-up", () => {
  async function setUp(username: string, { password = "k7#qz!pv-9", email = "" } = {}) {
    const test = await createTestApp();
    const link = (await inviteFirstUser(test.services)) ?? "";
    const body = new URLSearchParams({ username, email, password }).toString();
    const answer = await createClient(test.app).send("POST", link, { headers: FORM, body });
    const users = (await listUsers(test.services.db, { after: null, limit: 100 })).map((user) => user.username);
    return { status: answer.status, text: await answer.text(), users };
  }

  test("is stored in NFKC, and its length is that of the NFKC form", async () => {
    assert.deepEqual((await setUp("ｔａｒｏ")).users, ["taro"]);
    const decomposed = "e\u0301".repeat(150);
    assert.deepEqual((await setUp(decomposed)).users, [decomposed.normalize("NFC")]);
    const tooLong = await setUp("ﬃ".repeat(51));
    assert.deepEqual([tooLong.status, tooLong.users], [400, []]);
    assert.match(tooLong.text, /at most 150 characters/);
  });

  test("must not resemble the password in any spelling", async () => {
    const similar = await setUp("ｅｌｅｐｈａｎｔｏｍ", { password: "elephantom1" });
    assert.deepEqual([similar.status, similar.users], [400, []]);
    assert.match(similar.text, /too similar to the username/);
  });

  test("is no other person's address in any spelling", async () => {
    for (const username of ["bob@example.com", "bob＠example.com", "@", "alice@example.com.", "ALİCE@example.com"]) {
      const other = await setUp(username, { email: "alice@example.com" });
      assert.deepEqual([other.status, other.users], [400, []], username);
      assert.match(other.text, /must be your own email address/);
    }
    // The NFKC form of this address belongs to another person.
    assert.equal((await setUp("alice@example.com", { email: "ａlice@example.com" })).status, 400);
    const own = await setUp("alice@example.com", { email: "Alice@Example.com" });
    assert.deepEqual(own.users, ["alice@example.com"]);
  });
});

describe("a username that a person types at the command line", () => {
  test("must not resemble the password in any spelling", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const made = await sandbox.run(["createuser", "ｅｌｅｐｈａｎｔｏｍ", "--password-stdin"], {
      input: "elephantom1",
    });
    assert.equal(made.code, 1);
    assert.match(made.stderr, /too similar to the username/);
  });

  test("confirms a deletion in any spelling", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await sandbox.run(["createuser", "taro", "--password-stdin"], { input: PASSWORD });
    const question = "Type the username (taro) to go on: ";
    const { code } = await runAtTerminal(sandbox.folder, ["deleteuser", "ｔａｒｏ"], [[question, "ｔａｒｏ\r"]]);
    assert.equal(code, 0);
    assert.equal((await sandbox.run(["users", "--json"])).stdout, "[]\n");
  });
});
