import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PAGE } from "../lib/pipeline/surface.ts";
import { ROUTES } from "../lib/routes.ts";
import { type Client, createClient } from "./support/client.ts";
import { PASSWORD } from "./support/factors.ts";
import { createTestApp, MAIL, type TestApp } from "./support/test-app.ts";

const OURS = { "Sec-Fetch-Site": "same-origin" };
const BROWSER = { ...OURS, Accept: "text/html", "Content-Type": "application/x-www-form-urlencoded" };
const DAY = 86_400;

/** The rows that need a proof, and the guard of each. Both methods of a form are rows of their own. */
const GUARDED: Record<string, string> = {
  "GET /account/export/": "recentDownload",
  "DELETE /sessions/": "freshLogin",
  "POST /sessions/": "freshLogin",
  "POST /security/authenticator/": "recentForSetUp",
  "POST /security/authenticator/confirm/": "recentForSetUp",
  "DELETE /security/authenticator/": "recent",
  "POST /security/authenticator/remove/": "recent",
  "POST /security/recovery-codes/": "recent",
  "POST /security/passkeys/options/": "passkeyRecentForSetUp",
  "POST /security/passkeys/": "passkeyRecentForSetUp",
  "PATCH /security/passkeys/:id/": "recent",
  "POST /security/passkeys/:id/name/": "recent",
  "DELETE /security/passkeys/:id/": "recent",
  "POST /security/passkeys/:id/": "recent",
};

interface Scene extends TestApp, AsyncDisposable {
  client: Client;
  /** The name of another session of the same user. */
  other: string;
}

async function setScene(environment: Record<string, string> = {}): Promise<Scene> {
  const test = await createTestApp(environment);
  await test.addUser({ username: "alice", email: "alice@example.com", password: PASSWORD });
  await createClient(test.app).login("alice", PASSWORD);
  const client = createClient(test.app);
  await client.login("alice", PASSWORD);
  const listed: { id: string; is_current: boolean }[] = JSON.parse(await (await client.get("/sessions/")).text());
  const other = listed.find(({ is_current }) => !is_current)?.id ?? "";
  return { ...test, client, other, [Symbol.asyncDispose]: test.close };
}

type Ask = (scene: Scene) => Promise<Response>;

const form = ({ send }: Client, path: string, fields: Record<string, string> = {}) =>
  send("POST", path, { headers: BROWSER, body: String(new URLSearchParams(fields)) });

const patch = ({ send }: Client, json: unknown) => send("PATCH", "/profile/", { headers: OURS, json });

const prove = ({ post }: Client) => post("/reauth/", { password: PASSWORD }, OURS);

/** What needs a proof of the last ten minutes, and what a browser's form is led to without one. */
const SENSITIVE: Record<string, { ask: Ask; back?: string }> = {
  "an export": { ask: ({ client }) => client.get("/account/export/") },
  "an export by a browser": {
    ask: ({ client }) => client.get("/account/export/", { Accept: "text/html", "Sec-Fetch-Mode": "navigate" }),
    back: "/reauth/?repeat=on",
  },
  "another address": { ask: ({ client }) => patch(client, { email: "new@example.com" }) },
  "no address": { ask: ({ client }) => patch(client, { email: "" }) },
  "another address in a form": {
    ask: ({ client }) => form(client, "/profile/", { first_name: "Al", last_name: "", email: "new@example.com" }),
    back: "/reauth/?next=%2Fprofile%2F&repeat=on",
  },
};

/** What needs a login of today, or such a proof. */
const FRESH: Record<string, { ask: Ask; back?: string }> = {
  "the end of all other sessions": { ask: ({ client }) => client.send("DELETE", "/sessions/", { headers: OURS }) },
  "the end of another session": {
    ask: ({ client, other }) => client.send("DELETE", `/sessions/${other}/`, { headers: OURS }),
  },
  "a form that ends all other sessions": {
    ask: ({ client }) => form(client, "/sessions/"),
    back: "/reauth/?next=%2Fsessions%2F&repeat=on",
  },
  "a form that ends another session": {
    ask: ({ client, other }) => form(client, `/sessions/${other}/`),
    back: "/reauth/?next=%2Fsessions%2F&repeat=on",
  },
};

const DENIED = {
  detail: "The login is too old for this. Log in again.",
  code: "recent_login_required",
  methods: ["password"],
};

async function assertDenied(answer: Response, back: string | undefined): Promise<void> {
  if (back === undefined) assert.deepEqual([answer.status, await answer.json()], [403, DENIED]);
  else assert.deepEqual([answer.status, answer.headers.get("location")], [303, back]);
}

async function assertGranted(answer: Response): Promise<void> {
  assert([200, 202, 204, 303].includes(answer.status), String(answer.status));
  assert.doesNotMatch(answer.headers.get("location") ?? "", /reauth/);
  await answer.text();
}

describe("the rows that need a recent proof", () => {
  const rows = ROUTES.map(({ method, path, guard }) => [`${method} ${path}`, guard.name] as const);

  test("are exactly these, by their guards", () => {
    const guards = new Set(Object.values(GUARDED));
    assert.deepEqual(Object.fromEntries(rows.filter(([, guard]) => guards.has(guard))), GUARDED);
  });

  for (const row of Object.keys(GUARDED)) {
    const [method = "", path = ""] = row.split(" ");
    test(`deny an old proof, whatever is sent: ${row}`, async () => {
      await using scene = await setScene(MAIL);
      const { client, clock, services } = scene;
      clock.advance(DAY + 1);
      await services.db.updateTable("sessions").set({ last_seen_at: clock.now }).execute();
      const target = path.replace(":id", "0".repeat(20));
      const isPage = ROUTES.some((one) => one.path === path && one.method === method && one.surface === PAGE);
      if (isPage) {
        const { status, headers } = await form(client, target);
        assert.deepEqual([status, headers.get("location")?.split("?")[0]], [303, "/reauth/"]);
      } else {
        await assertDenied(await client.send(method, target, { headers: OURS }), undefined);
      }
    });
  }
});

for (const [settings, environment] of Object.entries({ "": {}, " with mail": MAIL })) {
  for (const [what, { ask, back }] of Object.entries(SENSITIVE)) {
    test(`${what}${settings} needs a proof that is at most 600 seconds old`, async () => {
      await using scene = await setScene(environment);
      scene.clock.advance(601);
      await assertDenied(await ask(scene), back);
      assert.equal((await prove(scene.client)).status, 204);
      scene.clock.advance(600);
      await assertGranted(await ask(scene));
    });
  }

  test(`a change of the names${settings}, or the same address again, needs none`, async () => {
    await using scene = await setScene(environment);
    scene.clock.advance(601);
    await assertGranted(await patch(scene.client, { first_name: "Al" }));
    await assertGranted(await patch(scene.client, { first_name: "Al", email: "alice@example.com" }));
    await assertGranted(await patch(scene.client, { email: "alice@EXAMPLE.com" }));
    await assertGranted(
      await form(scene.client, "/profile/", { first_name: "A", last_name: "L", email: "alice@example.com" }),
    );
  });
}

for (const [what, { ask, back }] of Object.entries(FRESH)) {
  test(`${what} needs a login within a day, or a recent proof`, async () => {
    await using scene = await setScene();
    const { clock, services } = scene;
    clock.advance(DAY + 1);
    await services.db.updateTable("sessions").set({ last_seen_at: clock.now }).execute();
    await assertDenied(await ask(scene), back);
    assert.equal((await services.db.selectFrom("sessions").select("id").execute()).length, 2);
    assert.equal((await prove(scene.client)).status, 204);
    await assertGranted(await ask(scene));
    assert.equal((await services.db.selectFrom("sessions").select("id").execute()).length, 1);
  });

  test(`${what} needs no proof on the day of the login`, async () => {
    await using scene = await setScene();
    scene.clock.advance(DAY);
    await assertGranted(await ask(scene));
  });
}

test("a proof does not make the login younger", async () => {
  await using scene = await setScene();
  scene.clock.advance(DAY);
  await prove(scene.client);
  scene.clock.advance(601);
  const answer = await scene.client.send("DELETE", "/sessions/", { headers: OURS });
  await assertDenied(answer, undefined);
});

test("to log out needs no proof, by any address", async () => {
  await using scene = await setScene();
  const { client, clock } = scene;
  clock.advance(DAY + 1);
  const listed: { id: string; is_current: boolean }[] = JSON.parse(await (await client.get("/sessions/")).text());
  const own = listed.find(({ is_current }) => is_current)?.id ?? "";
  await assertGranted(await client.send("DELETE", `/sessions/${own}/`, { headers: OURS }));
  assert.equal((await client.get("/profile/")).status, 403);
});

test("a link to the stored address, and the end of a change, need no proof", async () => {
  await using scene = await setScene(MAIL);
  scene.clock.advance(601);
  assert.equal((await scene.client.post("/email/prove/", {}, OURS)).status, 202);
  assert.equal((await scene.client.post("/email/cancel/", {}, OURS)).status, 204);
});

test("POSTERN_RECENT_LOGIN_SECONDS says how long a proof counts", async () => {
  await using scene = await setScene({ POSTERN_RECENT_LOGIN_SECONDS: "30" });
  scene.clock.advance(30);
  await assertGranted(await scene.client.get("/account/export/"));
  scene.clock.advance(1);
  await assertDenied(await scene.client.get("/account/export/"), undefined);
});

test("a proof in the future counts for no longer than clocks differ", async () => {
  await using scene = await setScene();
  scene.clock.advance(-10);
  await assertGranted(await scene.client.get("/account/export/"));
  scene.clock.advance(-1);
  await assertDenied(await scene.client.get("/account/export/"), undefined);
  assert.equal((await prove(scene.client)).status, 204);
  await assertGranted(await scene.client.get("/account/export/"));
});

test("an invalid address is an error of the form, also without a proof", async () => {
  await using scene = await setScene();
  scene.clock.advance(601);
  const answer = await patch(scene.client, { email: "alice at home" });
  assert.deepEqual([answer.status, await answer.json()], [400, { email: ["Enter a valid email address."] }]);
});

test("a denied change stores nothing, and counts no mail", async () => {
  await using scene = await setScene(MAIL);
  const { client, clock, services } = scene;
  clock.advance(601);
  for (let count = 0; count < 10; count++) await patch(client, { first_name: "Al", email: "new@example.com" });
  const [user] = await services.db.selectFrom("users").select(["first_name", "email"]).execute();
  assert.deepEqual({ ...user }, { first_name: "", email: "alice@example.com" });
  await prove(client);
  assert.equal((await patch(client, { email: "new@example.com" })).status, 202);
});

test("a browser is led from a denied form to the proof and back to its page", async () => {
  await using scene = await setScene();
  const { client, clock } = scene;
  clock.advance(601);
  const denied = await form(client, "/profile/", { first_name: "Al", last_name: "", email: "new@example.com" });
  const asks = await (await client.get(denied.headers.get("location") ?? "", { Accept: "text/html" })).text();
  assert.match(asks, /Nothing has happened yet\. After this step, do it again\./);
  const hidden = [...asks.matchAll(/<input type="hidden" name="(next|repeat)" value="([^"]*)">/g)];
  const fields = Object.fromEntries(hidden.map(([, name = "", value = ""]) => [name, value]));
  const proved = await form(client, "/reauth/", { ...fields, password: PASSWORD });
  const location = proved.headers.get("location") ?? "";
  assert.equal(location, "/profile/?done=proved");
  assert.match(await (await client.get(location, { Accept: "text/html" })).text(), /You can go on now/);
});
