import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { sql } from "kysely";
import { migrate } from "../db/migrate.ts";
import { deleteUser } from "../db/users.ts";
import { hashToken } from "../lib/crypto/token.ts";
import { clearExpired } from "../lib/ops/clear-expired.ts";
import { inviteFirstUser } from "../lib/users/invite-first-user.ts";
import { createClient } from "./support/client.ts";
import { createSandbox, type Sandbox } from "./support/process.ts";
import { createTestApp } from "./support/test-app.ts";

const PROCESSES = { timeout: 60_000 };

const BROWSER = { "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin", Accept: "text/html,*/*;q=0.8" };

const countTokens = async (sandbox: Sandbox) =>
  sandbox.withDatabase(async (db) => (await db.selectFrom("one_time_tokens").select("id").execute()).length);

describe("a set-up link", () => {
  test("is void after a user was created in another way, also if that user is deleted", async () => {
    const { app, services, addUser } = await createTestApp();
    // Each server process prints its own link.
    const links = [await inviteFirstUser(services), await inviteFirstUser(services)].map((link) => link ?? "");
    const user = await addUser({ username: "alice", password: "right horse" });
    await deleteUser(services.db, user.id);
    const fields = { username: "root", email: "", password: "k7#qz!pv-9" };
    const body = new URLSearchParams(fields).toString();
    const headers = { ...BROWSER, "Content-Type": "application/x-www-form-urlencoded" };
    for (const link of links) {
      assert.equal((await createClient(app).get(link, BROWSER)).status, 404);
      assert.equal((await createClient(app).send("POST", link, { headers, body })).status, 404);
    }
    assert.deepEqual(await services.db.selectFrom("one_time_tokens").selectAll().execute(), []);
  });

  test("is void after another link was printed, also an expired one", async () => {
    const { app, services, clock } = await createTestApp();
    const expired = (await inviteFirstUser(services)) ?? "";
    clock.advance(30 * 60);
    const link = (await inviteFirstUser(services)) ?? "";
    const body = new URLSearchParams({ username: "root", email: "", password: "k7#qz!pv-9" }).toString();
    const headers = { ...BROWSER, "Content-Type": "application/x-www-form-urlencoded" };
    assert.equal((await createClient(app).send("POST", expired, { headers, body })).status, 404);
    assert.equal((await createClient(app).send("POST", link, { headers, body })).status, 303);
    assert.deepEqual(await services.db.selectFrom("one_time_tokens").selectAll().execute(), []);
  });

  test("stays valid if a command creates no user", async () => {
    const { app, services, addUser } = await createTestApp();
    const link = (await inviteFirstUser(services)) ?? "";
    await assert.rejects(addUser({ username: "not a name", password: "right horse" }));
    assert.equal((await createClient(app).get(link, BROWSER)).status, 200);
  });

  test("is not valid again after a restore from before its use", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const server = await sandbox.serve();
    const run = async (args: string[], input = "") => {
      const { code, stderr } = await sandbox.run(args, { input });
      assert.equal(code, 0, stderr);
    };
    await run(["backup", "backup.db"]);
    await run(["createuser", "alice", "--password-stdin"], "right horse");
    await server.stop();
    await run(["restore", "backup.db", "--yes"]);
    assert.equal(await countTokens(sandbox), 0);
  });

  test("is not printed after a user exists", async () => {
    const { services, addUser } = await createTestApp();
    await addUser({ username: "alice", password: "right horse" });
    assert.equal(await inviteFirstUser(services), null);
    assert.deepEqual(await services.db.selectFrom("one_time_tokens").selectAll().execute(), []);
  });

  test("is void after a copy brought users", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const server = await sandbox.serve();
    await server.stop();
    await using source = await createSandbox();
    await source.run(["createuser", "alice", "--password-stdin"], { input: "right horse" });
    const from = `sqlite:${source.folder}/postern.db`;
    const copied = await sandbox.run(["copy", "--from", from, "--to", "sqlite:postern.db"]);
    assert.equal(copied.code, 0, copied.stderr);
    assert.equal(await countTokens(sandbox), 0);
  });

  test("is void after an import by SQL brought users", async () => {
    const { services } = await createTestApp();
    assert(await inviteFirstUser(services));
    await sql`insert into users
      (username, email, first_name, last_name, password, is_active, is_staff, is_superuser, date_joined)
      values ('imported', '', '', '', '!', 1, 0, 0, 0)`.execute(services.db);
    assert.deepEqual(await services.db.selectFrom("one_time_tokens").selectAll().execute(), []);
  });

  test("works after an upgrade from a version with a separate table for it", async () => {
    const { app, services, clock } = await createTestApp();
    const { db } = services;
    await sql`drop table one_time_tokens`.execute(db);
    await sql`create table setup_tokens (id text primary key, expires_at bigint not null)`.execute(db);
    await sql`insert into setup_tokens values (${hashToken("from-before")}, ${clock.now + 60_000})`.execute(db);
    await sql`delete from postern_migration where name = '0009_one_time_tokens'`.execute(db);
    assert.deepEqual(await migrate(db), ["0009_one_time_tokens"]);
    // Of a later migration, which is not undone here.
    await sql`alter table one_time_tokens add column facts text not null default ''`.execute(db);
    const body = new URLSearchParams({ username: "root", email: "", password: "k7#qz!pv-9" }).toString();
    const headers = { ...BROWSER, "Content-Type": "application/x-www-form-urlencoded" };
    const first = await createClient(app).send("POST", "/setup/?token=from-before", { headers, body });
    assert.equal(first.status, 303);
    assert.deepEqual(await db.selectFrom("one_time_tokens").selectAll().execute(), []);
  });

  test("creates one user if two links are used at once", async () => {
    const { app, services } = await createTestApp();
    const links = [await inviteFirstUser(services), await inviteFirstUser(services)].map((link) => link ?? "");
    const headers = { ...BROWSER, "Content-Type": "application/x-www-form-urlencoded" };
    const answers = links.map((link, index) => {
      const body = new URLSearchParams({ username: `root${index}`, email: "", password: "k7#qz!pv-9" }).toString();
      return createClient(app).send("POST", link, { headers, body });
    });
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    assert.deepEqual(statuses.sort(), [303, 404]);
  });

  test("is deleted by clearsessions after it expired", async () => {
    const { services, clock } = await createTestApp();
    await inviteFirstUser(services);
    clock.advance(30 * 60);
    await clearExpired(services);
    assert.deepEqual(await services.db.selectFrom("one_time_tokens").selectAll().execute(), []);
  });

  for (const command of ["createuser", "createsuperuser"]) {
    test(`is void after ${command} while the server runs`, PROCESSES, async () => {
      await using sandbox = await createSandbox();
      const server = await sandbox.serve();
      assert.equal(await countTokens(sandbox), 1);
      const made = await sandbox.run([command, "alice", "--password-stdin"], { input: "right horse" });
      assert.equal(made.code, 0);
      assert.equal(await countTokens(sandbox), 0);
      assert.equal((await sandbox.run(["deleteuser", "alice", "--yes"])).code, 0);
      assert.equal(await countTokens(sandbox), 0);
      await server.stop();
    });
  }
});
