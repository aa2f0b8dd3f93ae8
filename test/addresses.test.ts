import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { lockAddresses, setProvedEmail } from "../db/addresses.ts";
import { migrate } from "../db/migrate.ts";
import { type Db, openDatabase, transaction } from "../db/open.ts";
import { OPERATOR } from "../lib/audit/actor.ts";
import { editUser } from "../lib/users/edit-user.ts";
import { canProve, findUserByAddress, foldCase } from "../lib/users/email.ts";
import { USERNAME_IS_ADDRESS } from "../lib/users/user-fields.ts";
import { usePostgres } from "./support/postgres.ts";
import { createSandbox } from "./support/process.ts";
import { createTestApp } from "./support/test-app.ts";

const PROCESSES = { timeout: 60_000 };

const PASSWORD = "right horse";

/** Letters that a Unicode case mapping makes equal to ASCII letters, or to other letters (CVE-2019-19844). */
const LOOKALIKES: [address: string, other: string][] = [
  ["o\ufb03ce@example.com", "office@example.com"],
  ["mi\u212ae@example.com", "mike@example.com"],
  ["m\u0131ke@example.com", "mike@example.com"],
  ["m\u0130ke@example.com", "mike@example.com"],
  ["stra\u00dfe@example.com", "strasse@example.com"],
  ["\u00c9mile@example.com", "\u00e9mile@example.com"],
  ["mike@\u212aelvin.example", "mike@kelvin.example"],
];

function describeOn(kind: string, open: () => Promise<{ db: Db; close: () => Promise<void> } | undefined>): void {
  async function setUp() {
    const app = await createTestApp({}, await open());
    const prove = (id: number, address: string) =>
      transaction(app.services.db, async (db) => {
        await lockAddresses(db);
        return (await canProve(db, address, id)) && (await setProvedEmail(db, id, address, app.clock.now)) !== null;
      });
    return { ...app, db: app.services.db, prove };
  }

  describe(`addresses on ${kind}`, () => {
    test("are equal in every case of their ASCII letters, and in no other way", async () => {
      const { db, addUser } = await setUp();
      const mike = await addUser({ username: "mike", email: "Mike@Example.com", password: PASSWORD });
      assert.equal((await findUserByAddress(db, "mIKE@EXAMPLE.COM"))?.id, mike.id);
      for (const [address, other] of LOOKALIKES) {
        const user = await addUser({ username: `of-${other}`, password: PASSWORD });
        // As an import stores it: not each of these would be accepted.
        const email = other.replace("mike@e", "mike2@e");
        await db.updateTable("users").set({ email }).where("id", "=", user.id).execute();
        assert.equal(await findUserByAddress(db, address), null, address);
        assert.notEqual(foldCase(address), foldCase(other));
        await db.deleteFrom("users").where("id", "=", user.id).execute();
      }
    });

    test("belong to one user that has proved them, if two users do so at once", PROCESSES, async () => {
      const { db, addUser, prove } = await setUp();
      const one = await addUser({ username: "one", password: PASSWORD });
      const two = await addUser({ username: "two", password: PASSWORD });
      for (let round = 0; round < 10; round++) {
        const address = `Shared${round}@example.com`;
        const proofs = await Promise.all([prove(one.id, address), prove(two.id, address.toUpperCase())]);
        assert.deepEqual(proofs.sort(), [false, true]);
      }
      const rows = await db.selectFrom("users").select("email_proved_at").execute();
      assert(rows.some((row) => row.email_proved_at !== null));
    });

    test("are not proved if another user has them as the username, in any case", async () => {
      const { addUser, prove } = await setUp();
      const own = await addUser({ username: "Own@example.com", password: PASSWORD });
      await addUser({ username: "Other@example.com", password: PASSWORD });
      assert.equal(await prove(own.id, "other@EXAMPLE.com"), false);
      assert.equal(await prove(own.id, "own@example.com"), true);
    });

    test("of another user are no username, proved or not", async () => {
      const { services, addUser } = await setUp();
      await addUser({ username: "alice", email: "Alice@example.com", password: PASSWORD });
      const create = (username: string, email = "") => addUser({ username, email, password: PASSWORD });
      await assert.rejects(create("alice@EXAMPLE.com"), { message: USERNAME_IS_ADDRESS });
      await assert.rejects(create("alice@example.com", "alice@example.com"), { message: USERNAME_IS_ADDRESS });
      const bob = await create("bob@example.com", "bob@example.com");
      assert.equal(await editUser(services, OPERATOR, bob, { username: "ALICE@example.com" }), null);
      assert.equal(
        (await editUser(services, OPERATOR, bob, { username: "BOB@example.com" }))?.username,
        "BOB@example.com",
      );
    });

    test("become a username and a proved address of two users at once in neither order", PROCESSES, async () => {
      const { db, services, addUser, prove } = await setUp();
      for (let round = 0; round < 10; round++) {
        const [one, two] = [`one${round}`, `two${round}`];
        const address = `both${round}@example.com`;
        const { id } = await addUser({ username: one, password: PASSWORD });
        const other = await addUser({ username: two, password: PASSWORD });
        const [isProved, renamed] = await Promise.all([
          prove(id, address),
          editUser(services, OPERATOR, other, { username: address.toUpperCase() }),
        ]);
        assert.notEqual(isProved, renamed !== null);
      }
      assert((await db.selectFrom("users").select("id").execute()).length > 0);
    });
  });
}

describeOn("SQLite", async () => undefined);

describe("on Postgres", () => {
  const postgres = usePostgres(PROCESSES);
  let db: Db;
  before(async () => {
    db = await openDatabase(await postgres.createDatabase("addresses"), { mayCreate: false, poolSize: 4 });
    await migrate(db);
  }, PROCESSES);
  after(() => db.destroy(), PROCESSES);

  describeOn("Postgres", async () => {
    await db.deleteFrom("users").execute();
    return { db, close: async () => {} };
  });
});

describe("the command line", () => {
  test("gives no user another one's address as a username, and says why", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const create = (...args: string[]) => sandbox.run(["createuser", ...args, "--noinput"]);
    assert.equal((await create("alice", "--email", "alice@example.com")).code, 0);
    assert.equal((await create("bob")).code, 0);
    const denied = { code: 1, stdout: "", stderr: `${USERNAME_IS_ADDRESS}\n` };
    assert.deepEqual(await create("Alice@example.com"), denied);
    assert.deepEqual(await sandbox.run(["edituser", "bob", "--username", "ALICE@example.com"]), denied);
    assert.equal((await sandbox.run(["edituser", "alice", "--username", "alice@example.com"])).code, 0);
  });

  test("clears the proof of an address that it changes, also to one that another user has", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    for (const name of ["alice", "bob"])
      await sandbox.run(["createuser", name, "--email", `${name}@example.com`, "--noinput"]);
    await sandbox.withDatabase((db) => db.updateTable("users").set({ email_proved_at: 1_767_225_600_000 }).execute());
    const proofs = async () => {
      const users: Record<string, unknown>[] = JSON.parse((await sandbox.run(["users", "--json"])).stdout);
      return users.map((user) => [user["email"], user["email_proved_at"]]);
    };
    const proved = "2026-01-01T00:00:00.000Z";
    assert.equal((await sandbox.run(["edituser", "bob", "--email", "alice@example.com"])).code, 0);
    assert.deepEqual(await proofs(), [
      ["alice@example.com", proved],
      ["alice@example.com", null],
    ]);
    assert.match(
      (await sandbox.run(["users"])).stdout,
      /\nalice +alice@example\.com +yes .*\nbob +alice@example\.com +no /,
    );
  });
});
