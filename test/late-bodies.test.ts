import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { User } from "../db/users.ts";
import { OPERATOR } from "../lib/audit/actor.ts";
import { deactivate, deleteUser } from "../lib/users/activation.ts";
import { changePassword } from "../lib/users/change-password.ts";
import { editUser } from "../lib/users/edit-user.ts";
import { endSessions } from "../lib/users/end-sessions.ts";
import { type Client, createClient } from "./support/client.ts";
import { anyPassword, createTestApp, type TestApp } from "./support/test-app.ts";

// The session is looked up when the head of a request arrives. The body may arrive seconds later, and the session may
// have ended in between. Then no write may happen in its name.

interface Write {
  what: string;
  method: string;
  path: string;
  body: string;
  type: string;
  headers?: Record<string, string>;
}

const JSON_TYPE = "application/json";
const FORM_TYPE = "application/x-www-form-urlencoded";
const SAME_ORIGIN = { "Sec-Fetch-Site": "same-origin" };
const PAGE = { Accept: "text/html" };

const rightPassword = { current_password: "right horse", new_password: "violet orchestra 9" };
const wrongPassword = { ...rightPassword, current_password: "wrong horse" };

/** Every write in the name of a session that has a body. `csrfmiddlewaretoken` is filled in. */
const WRITES: Write[] = [
  { what: "a change of the profile", ...at("PATCH", "/profile/", { first_name: "Mallory" }) },
  { what: "a form that changes the profile", ...formAt("/profile/", "first_name=Mallory") },
  { what: "a change of the password", ...at("POST", "/password/change/", rightPassword) },
  { what: "a guess at the current password", ...at("POST", "/password/change/", wrongPassword) },
  {
    what: "a password that breaks the rules",
    ...at("POST", "/password/change/", { ...rightPassword, new_password: "x" }),
  },
  { what: "a deletion of the account", ...at("POST", "/account/delete/", { password: "right horse" }) },
  { what: "a guess at the password of a deletion", ...at("POST", "/account/delete/", { password: "wrong horse" }) },
  { what: "a form that deletes the account", ...formAt("/account/delete/", "password=right+horse") },
  { what: "a proof by the password", ...at("POST", "/reauth/", { password: "right horse" }) },
  { what: "a guess at the password of a proof", ...at("POST", "/reauth/", { password: "wrong horse" }) },
  { what: "a guess at a code", ...at("POST", "/reauth/", { code: "123456" }) },
  { what: "a form with a proof", ...formAt("/reauth/", "password=right+horse") },
  { what: "a form that ends the other sessions", ...formAt("/sessions/", "") },
  { what: "a form that ends one session", ...formAt("/sessions/:other/", "") },
  { what: "a form that forgets a device", ...formAt("/devices/:device/", "") },
];

function at(method: string, path: string, json: unknown) {
  return { method, path, body: JSON.stringify(json), type: JSON_TYPE, headers: SAME_ORIGIN };
}

/** A browser from before Fetch Metadata: the body is read for its token before the guard. */
function formAt(path: string, fields: string) {
  return { method: "POST", path, body: `csrfmiddlewaretoken=:csrf&${fields}`, type: FORM_TYPE, headers: PAGE };
}

function jsonOf(body: unknown) {
  return { headers: { "Content-Type": JSON_TYPE, ...SAME_ORIGIN }, body: JSON.stringify(body) };
}

interface Scene extends TestApp {
  user: User;
  /** The session that writes, and another session of the same user. */
  writer: Client;
  other: Client;
}

type Ending = (scene: Scene) => Promise<unknown>;

const ENDINGS: Record<string, Ending> = {
  "its own logout": ({ app, writer }) => copyOf(app, writer).post("/logout/", {}, SAME_ORIGIN),
  "another session that ends it": ({ other }) => other.send("DELETE", "/sessions/", { headers: SAME_ORIGIN }),
  "a password change by another session": ({ other }) => other.post("/password/change/", rightPassword, SAME_ORIGIN),
  "a new login in its place": ({ app, writer }) => copyOf(app, writer).login("alice", "right horse"),
  "a proof that gives it a new token": ({ app, writer }) =>
    copyOf(app, writer).post("/reauth/", { password: "right horse" }, SAME_ORIGIN),
  "a new password from the command line": ({ services, user }) =>
    changePassword(services, OPERATOR, user, anyPassword("brass lantern 7")),
  "a deactivation": ({ services, user }) => deactivate(services, OPERATOR, user),
  "the end of all sessions from the command line": ({ services, user }) => endSessions(services, OPERATOR, user),
  "the user's deletion": ({ services, user }) => deleteUser(services, OPERATOR, user),
  "a deactivation by SQL": ({ services: { db } }) => db.updateTable("users").set({ is_active: 0 }).execute(),
  "its expiry": async ({ clock, services: { config } }) => clock.advance(config.sessionMaxAgeSeconds),
};

describe("a body that arrives after its session has ended changes nothing", () => {
  for (const write of WRITES) {
    for (const [ending, end] of Object.entries(ENDINGS)) {
      test(`${write.what}, after ${ending}`, async () => {
        const scene = await setScene();
        const late = await hold(scene, write);
        await end(scene);
        const before = await dump(scene);
        const response = await late.finish();
        if (write.headers === PAGE) {
          assert.equal(response.status, 303);
          assert.match(response.headers.get("Location") ?? "", /^\/login\//);
        } else {
          assert.equal(response.status, 403);
          assert.deepEqual(await response.json(), { detail: "Authentication credentials were not provided." });
        }
        assert.deepEqual(await dump(scene), before);
        await scene.close();
      });
    }
  }

  test("but the same writes succeed while the session is alive", async () => {
    for (const write of WRITES.filter(({ body }) => !/wrong|"x"|"code"/.test(body))) {
      const scene = await setScene();
      const late = await hold(scene, write);
      const before = await dump(scene);
      const { status } = await late.finish();
      assert([200, 204, 303].includes(status), `${write.what}: ${status}`);
      assert.notDeepEqual(await dump(scene), before, write.what);
      await scene.close();
    }
  });
});

test("a password change belongs to the session's user, also if another user got the username meanwhile", async () => {
  const scene = await setScene();
  const { services, user, writer } = scene;
  const late = await hold(scene, { what: "", ...at("POST", "/password/change/", rightPassword) });
  await editUser(services, OPERATOR, user, { username: "renamed" });
  const namesake = await scene.addUser({ username: "alice", password: "right horse" });
  assert.equal((await late.finish()).status, 204);
  assert.equal((await createClient(scene.app).login("renamed", "violet orchestra 9")).status, 202);
  assert.equal((await createClient(scene.app).login(namesake.username, "right horse")).status, 202);
  assert.equal((await writer.get("/profile/")).status, 200);
  await scene.close();
});

test("a late change of the profile is recorded by what it changes, whatever the request's head saw", async () => {
  const scene = await setScene();
  const { services, user, writer, other } = scene;
  await writer.send("PATCH", "/profile/", jsonOf({ email: "thief@example.com" }));
  const late = await hold(scene, { what: "", ...at("PATCH", "/profile/", { email: "thief@example.com" }) });
  await other.send("PATCH", "/profile/", jsonOf({ email: "owner@example.com" }));
  assert.equal((await late.finish()).status, 200);
  const events = await services.db.selectFrom("events").select(["kind", "detail"]).orderBy("id").execute();
  const changes = events.filter(({ kind }) => kind === "user_changed");
  assert.deepEqual(
    changes.map(({ detail }) => detail),
    ["email", "email", "email"],
    user.username,
  );
  await scene.close();
});

test("if a session ends while its password is checked, the answer does not say whether the password was right", async () => {
  for (const json of [rightPassword, wrongPassword]) {
    const scene = await setScene();
    const { services, user, writer } = scene;
    const { check } = services.hasher;
    services.hasher.check = async (...given) => {
      await endSessions(services, OPERATOR, user);
      return check(...given);
    };
    const response = await writer.post("/password/change/", json, SAME_ORIGIN);
    assert.equal(response.status, 403);
    assert.deepEqual(await response.json(), { detail: "Authentication credentials were not provided." });
    await scene.close();
  }
});

async function setScene(): Promise<Scene> {
  const test = await createTestApp({ POSTERN_ACCOUNT_DELETION: "on" });
  const user = await test.addUser({ username: "alice", password: "right horse" });
  const [writer, other] = [createClient(test.app), createClient(test.app)];
  for (const client of [writer, other]) assert.equal((await client.login("alice", "right horse")).status, 202);
  return { ...test, user, writer, other };
}

/** Sends the head of a request and waits until the server reads the body. */
async function hold({ writer, other }: Scene, { method, path, body, type, headers }: Write) {
  const asked = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const text = body.replace(":csrf", writer.cookies.get("csrftoken") ?? "");
  const stream = new ReadableStream(
    {
      pull: async (controller) => {
        asked.resolve();
        await released.promise;
        controller.enqueue(new TextEncoder().encode(text));
        controller.close();
      },
    },
    { highWaterMark: 0 },
  );
  const name = path.includes(":other") ? await currentOf(other, "/sessions/") : await currentOf(writer, "/devices/");
  const target = path.replace(/:other|:device/, name);
  const response = writer.send(method, target, { body: stream, headers: { "Content-Type": type, ...headers } });
  await asked.promise;
  return {
    finish: () => {
      released.resolve();
      return response;
    },
  };
}

async function currentOf(client: Client, list: string): Promise<string> {
  const items: unknown = await (await client.get(list)).json();
  assert(Array.isArray(items));
  return String(items.find(({ is_current }) => is_current)?.id);
}

function copyOf(app: TestApp["app"], client: Client): Client {
  const copy = createClient(app);
  for (const [name, value] of client.cookies) copy.cookies.set(name, value);
  return copy;
}

/** @returns all data that a late write could have changed */
async function dump({ services: { db } }: Scene): Promise<unknown> {
  const tables = ["users", "sessions", "devices", "throttles", "events"] as const;
  return Promise.all(tables.map((table) => db.selectFrom(table).selectAll().execute()));
}
