import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findGroup, listGroupNames } from "../db/groups.ts";
import { findUser } from "../db/users.ts";
import { OPERATOR } from "../lib/audit/actor.ts";
import { createGroup, deleteGroup } from "../lib/users/groups.ts";
import { invite } from "../lib/users/invite.ts";
import { createClient } from "./support/client.ts";
import { createSandbox } from "./support/process.ts";
import { createSignupApp, FORM, OPEN, type SignupApp, signUp } from "./support/sign-up.ts";
import { MAIL, tokenIn } from "./support/test-app.ts";

const PROCESSES = { timeout: 60_000 };

const ADA = "ada@example.com";

const BY_INVITATION = { ...MAIL, POSTERN_SIGNUP: "invite" };

const DAY = 24 * 3600;

/** Sends an invitation. @returns the mails that came */
async function send({ services, deliver }: SignupApp, email = ADA, names: string[] = [], isStaff = false) {
  const groups = await Promise.all(names.map((name) => findGroup(services.db, name)));
  const found = groups.filter((group) => group !== null);
  const owner = await invite(services, OPERATOR, { email, groups: found, isStaff, language: "en" });
  return { owner, mails: await deliver() };
}

async function setUp(environment: Record<string, string> = BY_INVITATION): Promise<SignupApp> {
  const test = await createSignupApp(environment);
  for (const name of ["editors", "writers"])
    assert.notEqual(typeof (await createGroup(test.services, OPERATOR, name)), "string");
  return test;
}

async function rightsOf({ services: { db } }: SignupApp, username = "ada") {
  const user = await findUser(db, username);
  return user && { isStaff: user.isStaff, groups: await listGroupNames(db, user.id) };
}

describe("the command invite", () => {
  test("mails a link that creates an account with groups and the flag staff", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const environment = { ...BY_INVITATION };
    await sandbox.run(["migrate"], { environment });
    for (const name of ["editors", "writers"]) await sandbox.run(["addgroup", name], { environment });
    const args = [
      "invite",
      " Ada@Example.COM ",
      "--group",
      "editors",
      "--group",
      "writers",
      "--staff",
      "--language",
      "it",
    ];
    assert.deepEqual(await sandbox.run(args, { environment }), {
      code: 0,
      stdout:
        "Invitation to Ada@example.com stored. The running server sends it. The link works once, within 7 days.\n",
      stderr: "",
    });
    await sandbox.withDatabase(async (db) => {
      const test = await createSignupApp(BY_INVITATION, { db, close: async () => {} });
      test.clock.now = Date.now() + 1000;
      const [mail] = await test.deliver();
      assert(mail);
      assert.deepEqual([mail.to, mail.language], ["Ada@example.com", "it"]);
      const token = tokenIn(mail);
      const page = await (await test.client.get(`/signup/confirm/?token=${token}`, FORM)).text();
      assert.match(page, /the account of Ada@example\.com/);
      assert.doesNotMatch(page, /IP address|If you did not ask/);
      assert.equal((await test.confirm(token)).status, 201);
      assert.deepEqual(await rightsOf(test), { isStaff: true, groups: ["editors", "writers"] });
    });
    const { stdout } = await sandbox.run(["audit", "--json"], { environment });
    const events = stdout
      .trimEnd()
      .split("\n")
      .map((line): Record<string, unknown> => JSON.parse(line));
    const told = events.map(({ event, subject, actor, detail }) => [event, subject, actor, detail]);
    assert.deepEqual(told.slice(-5), [
      ["invited", "mail", "command line", "is_staff editors writers"],
      ["signed_up", "user:1", "nobody", "invite"],
      ["added_to_group", "user:1", "nobody", "editors"],
      ["added_to_group", "user:1", "nobody", "writers"],
      ["login", "user:1", "user:1", ""],
    ]);
    assert(!stdout.toLowerCase().includes(ADA), "the trail has no addresses");
  });

  const OFF = "Mail is off. Set POSTERN_MAIL_URL, and POSTERN_SIGNUP to invite or open.";
  const CLOSED = "Sign-up is closed. Set POSTERN_SIGNUP to invite or open.";
  for (const [what, args, environment, code, sentence] of [
    ["mail is off", [ADA], {}, 1, OFF],
    ["sign-up is closed", [ADA], MAIL, 1, CLOSED],
    ["the address is malformed", ["ada"], OPEN, 1, "Enter a valid email address."],
    ["the address is a list", ["ada@example.com,bob@example.com"], OPEN, 1, "Enter a valid email address."],
    ["the address is empty", [" "], OPEN, 1, "The address is empty."],
    ["the address is missing", [], OPEN, 2, "The address is missing. See: "],
    [
      "there is no such group",
      [ADA, "--group", "editor"],
      OPEN,
      1,
      'There is no group "editor". Did you mean editors?',
    ],
    ["there is no such language", [ADA, "--language", "de"], OPEN, 2, 'There is no language "de". Use en or it.'],
    ["the address has an account", ["BOB@example.com"], OPEN, 1, "bob has this address already. Nothing was sent."],
  ] as const) {
    test(`says that ${what}, and sends nothing`, PROCESSES, async () => {
      await using sandbox = await createSandbox();
      await sandbox.run(["createuser", "bob", "--noinput", "--email", "bob@example.com"]);
      await sandbox.run(["addgroup", "editors"]);
      const result = await sandbox.run(["invite", ...args], { environment });
      assert.deepEqual(
        { ...result, stderr: result.stderr.slice(0, sentence.length) },
        { code, stdout: "", stderr: sentence },
      );
      const mails = await sandbox.withDatabase((db) => db.selectFrom("mails").selectAll().execute());
      assert.deepEqual(mails, []);
    });
  }
});

describe("an invitation", () => {
  test("works once, within seven days, also if sign-up is by invitation alone", async () => {
    const test = await setUp();
    const [mail] = (await send(test)).mails;
    assert(mail);
    test.clock.advance(7 * DAY - 1);
    assert.equal((await test.confirm(tokenIn(mail))).status, 201);
    for (const username of ["ada", "ada2"]) {
      const again = await test.confirm(tokenIn(mail), { username });
      assert.deepEqual([again.status, Object.keys(await again.json())], [400, ["token"]]);
    }
    const [late] = (await send(test, "bob@example.com")).mails;
    assert(late);
    test.clock.advance(7 * DAY);
    assert.equal((await test.confirm(tokenIn(late), { username: "bob" })).status, 400);
  });

  test("takes the place of an earlier one to the same address, before it was sent and after", async () => {
    const test = await setUp();
    const { services, deliver } = test;
    const post = { email: ADA, groups: [], isStaff: false, language: "en" };
    await invite(services, OPERATOR, { ...post, isStaff: true });
    await invite(services, OPERATOR, { ...post, email: "ada@EXAMPLE.com", language: "it" });
    const waiting = await deliver();
    assert.deepEqual(
      waiting.map(({ language }) => language),
      ["it"],
    );
    const [last] = (await send(test, ADA, ["writers"])).mails;
    assert(last && waiting[0]);
    assert.equal((await test.confirm(tokenIn(waiting[0]))).status, 400);
    assert.equal((await test.confirm(tokenIn(last))).status, 201);
    assert.deepEqual(await rightsOf(test), { isStaff: false, groups: ["writers"] });
  });

  test("makes an earlier one void at once, not only when its own mail goes out", async () => {
    const test = await setUp();
    const post = { email: ADA, groups: [], isStaff: true, language: "en" };
    await invite(test.services, OPERATOR, post);
    const [first] = await test.deliver();
    assert(first);
    await invite(test.services, OPERATOR, { ...post, email: ADA.toUpperCase(), isStaff: false });
    assert.equal((await test.confirm(tokenIn(first))).status, 400);
  });

  test("leaves a group out that was deleted since", async () => {
    const test = await setUp();
    const [mail] = (await send(test, ADA, ["editors", "writers"])).mails;
    const editors = await findGroup(test.services.db, "editors");
    assert(mail && editors);
    await deleteGroup(test.services, OPERATOR, editors);
    assert.equal((await test.confirm(tokenIn(mail))).status, 201);
    assert.deepEqual(await rightsOf(test), { isStaff: false, groups: ["writers"] });
  });

  test("counts too if the person signs up without it, and is used up by that", async () => {
    const test = await setUp(OPEN);
    const [mail] = (await send(test, ADA, ["editors"], true)).mails;
    assert(mail);
    assert.equal((await signUp(test, ADA)).status, 201);
    assert.deepEqual(await rightsOf(test), { isStaff: true, groups: ["editors"] });
    assert.equal((await test.confirm(tokenIn(mail), { username: "ada2" })).status, 400);
    assert.equal((await test.services.db.selectFrom("users").selectAll().execute()).length, 1);
  });

  test("gives no rights to an address that differs in case: it may be another person's", async () => {
    const test = await setUp(OPEN);
    await send(test, "Ada@example.com", ["editors"], true);
    assert.equal((await signUp(test, ADA)).status, 201);
    assert.deepEqual(await rightsOf(test), { isStaff: false, groups: [] });
  });

  test("that has expired gives no rights", async () => {
    const test = await setUp(OPEN);
    await send(test, ADA, ["editors"], true);
    test.clock.advance(7 * DAY);
    assert.equal((await signUp(test, ADA)).status, 201);
    assert.deepEqual(await rightsOf(test), { isStaff: false, groups: [] });
  });

  test("to an address that gets an account before the mail goes out becomes a link for a new password", async () => {
    const test = await setUp();
    const { services, deliver } = test;
    await invite(services, OPERATOR, { email: ADA, groups: [], isStaff: true, language: "en" });
    await test.addUser({ username: "ada", email: ADA, password: "right horse" });
    const [mail] = await deliver();
    assert.match(mail?.text ?? "", /password\/reset\/confirm/);
    assert.equal((await send(test)).owner?.username, "ada");
  });

  test("names the user of an address that is taken, and sends nothing", async () => {
    const test = await setUp();
    await test.addUser({ username: "ada", email: "ADA@example.com", password: "right horse" });
    const { owner, mails } = await send(test);
    assert.deepEqual([owner?.username, mails], ["ada", []]);
  });

  test("is void while sign-up is closed", async () => {
    const test = await setUp();
    const [mail] = (await send(test)).mails;
    assert(mail);
    const stored = await test.services.db.selectFrom("one_time_tokens").selectAll().execute();
    const closed = await createSignupApp(MAIL);
    await closed.services.db.insertInto("one_time_tokens").values(stored).execute();
    assert.equal((await closed.confirm(tokenIn(mail))).status, 404);
    assert.equal((await createClient(closed.app).get(`/signup/confirm/?token=${tokenIn(mail)}`, FORM)).status, 404);
  });
});
