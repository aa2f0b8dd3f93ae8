import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Route } from "../lib/context.ts";
import { API, PAGE } from "../lib/pipeline/surface.ts";
import { ROUTES } from "../lib/routes.ts";
import { ALL, BROWSER, enroll, moveTo, OPEN, OURS, restart } from "./support/enrolling.ts";
import { PASSWORD } from "./support/factors.ts";

const DENIED = { detail: "Set up a second factor first.", code: "second_factor_setup_required" };

/**
 * The rows that a user without the demanded second factor reaches. Each of them serves clients without a session, or sets
 * one up.
 */
const REACHED = new Set([
  // Logs in or out.
  "GET /",
  "GET /login/",
  "POST /login/",
  "POST /login/second-factor/",
  "GET /login/second-factor/",
  "POST /login/second-factor/passkey/options/",
  "POST /login/second-factor/passkey/",
  "POST /login/passkey/options/",
  "POST /login/passkey/",
  "POST /logout/",
  // Sets up a second factor, or proves the user for that.
  "GET /security/",
  "POST /security/authenticator/",
  "POST /security/authenticator/confirm/",
  "GET /security/passkeys/",
  "POST /security/passkeys/options/",
  "POST /security/passkeys/",
  "GET /reauth/",
  "POST /reauth/",
  "POST /reauth/passkey/options/",
  "POST /reauth/passkey/",
  // Without a session, or by the link in a mail.
  "POST /email/confirm/",
  "GET /email/confirm/",
  "POST /password/reset/",
  "GET /password/reset/",
  "GET /password/reset/sent/",
  "POST /password/reset/confirm/",
  "GET /password/reset/confirm/",
  "POST /not-me/",
  "GET /not-me/",
  "GET /not-me/done/",
  "POST /signup/",
  "GET /signup/",
  "POST /signup/confirm/",
  "GET /signup/confirm/",
  "GET /setup/",
  "POST /setup/",
]);

/** A browser with a session is led to the set-up from there too. */
const LEADS_AWAY = new Set([
  "GET /",
  "GET /login/",
  "GET /security/authenticator/",
  "GET /security/authenticator/confirm/",
  "GET /security/passkeys/",
  "GET /security/recovery-codes/",
]);

const pathOf = ({ path }: Route) => path.replace(/:\w+/g, "0123456789abcdef0123").replace("*", "x");

describe("a user who has to set up a second factor", () => {
  for (const row of ROUTES.filter(({ surface }) => surface === API || surface === PAGE)) {
    const name = `${row.method} ${row.path}`;
    const expected = REACHED.has(name) ? "reaches" : "is denied";
    if (row.surface === API) {
      test(`${expected} ${name}`, async () => {
        const { app, client } = await enroll(OPEN);
        const body = row.method === "GET" ? {} : { json: {} };
        const answer = await client.send(row.method, pathOf(row), { headers: OURS, ...body });
        const text = await answer.text();
        const isDenied = answer.status === 403 && text.includes('"second_factor_setup_required"');
        assert.equal(isDenied, !REACHED.has(name), `${answer.status} ${text}`);
        await app.close();
      });
    }
    if (row.surface === PAGE || row.method === "GET") {
      test(`${expected} ${name} with a browser`, async () => {
        const { app, client } = await enroll(OPEN);
        const answer = await client.send(row.method, pathOf(row), { headers: BROWSER });
        const isLedAway = answer.status === 303 && answer.headers.get("Location") === "/security/";
        assert.equal(isLedAway, !REACHED.has(name) || LEADS_AWAY.has(name), String(answer.status));
        await app.close();
      });
    }
  }

  test("learns which factors can be set up", async () => {
    const { app, client } = await enroll();
    const denied = await client.get("/profile/");
    assert.deepEqual([denied.status, await denied.json()], [403, { ...DENIED, methods: ["totp"] }]);
    const secure = await restart(app, { ...ALL, PUBLIC_URL: "http://postern.test" });
    const other = await moveTo(client, secure).get("/profile/");
    assert.deepEqual(await other.json(), { ...DENIED, methods: ["totp", "passkey"] });
    await app.close();
  });

  test("learns nothing by OPTIONS or another method, and logs out", async () => {
    const { app, client } = await enroll();
    for (const method of ["OPTIONS", "HEAD", "PUT", "DELETE"]) {
      assert.equal((await client.send(method, "/profile/", { headers: OURS })).status, 403, method);
    }
    assert.equal((await client.post("/logout/", {}, OURS)).status, 204);
    const after = await client.get("/profile/");
    assert.equal((await after.json()).detail, "Authentication credentials were not provided.");
    await app.close();
  });

  test("changes nothing: a profile, a password, a session and a device stay", async () => {
    const { app, client } = await enroll(OPEN);
    const { db } = app.services;
    const read = async () =>
      JSON.stringify([
        await db.selectFrom("users").selectAll().execute(),
        await db.selectFrom("devices").select("id").execute(),
        await db.selectFrom("sessions").select("id").execute(),
      ]);
    const before = await read();
    await client.send("PATCH", "/profile/", { json: { first_name: "X" }, headers: OURS });
    await client.post("/password/change/", { current_password: PASSWORD, new_password: "another horse" }, OURS);
    await client.post("/account/delete/", { password: PASSWORD }, OURS);
    await client.send("DELETE", "/sessions/", { headers: OURS });
    assert.equal(await read(), before);
    await app.close();
  });

  test("keeps the forms that need no login, with the token against forged requests", async () => {
    const { app, client } = await enroll(OPEN);
    const page = await (await client.get("/password/reset/", BROWSER)).text();
    const [, token] = /name="csrfmiddlewaretoken" value="([^"]+)"/.exec(page) ?? [];
    assert(token);
    const body = new URLSearchParams({ username: "alice", csrfmiddlewaretoken: token }).toString();
    const headers = { Accept: "text/html", "Content-Type": "application/x-www-form-urlencoded" };
    const sent = await client.send("POST", "/password/reset/", { headers, body });
    assert.equal(sent.headers.get("Location"), "/password/reset/sent/");
    await app.close();
  });
});
