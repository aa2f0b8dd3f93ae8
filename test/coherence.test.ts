import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { migrate } from "../db/migrate.ts";
import { openDatabase, ping } from "../db/open.ts";
import { SessionCache } from "../db/session-cache.ts";
import { playCoherence } from "./faults/coherence.ts";

const PROCESSES = { timeout: 120_000 };

/** Another one each time; it is printed, and `bun run test/faults/coherence.ts 600 SEED` runs it again. */
const SEED = Date.now() % 2 ** 32;

/** Room for one session with short texts. */
const ONE_SESSION = 1300;

describe("two servers on one file, that keep sessions in memory, let in who is logged in and nobody else", () => {
  for (const [what, bytes] of [
    ["room for all", 2 ** 25],
    ["room for one", ONE_SESSION],
  ] as const) {
    test(`with ${what}, whoever ends a session and however`, PROCESSES, async () => {
      const checks = await playCoherence(600, SEED, bytes);
      process.stdout.write(`Seed ${SEED}, ${what}: 600 steps, ${checks} answers, 0 stale\n`);
      assert(checks > 100);
    });
  }
});

describe("the memory that sessions are kept in", () => {
  const live = (number: number, userAgent = "") => ({
    session: {
      id: String(number).padStart(64, "0"),
      userId: number,
      createdAt: 0,
      lastSeenAt: 0,
      expiresAt: 0,
      ip: "192.0.2.1",
      userAgent,
    },
    user: {
      id: number,
      username: `user${number}`,
      email: "",
      firstName: "",
      lastName: "",
      isActive: true,
      isStaff: false,
      isSuperuser: false,
      dateJoined: 0,
      lastLogin: null,
    },
  });

  test("stays within its bytes, whatever comes: 1,000,000 different sessions", { timeout: 60_000 }, () => {
    const maxBytes = 2 ** 20;
    const cache = new SessionCache(() => 1, maxBytes);
    for (let number = 0; number < 1_000_000; number++) {
      cache.keep(live(number, number % 1000 === 0 ? "x".repeat(400) : ""), cache.epoch);
      if (cache.bytes > maxBytes) assert.fail(`${cache.bytes} after ${number}`);
    }
    assert(cache.bytes > maxBytes / 2);
    assert(cache.get(live(999_999).session.id), "the last one is there");
    assert.equal(cache.get(live(0).session.id), undefined, "the first one is not");
  });

  test("keeps nothing where there is room for nothing", () => {
    const cache = new SessionCache(() => 1, 0);
    cache.keep(live(1), cache.epoch);
    assert.equal(cache.bytes, 0);
  });

  test("is not used while the database cannot tell whether it has changed", () => {
    const readings = [() => 1, () => assert.fail("disk I/O error")];
    const cache = new SessionCache(() => (readings.shift() ?? (() => assert.fail("still")))(), 2 ** 20);
    cache.keep(live(1), cache.epoch);
    for (const times of [1, 2]) assert.throws(() => cache.get(live(1).session.id), /disk I\/O error|still/, `${times}`);
  });

  test("does not keep what was read before something was dropped", () => {
    let version = 1;
    const cache = new SessionCache(() => version, 2 ** 20);
    const { epoch } = cache;
    version = 2;
    assert.equal(cache.get(live(1).session.id), undefined);
    cache.keep(live(1), epoch);
    assert.equal(cache.bytes, 0);
  });

  test("is emptied by every statement that may change a session or a user, however it is written", async () => {
    const db = await openDatabase("sqlite::memory:", { mayCreate: true, poolSize: 1, sessionCacheBytes: 2 ** 20 });
    await migrate(db);
    const { sessionCacheOf } = await import("../db/session-cache.ts");
    const cache = sessionCacheOf(db) ?? assert.fail("there is no cache");
    const { sql } = await import("kysely");
    for (const statement of [
      db.updateTable("users").set({ is_active: 0 }),
      db.updateTable("users as u").set({ is_active: 0 }),
      db.deleteFrom("sessions"),
      db.deleteFrom("sessions as s").where("s.user_id", "=", 1),
      sql`update users set is_active = 0`,
      sql`delete from sessions`,
    ]) {
      cache.keep(live(1), cache.epoch);
      assert(cache.bytes > 0);
      await ("compile" in statement && "executeTakeFirst" in statement ? statement.execute() : statement.execute(db));
      assert.equal(cache.bytes, 0);
    }
    cache.keep(live(1), cache.epoch);
    await db.deleteFrom("setup_tokens").execute();
    await db.selectFrom("users").select("id").execute();
    await ping(db);
    assert(cache.bytes > 0, "other tables, reads and probes drop nothing");
    await db.destroy();
  });
});
