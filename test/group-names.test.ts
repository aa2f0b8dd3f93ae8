import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  addMember,
  deleteEmptyGroup,
  findGroup,
  findGroupNames,
  groupNames,
  insertGroup,
  listGroupNames,
  listGroups,
  removeMember,
  removeMembers,
} from "../db/groups.ts";
import { type Db, transaction } from "../db/open.ts";
import { deleteUser } from "../db/users.ts";
import { createTestApp } from "./support/test-app.ts";

/** In the order of their bytes in UTF-8. A dictionary has another order, and so has UTF-16 for the last two. */
const SORTED = ["B", "_", "a", "a.b", "aa", "b", "ß", "é", "馬", "ﻝ", "𐐀"];

async function setUp() {
  const { services, addUser } = await createTestApp();
  const { db } = services;
  const [alice, bob] = [
    await addUser({ username: "alice", password: "right horse" }),
    await addUser({ username: "bob", password: "right horse" }),
  ];
  const addGroup = async (name: string) => (await insertGroup(db, { name, createdAt: 1 })) ?? assert.fail(name);
  const join = (userId: number, groupId: number) => transaction(db, (db) => addMember(db, userId, groupId));
  return { db, alice, bob, addGroup, join };
}

async function columnOf(db: Db, userId: number): Promise<string | undefined> {
  const users = db.selectFrom("users").select(["users.id", groupNames(db).as("group_names")]);
  return (await users.where("users.id", "=", userId).executeTakeFirst())?.group_names;
}

describe("the names of a user's groups", () => {
  test("are sorted alike on every database, as a list and as a column", async () => {
    const { db, alice, bob, addGroup, join } = await setUp();
    for (const name of SORTED.toReversed()) await join(alice.id, (await addGroup(name)).id);
    await addGroup("empty");
    assert.deepEqual(await listGroupNames(db, alice.id), SORTED);
    assert.equal(await columnOf(db, alice.id), SORTED.join(","));
    assert.deepEqual(await listGroupNames(db, bob.id), []);
    assert.equal(await columnOf(db, bob.id), "");
    const ids = [alice.id, bob.id];
    assert.deepEqual([...(await findGroupNames(db, ids))], [[alice.id, SORTED]]);
    assert.equal((await findGroupNames(db, [])).size, 0);
  });

  test("are a column of each user in a query for several users", async () => {
    const { db, alice, bob, addGroup, join } = await setUp();
    const [editors, writers] = [await addGroup("editors"), await addGroup("writers")];
    await join(alice.id, writers.id);
    await join(alice.id, editors.id);
    await join(bob.id, writers.id);
    const users = db.selectFrom("users").select(["users.username", groupNames(db).as("names")]);
    assert.deepEqual(
      (await users.orderBy("username").execute()).map(({ username, names }) => [username, names]),
      [
        ["alice", "editors,writers"],
        ["bob", "writers"],
      ],
    );
  });
});

describe("the table of groups", () => {
  test("lists groups by name, a page at a time, with their numbers of members", async () => {
    const { db, alice, bob, addGroup, join } = await setUp();
    for (const name of SORTED.toReversed()) {
      const { id } = await addGroup(name);
      if (name !== "B") await join(alice.id, id);
      if (name === "aa") await join(bob.id, id);
    }
    const first = await listGroups(db, { after: null, limit: 6 });
    const second = await listGroups(db, { after: first.at(-1)?.name ?? null, limit: 6 });
    assert.deepEqual(
      [...first, ...second].map(({ name, members }) => [name, members]),
      SORTED.map((name) => [name, { B: 0, aa: 2 }[name] ?? 1]),
    );
  });

  test("has each name and each member once", async () => {
    const { db, alice, addGroup, join } = await setUp();
    const group = await addGroup("editors");
    assert.equal(await insertGroup(db, { name: "editors", createdAt: 2 }), null);
    const found = await findGroup(db, "editors");
    assert.deepEqual([found?.id, found?.name, found?.createdAt], [group.id, "editors", 1]);
    assert.equal(await findGroup(db, "Editors"), null);
    assert.deepEqual([await join(alice.id, group.id), await join(alice.id, group.id)], [true, false]);
    const leave = () => removeMember(db, alice.id, group.id);
    assert.deepEqual([await leave(), await leave()], [true, false]);
  });

  test("loses the memberships of deleted users, and deletes no group that has members", async () => {
    const { db, alice, bob, addGroup, join } = await setUp();
    const [editors, writers] = [await addGroup("editors"), await addGroup("writers")];
    for (const { id } of [alice, bob]) for (const group of [editors, writers]) await join(id, group.id);
    await deleteUser(db, alice.id);
    assert.deepEqual([await columnOf(db, alice.id), await columnOf(db, bob.id)], [undefined, "editors,writers"]);
    assert.equal(await deleteEmptyGroup(db, editors.id), false);
    await removeMember(db, bob.id, editors.id);
    assert.deepEqual([await deleteEmptyGroup(db, editors.id), await deleteEmptyGroup(db, editors.id)], [true, false]);
    assert.equal(await columnOf(db, bob.id), "writers");
    const rest = await db.selectFrom("user_groups").selectAll().execute();
    assert.deepEqual(
      rest.map((row) => ({ ...row })),
      [{ user_id: bob.id, group_id: writers.id }],
    );
  });

  test("gives no id twice", async () => {
    const { db, addGroup } = await setUp();
    const { id } = await addGroup("editors");
    await deleteEmptyGroup(db, id);
    assert.equal((await addGroup("editors")).id > id, true);
  });

  test("loses the members of a group some at a time", async () => {
    const { db, alice, bob, addGroup, join } = await setUp();
    const [editors, writers] = [await addGroup("editors"), await addGroup("writers")];
    for (const { id } of [bob, alice]) for (const group of [editors, writers]) await join(id, group.id);
    const remove = () => removeMembers(db, editors.id, 1);
    assert.deepEqual([await remove(), await remove(), await remove()], [[alice.id], [bob.id], []]);
    assert.equal(await columnOf(db, alice.id), "writers");
  });
});
