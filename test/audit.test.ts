import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { listEvents, listEventsOf, type RecordedEvent } from "../db/events.ts";
import { deleteUser as deleteRow } from "../db/users.ts";
import { OPERATOR } from "../lib/audit/actor.ts";
import { ROUTES } from "../lib/routes.ts";
import { activate, deactivate, deleteUser } from "../lib/users/activation.ts";
import { changePassword } from "../lib/users/change-password.ts";
import { endSessions } from "../lib/users/end-sessions.ts";
import { inviteFirstUser } from "../lib/users/invite-first-user.ts";
import { type Client, createClient } from "./support/client.ts";
import { WITHOUT_EVENT as CHALLENGES, FACTOR_DEEDS } from "./support/factor-deeds.ts";
import { OPEN } from "./support/sign-up.ts";
import { anyPassword, createTestApp, type TestApp, tokenIn } from "./support/test-app.ts";

const FIREFOX = { "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0" };
const OURS = { "Sec-Fetch-Site": "same-origin" };
const FORM = { ...OURS, "Sec-Fetch-Mode": "navigate", "Content-Type": "application/x-www-form-urlencoded" };

const PASSWORD = "right horse";

async function setUp(environment: Record<string, string> = { ...OPEN, POSTERN_ACCOUNT_DELETION: "on" }) {
  const test = await createTestApp(environment);
  const user = await test.addUser({ username: "alice", password: PASSWORD });
  return { ...test, user, client: createClient(test.app) };
}

/** @returns the events of a user, oldest first */
async function trailOf({ services }: TestApp, { id }: { id: number }): Promise<RecordedEvent[]> {
  return (await listEventsOf(services.db, `user:${id}`, { before: null, limit: 1000 })).reverse();
}

async function kindsOf(test: TestApp, user: { id: number }): Promise<string[]> {
  return (await trailOf(test, user)).map(({ kind }) => kind);
}

function everything({ services }: TestApp): Promise<RecordedEvent[]> {
  return listEvents(services.db, { afterId: 0, subject: null, since: null }, 100_000);
}

describe("the audit trail", () => {
  test("records a login with time, user, address, device and request", async () => {
    const test = await setUp();
    const body = JSON.stringify({ username: "alice", password: PASSWORD });
    const headers = { ...FIREFOX, "Content-Type": "application/json" };
    const response = await test.client.send("POST", "/login/", { headers, body });
    assert.equal(response.status, 202);
    const [made, login] = await trailOf(test, test.user);
    const subject = `user:${test.user.id}`;
    assert(made && login);
    const { id: _, previous, hash, lane, laneNumber, seen, mac, ...told } = login;
    assert.deepEqual([lane, laneNumber, seen], [0, 2, ""]);
    assert.match(mac, /^[0-9a-f]{8}\.[0-9a-f]{64}$/);
    assert.deepEqual(told, {
      ...{ at: test.clock.now, kind: "login", subject, actor: subject, number: 2, detail: "" },
      ...{ address: "192.0.2.1", browser: "Firefox", system: "Linux", requestId: response.headers.get("x-request-id") },
    });
    assert.equal(previous, made.hash);
    assert.match(hash, /^[0-9a-f]{64}$/);
  });

  test("records a failed login for its account, without an actor", async () => {
    const test = await setUp();
    await test.client.login("alice", "wrong");
    const [, failed] = await trailOf(test, test.user);
    assert.deepEqual([failed?.kind, failed?.actor], ["login_failed", "nobody"]);
    await deactivate(test.services, OPERATOR, test.user);
    await test.client.login("alice", PASSWORD);
    assert.equal((await kindsOf(test, test.user)).at(-1), "login_failed");
  });

  test("never holds a typed name that no user has", async () => {
    const test = await setUp();
    const before = (await everything(test)).length;
    for (const name of ["Hunter2-hunter2", "p4ss wörd", "x".repeat(1000)]) await test.client.login(name, "a password");
    const events = (await everything(test)).slice(before);
    for (const { kind, subject, actor, detail } of events) {
      assert.deepEqual([kind, actor, detail], ["login_failed", "nobody", ""]);
      assert.match(subject, /^unknown:\d{1,2}$/);
    }
    assert.equal(events.length, 3);
  });

  test("holds no passwords, no tokens, and no values of changed fields", async () => {
    const test = await setUp();
    await test.client.login("alice", "wrong-secret");
    await test.client.login("alice", PASSWORD);
    const token = test.client.cookies.get("sessionid") ?? "";
    await test.client.send("PATCH", "/profile/", {
      headers: OURS,
      json: { first_name: "Alicia", email: "a@b.example" },
    });
    await test.client.post("/password/change/", { current_password: PASSWORD, new_password: "quite another" }, OURS);
    const text = JSON.stringify(await trailOf(test, test.user));
    assert.match(text, /"user_changed".*"password_changed"/);
    for (const secret of ["wrong-secret", PASSWORD, token, "Alicia", "a@b.example", "quite another"]) {
      assert(!text.includes(secret), secret);
    }
  });

  test("names the changed fields, and records nothing if none changed", async () => {
    const test = await setUp({});
    await test.client.login("alice", PASSWORD);
    const edit = (json: unknown) => test.client.send("PATCH", "/profile/", { headers: OURS, json });
    assert.equal((await edit({ first_name: "Alice", email: "alice@example.com" })).status, 200);
    assert.equal((await edit({ first_name: "Alice" })).status, 200);
    const changes = (await trailOf(test, test.user)).filter(({ kind }) => kind === "user_changed");
    assert.deepEqual(
      changes.map(({ detail }) => detail),
      ["first_name email"],
    );
  });

  test("records what ended a session: its user elsewhere, a login over it, or an operator", async () => {
    const test = await setUp();
    const bob = await test.addUser({ username: "bob", password: PASSWORD });
    const others = [createClient(test.app), createClient(test.app)];
    for (const client of [...others, test.client]) await client.login("alice", PASSWORD);
    await test.client.send("DELETE", "/sessions/", { headers: OURS });
    await test.client.send("DELETE", "/sessions/", { headers: OURS });
    await test.client.login("bob", PASSWORD);
    await createClient(test.app).login("alice", PASSWORD);
    assert.equal(await endSessions(test.services, OPERATOR, test.user), 1);
    assert.equal(await endSessions(test.services, OPERATOR, test.user), 0);
    const ended = (await trailOf(test, test.user)).filter(({ kind }) => kind === "sessions_ended");
    assert.deepEqual(
      ended.map(({ actor, detail }) => [actor, detail]),
      [
        [`user:${test.user.id}`, "2"],
        [`user:${bob.id}`, "1"],
        ["command line", "1"],
      ],
    );
  });

  test("records a logout once, also if it is requested again", async () => {
    const test = await setUp();
    await test.client.login("alice", PASSWORD);
    const jar = new Map(test.client.cookies);
    const again = createClient(test.app);
    for (const [name, value] of jar) again.cookies.set(name, value);
    await Promise.all([test.client.post("/logout/", {}, OURS), again.post("/logout/", {}, OURS)]);
    assert.deepEqual(await kindsOf(test, test.user), ["user_made", "login", "logout"]);
  });

  test("records the command line's actions, and outlives the user", async () => {
    const test = await setUp();
    await changePassword(test.services, OPERATOR, test.user, anyPassword("another one"));
    await deactivate(test.services, OPERATOR, test.user);
    await activate(test.services, OPERATOR, test.user);
    await deleteUser(test.services, OPERATOR, test.user);
    await deleteUser(test.services, OPERATOR, test.user);
    const trail = await trailOf(test, test.user);
    const kinds = ["user_made", "password_changed", "user_deactivated", "user_activated", "user_deleted"];
    assert.deepEqual(
      trail.map(({ kind }) => kind),
      kinds,
    );
    for (const { actor, address, requestId } of trail)
      assert.deepEqual([actor, address, requestId], ["command line", "", ""]);
  });

  test("records each wait once, and none of the attempts denied in it", async () => {
    const test = await setUp();
    const statuses: number[] = [];
    for (let count = 0; count < 30; count++) statuses.push((await test.client.login("alice", "wrong")).status);
    const kinds = (await kindsOf(test, test.user)).slice(1);
    const tried = statuses.filter((status) => status === 400).length;
    assert.deepEqual(kinds, [...Array.from({ length: tried }, () => "login_failed"), "login_throttled"]);
    assert.equal(statuses.at(-1), 429);
  });

  test("records the account whose logins are throttled, and never a name that no user has", async () => {
    const test = await setUp();
    for (const name of ["alice", "hunter2"]) {
      for (let count = 0; count < 11; count++) await test.client.login(name, "wrong");
    }
    assert.equal((await kindsOf(test, test.user)).at(-1), "login_throttled");
    const events = await everything(test);
    assert.equal(events.at(-1)?.kind, "login_throttled");
    assert.match(events.at(-1)?.subject ?? "", /^unknown:/);
    assert.doesNotMatch(JSON.stringify(events), /hunter2/);
  });
});

describe("every row of the route table that changes something", () => {
  type Deed = (client: Client, test: TestApp) => Promise<Response>;

  const otherSession = async (client: Client, { app }: TestApp): Promise<string> => {
    await createClient(app).login("alice", PASSWORD);
    const sessions: { id: string; is_current: boolean }[] = JSON.parse(await (await client.get("/sessions/")).text());
    return sessions.find(({ is_current }) => !is_current)?.id ?? "";
  };
  const device = async (client: Client): Promise<string> => {
    const devices: { id: string }[] = JSON.parse(await (await client.get("/devices/")).text());
    return devices[0]?.id ?? "";
  };
  const form = (client: Client, path: string, fields: Record<string, string>) =>
    client.send("POST", path, { headers: FORM, body: String(new URLSearchParams(fields)) });

  const DEEDS: Record<string, Deed> = {
    ...FACTOR_DEEDS,
    "POST /login/": (client) => client.login("alice", PASSWORD),
    "POST /logout/": (client) => client.post("/logout/", {}, OURS),
    "PATCH /profile/": (client) => client.send("PATCH", "/profile/", { headers: OURS, json: { first_name: "Al" } }),
    "POST /profile/": (client) => form(client, "/profile/", { first_name: "Alice", last_name: "", email: "" }),
    "POST /email/prove/": async (client, test) => {
      await test.services.db.updateTable("users").set({ email: "alice@example.com" }).execute();
      return client.post("/email/prove/", {}, OURS);
    },
    "POST /email/cancel/": async (client) => {
      await client.send("PATCH", "/profile/", { headers: OURS, json: { email: "alice@example.com" } });
      return client.post("/email/cancel/", {}, OURS);
    },
    "POST /email/confirm/": async (client, test) => {
      await client.send("PATCH", "/profile/", { headers: OURS, json: { email: "alice@example.com" } });
      const [mail] = await test.deliver();
      return client.post("/email/confirm/", { token: mail && tokenIn(mail) }, OURS);
    },
    "POST /password/change/": (client) =>
      client.post("/password/change/", { current_password: PASSWORD, new_password: "quite another" }, OURS),
    "POST /account/delete/": (client) => client.post("/account/delete/", { password: PASSWORD }, OURS),
    "POST /password/reset/": (client) => client.post("/password/reset/", { username: "alice" }, OURS),
    "POST /password/reset/confirm/": async (client, test) => {
      await test.services.db.updateTable("users").set({ email: "alice@example.com" }).execute();
      await client.post("/password/reset/", { username: "alice" }, OURS);
      const [mail] = await test.deliver();
      assert(mail);
      return client.post("/password/reset/confirm/", { token: tokenIn(mail), new_password: "quite another" }, OURS);
    },
    "POST /not-me/": async (client, test) => {
      await test.services.db.updateTable("users").set({ email: "alice@example.com", email_proved_at: 1 }).execute();
      await createClient(test.app).login("alice", PASSWORD);
      const [mail] = await test.deliver();
      assert(mail);
      return client.post("/not-me/", { token: tokenIn(mail) }, OURS);
    },
    "DELETE /sessions/": async (client, test) => {
      await otherSession(client, test);
      return client.send("DELETE", "/sessions/", { headers: OURS });
    },
    "POST /sessions/": async (client, test) => {
      await otherSession(client, test);
      return form(client, "/sessions/", {});
    },
    "DELETE /sessions/:id/": async (client, test) =>
      client.send("DELETE", `/sessions/${await otherSession(client, test)}/`, { headers: OURS }),
    "POST /sessions/:id/": async (client, test) => form(client, `/sessions/${await otherSession(client, test)}/`, {}),
    "DELETE /devices/:id/": async (client) =>
      client.send("DELETE", `/devices/${await device(client)}/`, { headers: OURS }),
    "POST /devices/:id/": async (client) => form(client, `/devices/${await device(client)}/`, {}),
    "POST /setup/": async (client, test) => {
      for (const { id } of await test.services.db.selectFrom("users").select("id").execute()) {
        await deleteRow(test.services.db, id);
      }
      return form(client, (await inviteFirstUser(test.services)) ?? "", {
        username: "first",
        email: "",
        password: "quite another",
      });
    },
    "POST /signup/confirm/": async (client, test) => {
      await client.post("/signup/", { email: "ada@example.com" }, OURS);
      const token = (await test.deliver()).map(tokenIn)[0];
      return client.post("/signup/confirm/", { token, username: "ada", password: "quite another" }, OURS);
    },
  };

  /** It stores a mail, and changes no account: the account does not exist yet. */
  const WITHOUT_EVENT = new Set(["POST /signup/", ...CHALLENGES]);

  test("is tested below", () => {
    // ANY: a proxy asks with the method of a request to another server. That request changes nothing here.
    const changing = ROUTES.filter(({ method }) => method !== "GET" && method !== "ANY").map(
      ({ method, path }) => `${method} ${path}`,
    );
    assert.deepEqual(changing.toSorted(), [...Object.keys(DEEDS), ...WITHOUT_EVENT].toSorted());
  });

  for (const [row, deed] of Object.entries(DEEDS)) {
    test(`records an event: ${row}`, async () => {
      const test = await setUp();
      await test.client.login("alice", PASSWORD);
      const response = await deed(test.client, test);
      assert([200, 201, 202, 204, 303].includes(response.status), String(response.status));
      const requestId = response.headers.get("x-request-id") ?? "";
      assert((await everything(test)).some((event) => event.requestId === requestId));
    });
  }
});
