import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { migrate } from "../db/migrate.ts";
import { openDatabase } from "../db/open.ts";
import { HAS_PGBOUNCER, startPgBouncer } from "./support/pgbouncer.ts";
import { usePostgres } from "./support/postgres.ts";
import { createSandbox, login, logout, profile, type Server } from "./support/process.ts";

const PROCESSES = { timeout: 120_000 };

const PASSWORD = "right horse";

const POOLED = { POSTERN_DATABASE_POOLER: "transaction" };

const missing = HAS_PGBOUNCER ? "" : ", which did not run: PgBouncer is not installed";

describe(`behind PgBouncer${missing}`, { skip: !HAS_PGBOUNCER }, () => {
  const postgres = usePostgres(PROCESSES);

  /** Two nodes, so that the pooler mixes their connections. */
  async function logInAndOut(servers: readonly Pick<Server, "url">[]): Promise<number[]> {
    const visit = async (index: number) => {
      const server = servers[index % servers.length] ?? assert.fail();
      const { status, cookie } = await login(server, "alice", PASSWORD);
      const shown = await profile(server, cookie);
      const ended = await logout(server, cookie);
      const shownAfter = await profile(server, cookie);
      return [status, shown.status, ended.status, shownAfter.status];
    };
    return (await Promise.all(Array.from({ length: 12 }, (_, index) => visit(index)))).flat();
  }

  for (const mode of ["session", "transaction"] as const) {
    test(`in ${mode} mode, logins, profiles and logouts are answered`, PROCESSES, async () => {
      await using sandbox = await createSandbox();
      await using bouncer = await startPgBouncer(postgres, mode);
      const environment = {
        DATABASE_URL: bouncer.through(await postgres.createDatabase(mode)),
        POSTERN_DATABASE_POOL_SIZE: "3",
        POSTERN_THROTTLE: "off",
        ...(mode === "transaction" ? POOLED : {}),
      };
      const created = await sandbox.run(["createuser", "alice", "--password-stdin"], { input: PASSWORD, environment });
      assert.equal(created.stderr, "");
      const servers = [await sandbox.serveInProcess(environment), await sandbox.serveInProcess(environment)];
      const statuses = [...(await logInAndOut(servers)), ...(await logInAndOut(servers))];
      assert.deepEqual(statuses, Array.from({ length: 24 }, () => [202, 200, 204, 403]).flat());
      for (const server of servers) {
        assert.equal((await fetch(`${server.url}/readyz`)).status, 200);
        assert(!server.events().some(({ event }) => event === "unexpected_error"));
      }
      assert.equal((await sandbox.run(["audit", "--verify"], { environment })).code, 0);
      const found = await sandbox.run(["check", "--json"], { environment });
      assert.doesNotMatch(found.stdout, /"code": ?"database/);
    });
  }

  test("in transaction mode without the setting, the start fails and names the setting", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await using bouncer = await startPgBouncer(postgres, "transaction");
    const environment = { DATABASE_URL: bouncer.through(await postgres.createDatabase("unset")) };
    for (const command of ["serve", "migrate"]) {
      const { code, stderr } = await sandbox.run([command], { environment });
      assert.equal(code, 1);
      assert.match(stderr, /^DATABASE_URL leads to a connection pooler in transaction mode\. [^\n]*\n$/);
      assert.match(stderr, /POSTERN_DATABASE_POOLER=transaction/);
    }
  });

  test("in transaction mode, ten processes that migrate at the same time migrate once", PROCESSES, async () => {
    await using bouncer = await startPgBouncer(postgres, "transaction");
    const url = bouncer.through(await postgres.createDatabase("migrated"));
    const open = () => openDatabase(url, { mayCreate: false, poolSize: 1, hasTransactionPooler: true });
    const databases = await Promise.all(Array.from({ length: 10 }, open));
    const applied = await Promise.all(databases.map(migrate));
    assert.equal(applied.filter((names) => names.length > 0).length, 1);
    await Promise.all(databases.map((db) => db.destroy()));
  });
});
