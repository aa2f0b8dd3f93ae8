import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { findSharedEmails, findUsernamesOfOthers } from "../db/addresses.ts";
import { migrate } from "../db/migrate.ts";
import { type Db, openDatabase } from "../db/open.ts";
import { usePostgres } from "./support/postgres.ts";
import { createSandbox } from "./support/process.ts";

const PROCESSES = { timeout: 60_000 };

/** As an import stores users. */
async function importUsers(db: Db, users: [username: string, email: string][]): Promise<void> {
  const common = { first_name: "", last_name: "", password: "!", is_active: 1, is_staff: 0, is_superuser: 1 };
  const rows = users.map(([username, email]) => ({ ...common, username, email, date_joined: 1, last_login: null }));
  await db.insertInto("users").values(rows).execute();
}

const USERS: [string, string][] = [
  ["a", "Family@example.com"],
  ["b", "family@EXAMPLE.com"],
  ["none", ""],
  ["none2", ""],
  ["own@example.com", "own@example.com"],
  ["A@example.com", "x@example.com"],
  ["c", "a@example.com"],
  ["d", "\u212a@example.com"],
  ["e", "k@example.com"],
];

async function assertFound(db: Db): Promise<void> {
  await importUsers(db, USERS);
  assert.deepEqual(await findSharedEmails(db, 3), { count: 1, texts: ["family@example.com"] });
  assert.deepEqual(await findUsernamesOfOthers(db, 3), { count: 1, texts: ["A@example.com"] });
}

describe("addresses and usernames that confuse users", () => {
  const postgres = usePostgres(PROCESSES);
  let db: Db;
  before(async () => {
    db = await openDatabase(await postgres.createDatabase("check_addresses"), { mayCreate: false, poolSize: 1 });
    await migrate(db);
  }, PROCESSES);
  after(() => db.destroy(), PROCESSES);

  test("are found on Postgres", PROCESSES, () => assertFound(db));

  test("are found on SQLite, and named by check, a few of them", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await sandbox.run(["migrate"]);
    await sandbox.withDatabase(assertFound);
    const many = Array.from({ length: 8 }, (_, index): [string, string] => [`m${index}`, `n${index % 4}@example.com`]);
    await sandbox.withDatabase((db) => importUsers(db, many));
    const { stdout } = await sandbox.run(["check"]);
    const shared = "family@example.com, n0@example.com, n1@example.com and 2 more";
    assert(stdout.includes(`\ninfo    Several users have the same email address: ${shared}. One of them`), stdout);
    assert.match(stdout, /\ninfo {4}1 username that another user has as the address: A@example\.com\. The login /);
    const environment = { POSTERN_MAIL_URL: "console:", PUBLIC_URL: "http://localhost:8000" };
    const json = await sandbox.run(["check", "--json"], { environment });
    const findings: { code: string; level: string }[] = JSON.parse(json.stdout);
    assert.equal(findings.find(({ code }) => code === "username_is_address")?.level, "unsafe");
    assert.equal(findings.find(({ code }) => code === "shared_emails")?.level, "info");
  });
});
