import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { deleteSessionsOfUser } from "../db/sessions.ts";
import { createClient } from "./support/client.ts";
import { createTestApp, MAIL, type TestApp, tokenIn } from "./support/test-app.ts";

const OURS = { "Sec-Fetch-Site": "same-origin" };
const BROWSER = { "Sec-Fetch-Mode": "navigate", ...OURS, Accept: "text/html,*/*;q=0.8" };
const FORM = { ...BROWSER, "Content-Type": "application/x-www-form-urlencoded" };

const PASSWORD = "right horse";
const OWN = "alice@example.com";
const TYPO = "alice@exmaple.com";

async function setUp() {
  const test = await createTestApp(MAIL);
  const user = await test.addUser({ username: "alice", email: OWN, emailProvedAt: 1, password: PASSWORD });
  await test.addUser({ username: "bob", email: "bob@example.com", password: PASSWORD });
  const client = createClient(test.app);
  await client.login("alice", PASSWORD);
  await test.deliver(); // The notice about a new device.
  const ask = () => client.send("PATCH", "/profile/", { headers: OURS, json: { email: TYPO } });
  const cancel = () => client.post("/email/cancel/", {}, OURS);
  const read = async (language = "en") =>
    (await client.get("/profile/", { ...BROWSER, "Accept-Language": language })).text();
  /** @returns the token that the mistyped address got */
  const askByMail = async () => {
    await ask();
    return tokenIn((await test.deliver()).find(({ to }) => to === TYPO) ?? assert.fail("no mail"));
  };
  return { ...test, user, client, ask, cancel, read, askByMail };
}

const confirm = ({ app }: TestApp, token: string) => createClient(app).post("/email/confirm/", { token }, OURS);

async function cancelledIn({ services }: TestApp): Promise<number> {
  const events = services.db.selectFrom("events").select("id").where("kind", "=", "email_change_cancelled");
  return (await events.execute()).length;
}

describe("a user with a mistyped new address", () => {
  test("cancels the change: the link is void, and nothing is pending", async () => {
    const test = await setUp();
    const token = await test.askByMail();
    assert.match(await test.read(), /Until you open it[\s\S]*action="\/email\/cancel\/"[\s\S]*Cancel the change/);
    assert.match(await test.read("it"), /Annulla la modifica/);
    const answer = await test.cancel();
    assert.deepEqual([answer.status, await answer.text()], [204, ""]);
    const dead = await confirm(test, token);
    assert.deepEqual([dead.status, Object.keys(await dead.json())], [400, ["token"]]);
    const page = await test.read();
    assert(!page.includes(TYPO) && !page.includes("/email/cancel/"));
    assert.match(page, /alice@example\.com is confirmed/);
    assert.equal(await cancelledIn(test), 1);
  });

  test("cancels it by the button too, and a notice says so", async () => {
    const test = await setUp();
    await test.ask();
    const answer = await test.client.send("POST", "/email/cancel/", { headers: FORM, body: "" });
    assert.deepEqual([answer.status, answer.headers.get("location")], [303, "/profile/?done=emailCancelled"]);
    const page = await test.client.get("/profile/?done=emailCancelled", BROWSER);
    assert.match(await page.text(), /The change is cancelled\. The link no longer works\./);
  });

  test("cancels it before the mail goes out: no mail goes out", async () => {
    const test = await setUp();
    await test.ask();
    assert.equal((await test.cancel()).status, 204);
    assert.deepEqual(await test.deliver(), []);
  });

  test("cannot undo with it what the link has done first", async () => {
    const test = await setUp();
    const token = await test.askByMail();
    const statuses = await Promise.all([confirm(test, token), test.cancel()]);
    const { email } = await (await test.client.get("/profile/")).json();
    assert.equal(statuses[1].status, 204);
    assert.equal(email, statuses[0].status === 204 ? TYPO : OWN);
    assert.equal((await confirm(test, token)).status, 400);
  });

  test("gets the same answer if nothing is pending, and no event is recorded", async () => {
    const test = await setUp();
    assert.equal((await test.cancel()).status, 204);
    assert.equal(await cancelledIn(test), 0);
  });
});

describe("a pending change", () => {
  test("is not cancelled by a session that has ended, by another user, from another site, or without a session", async () => {
    const test = await setUp();
    const bob = createClient(test.app);
    await bob.login("bob", PASSWORD);
    const token = await test.askByMail();
    assert.equal((await bob.post("/email/cancel/", {}, OURS)).status, 204);
    assert.equal((await createClient(test.app).post("/email/cancel/", {}, OURS)).status, 403);
    assert.equal((await test.client.post("/email/cancel/", {}, { "Sec-Fetch-Site": "cross-site" })).status, 403);
    await test.services.db.transaction().execute((db) => deleteSessionsOfUser(db, test.user.id, null));
    assert.equal((await test.cancel()).status, 403);
    assert.equal(await cancelledIn(test), 0);
    assert.equal((await confirm(test, token)).status, 204);
  });

  test("cannot be cancelled without mail: the endpoint does not exist", async () => {
    const { app, addUser } = await createTestApp({});
    await addUser({ username: "alice", password: PASSWORD });
    const client = createClient(app);
    await client.login("alice", PASSWORD);
    assert.equal((await client.post("/email/cancel/", {}, OURS)).status, 404);
  });
});

describe("a link that is used in a browser", () => {
  const use = async (username: string) => {
    const test = await setUp();
    const body = String(new URLSearchParams({ token: await test.askByMail() }));
    const browser = createClient(test.app);
    await browser.login(username, PASSWORD);
    test.clock.advance(1);
    const answer = await browser.send("POST", "/email/confirm/", { headers: FORM, body });
    return { browser, status: answer.status, location: answer.headers.get("location") ?? "" };
  };

  test("of its own user leads to the profile", async () => {
    const { status, location } = await use("alice");
    assert.deepEqual([status, location], [303, "/profile/?done=emailConfirmed"]);
  });

  test("of another user leads to the login, and no profile says that its address is confirmed", async () => {
    const { browser, status, location } = await use("bob");
    assert.deepEqual([status, location], [303, "/login/?max_age=0&done=emailConfirmed"]);
    const page = await browser.get(location, BROWSER);
    assert.equal(page.status, 200);
    assert.match(await page.text(), /The email address is confirmed\.[\s\S]*name="password"/);
  });
});
