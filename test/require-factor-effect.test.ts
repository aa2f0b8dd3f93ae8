import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { deleteTotp, refreshSecondFactor } from "../db/factors.ts";
import { transaction } from "../db/open.ts";
import { OPERATOR } from "../lib/audit/actor.ts";
import { editUser } from "../lib/users/edit-user.ts";
import { createClient } from "./support/client.ts";
import { PASSWORD as EMBEDDED_PASSWORD, embed } from "./support/embedded.ts";
import { ALL, BROWSER, enroll, givePasskey, moveTo, OPEN, OURS, restart, statusOf } from "./support/enrolling.ts";
import { giveFactors } from "./support/factors.ts";
import { IDENTITY_HEADERS, PROXIES } from "./support/forwarding.ts";
import { tokenIn } from "./support/test-app.ts";

const STAFF = { POSTERN_REQUIRE_SECOND_FACTOR: "staff" };

describe("an application behind Postern", () => {
  test("knows no user who has to set up a second factor", async () => {
    const { app, user, client } = await enroll({ ...ALL, POSTERN_TRUSTED_PROXIES: "192.0.2.1" });
    const denied = await client.get("/auth/");
    assert.deepEqual([denied.status, (await denied.json()).code], [403, "second_factor_setup_required"]);
    const anonymous = await client.get("/auth/?anonymous=allow");
    assert.deepEqual([anonymous.status, (await anonymous.json()).id], [200, null]);
    const original = { method: "GET", url: "http://postern.test/notes/", headers: {} };
    for (const [name, ask] of Object.entries(PROXIES)) {
      const { method, path, headers = {} } = ask(original);
      const answer = await client.send(method, path, { headers });
      assert.equal(answer.status, 403, name);
      for (const header of IDENTITY_HEADERS) assert.equal(answer.headers.get(header) ?? "", "", `${name} ${header}`);
    }
    await giveFactors(app, user);
    assert.equal((await client.get("/auth/")).status, 200);
    await app.close();
  });

  test("sends a browser to the set-up, and not around in a circle", async () => {
    const { app, client } = await enroll({ ...ALL, POSTERN_TRUSTED_PROXIES: "192.0.2.1" });
    const ask = PROXIES["caddy"];
    assert(ask);
    const { path, headers = {} } = ask({ method: "GET", url: "http://postern.test/notes/", headers: {} });
    const denied = await client.get(path, { ...headers, "Sec-Fetch-Mode": "navigate" });
    assert.deepEqual([denied.status, denied.headers.get("Location")], [303, "/security/"]);
    const login = await client.get("/login/?next=/notes/", BROWSER);
    assert.deepEqual([login.status, login.headers.get("Location")], [303, "/security/"]);
    assert.equal((await client.get("/security/", BROWSER)).status, 200);
    await app.close();
  });

  test("knows none if Postern is embedded", async () => {
    await using embedded = await embed({ requireSecondFactor: "staff" });
    const { postern, client, request } = embedded;
    assert.equal((await client.login("alice", EMBEDDED_PASSWORD)).status, 202);
    assert.equal(await postern.user(request()), null);
    assert.equal((await client.get("/profile/")).status, 403);
  });
});

describe("POSTERN_REQUIRE_SECOND_FACTOR", () => {
  test("takes effect at the next request of each live session", async () => {
    const { app, client } = await enroll({});
    assert.equal(await statusOf(client), 200);
    assert.equal(await statusOf(moveTo(client, await restart(app, ALL))), 403);
    assert.equal(await statusOf(moveTo(client, await restart(app, STAFF))), 200);
    await app.close();
  });

  test("lets the same session go on after the set-up", async () => {
    const { app, user, client } = await enroll();
    const before = client.cookies.get("sessionid");
    assert.equal(await statusOf(client), 403);
    await giveFactors(app, user);
    assert.equal(await statusOf(client), 200);
    assert.equal(client.cookies.get("sessionid"), before);
    await app.close();
  });

  test("asks again after the last second factor is removed, and recovery codes alone are none", async () => {
    const { app, user, client } = await enroll();
    await giveFactors(app, user);
    await transaction(app.services.db, async (db) => {
      await deleteTotp(db, user.id);
      await refreshSecondFactor(db, user.id);
    });
    assert.equal(await statusOf(client), 403);
    await app.close();
  });

  test("is met by a passkey alone", async () => {
    const { app, user, client } = await enroll();
    await givePasskey(app.services.db, user);
    assert.equal(await statusOf(client), 200);
    await app.close();
  });

  test("with `staff` asks users with the flag staff or superuser, from the request after they got it", async () => {
    const { app, user, client } = await enroll(STAFF);
    assert.equal(await statusOf(client), 200);
    for (const changes of [{ isStaff: true }, { isStaff: false, isSuperuser: true }]) {
      await editUser(app.services, OPERATOR, user, changes);
      assert.equal(await statusOf(client), 403, JSON.stringify(changes));
    }
    await editUser(app.services, OPERATOR, user, { isSuperuser: false });
    assert.equal(await statusOf(client), 200);
    await app.close();
  });

  test("asks no second factor of a login by a new password, but its set-up", async () => {
    const { app, client } = await enroll({ ...OPEN });
    await app.services.db.updateTable("users").set({ email: "alice@example.com", email_proved_at: 1 }).execute();
    await client.post("/password/reset/", { username: "alice" }, OURS);
    const [mail] = await app.deliver();
    assert(mail);
    const stranger = createClient(app.app);
    const password = "a horse that is right";
    const reset = await stranger.post(
      "/password/reset/confirm/",
      { token: tokenIn(mail), new_password: password },
      OURS,
    );
    assert.equal(reset.status, 204);
    assert.equal(await statusOf(stranger), 403);
    await app.close();
  });
});
