import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { BrokenChain } from "../db/event-chains.ts";
import { hashEvent } from "../db/events.ts";
import type { Db } from "../db/open.ts";
import { userSubject } from "../lib/audit/actor.ts";
import { createTrail, dropTriggers, findBroken } from "./support/trail.ts";

// Runs last: it leaves the database without its triggers.
describe("if an attacker evades the triggers, verification names", () => {
  type Attack = (db: Db, subject: string) => Promise<unknown>;

  const rowOf = (db: Db, subject: string, number: number) =>
    db
      .selectFrom("events")
      .selectAll()
      .where("subject", "=", subject)
      .where("number", "=", number)
      .executeTakeFirstOrThrow();
  const change = (db: Db, subject: string, number: number, values: Record<string, string | number>) =>
    db.updateTable("events").set(values).where("subject", "=", subject).where("number", "=", number).execute();
  const drop = (db: Db, subject: string, number: number) =>
    db.deleteFrom("events").where("subject", "=", subject).where("number", "=", number).execute();
  const forge = async (db: Db, subject: string, number: number) => {
    const { request_id: requestId, ...row } = await rowOf(db, subject, number);
    const hash = hashEvent({ ...row, requestId, address: "198.51.100.1" });
    await change(db, subject, number, { address: "198.51.100.1", hash });
  };

  const ATTACKS: Record<string, [Attack, number, BrokenChain["mistake"]]> = {
    ...Object.fromEntries(
      ["kind", "actor", "address", "browser", "system", "request_id", "detail", "previous", "hash"].map(
        (column): [string, [Attack, number, "changed"]] => [
          `an event whose ${column} was changed`,
          [(db, subject) => change(db, subject, 5, { [column]: "x" }), 5, "changed"],
        ],
      ),
    ),
    "an event whose time was changed": [(db, subject) => change(db, subject, 5, { at: 1 }), 5, "changed"],
    "an event that was changed with its hash": [(db, subject) => forge(db, subject, 5), 5, "changed"],
    "the last event, changed with its hash": [(db, subject) => forge(db, subject, 10), 10, "changed"],
    "the first event that was removed": [(db, subject) => drop(db, subject, 1), 1, "removed"],
    "an event that was removed": [(db, subject) => drop(db, subject, 5), 5, "removed"],
    "the last event that was removed": [(db, subject) => drop(db, subject, 10), 10, "removed"],
    "the first of all events of a user": [
      (db, subject) => db.deleteFrom("events").where("subject", "=", subject).execute(),
      1,
      "removed",
    ],
    "an event that was removed, and the gap closed": [
      async (db, subject) => {
        await drop(db, subject, 5);
        for (let number = 6; number <= 10; number++) await change(db, subject, number, { number: number - 1 });
      },
      5,
      "changed",
    ],
    "an event that was put in front": [
      async (db, subject) => {
        const { id: _, ...row } = await rowOf(db, subject, 5);
        await db
          .insertInto("events")
          .values({ ...row, number: 0 })
          .execute();
      },
      0,
      "inserted",
    ],
    "an event that was put behind the last": [
      async (db, subject) => {
        const { id: _, request_id: requestId, ...row } = await rowOf(db, subject, 10);
        const forged = { ...row, requestId, number: 11, previous: row.hash };
        const { requestId: request_id, ...values } = { ...forged, hash: hashEvent(forged) };
        await db
          .insertInto("events")
          .values({ ...values, request_id })
          .execute();
      },
      11,
      "inserted",
    ],
    "an event that was put in between, the others moved": [
      async (db, subject) => {
        const { id: _, ...row } = await rowOf(db, subject, 5);
        for (let number = 10; number > 5; number--) await change(db, subject, number, { number: number + 1 });
        await db
          .insertInto("events")
          .values({ ...row, number: 6 })
          .execute();
      },
      6,
      "changed",
    ],
    "events whose chain was forgotten": [
      (db, subject) => db.deleteFrom("event_chains").where("subject", "=", subject).execute(),
      1,
      "inserted",
    ],
  };
  for (const [what, [attack, number, mistake]] of Object.entries(ATTACKS)) {
    test(what, async () => {
      const test = await createTrail();
      const bob = userSubject(await test.addUser({ username: "bob", password: "right horse" }));
      await dropTriggers(test.db);
      await attack(test.db, test.subject);
      const broken = (await findBroken(test.db)).filter(({ subject }) => [test.subject, bob].includes(subject));
      assert.deepEqual(broken, [{ subject: test.subject, number, mistake }]);
    });
  }
});
