import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { listEvents, listEventsOf } from "../db/events.ts";
import { findGroup, type Group, insertGroup, listGroupNames } from "../db/groups.ts";
import { listUsers, type User } from "../db/users.ts";
import { OPERATOR, userSubject } from "../lib/audit/actor.ts";
import { deleteUser } from "../lib/users/activation.ts";
import { editUser } from "../lib/users/edit-user.ts";
import { createGroup, deleteGroup, findTypedGroup, MAX_GROUPS, MAX_GROUPS_OF_USER } from "../lib/users/groups.ts";
import { createClient } from "./support/client.ts";
import { createTestApp } from "./support/test-app.ts";

const PASSWORD = "right horse";
const NO_CHANGES = {};

async function setUp() {
  const app = await createTestApp();
  const alice = await app.addUser({ username: "alice", password: PASSWORD });
  const { services } = app;
  const { db } = services;
  const create = async (name: string): Promise<Group> => {
    const group = await createGroup(services, OPERATOR, name);
    return typeof group === "string" ? assert.fail(group) : group;
  };
  const add = (user: User, ...groups: Group[]) =>
    editUser(services, OPERATOR, user, NO_CHANGES, { add: groups, remove: [] });
  const remove = (user: User, ...groups: Group[]) =>
    editUser(services, OPERATOR, user, NO_CHANGES, { add: [], remove: groups });
  /** Groups that were created without an event. */
  const fill = async (count: number): Promise<Group[]> => {
    const groups: Group[] = [];
    for (let number = 0; number < count; number++) {
      groups.push((await insertGroup(db, { name: `g${number}`, createdAt: 1 })) ?? assert.fail());
    }
    return groups;
  };
  /** The kind, the subject and the detail of each event after `user_made`. */
  const events = async () => {
    const all = await listEvents(db, { afterId: 0, subject: null, since: null }, 1000);
    const others = all.filter(({ kind }) => kind !== "user_made" && kind !== "trail_sealed");
    return others.map(({ kind, subject, actor, detail }) => [kind, subject, actor, detail]);
  };
  return { ...app, db, alice, create, add, remove, fill, events };
}

describe("a group's name", () => {
  for (const [what, name] of [
    ["nothing", ""],
    ["a blank", " "],
    ["a comma", "a,b"],
    ["a line feed", "a\n"],
    ["a NUL", "a\0b"],
    ["half of a surrogate pair", "a\ud83d"],
    ["a colon", "a:b"],
    ["a character that is a blank and others in NFKC", "\ufdfa"],
    ["a right-to-left override", "a\u202eb"],
  ] as const) {
    test(`must not be or have ${what}`, async () => {
      const { services, db, events } = await setUp();
      const error = "Enter a valid name for the group. It has only letters, numbers, and @/./+/-/_ characters.";
      assert.equal(await createGroup(services, OPERATOR, name), error);
      assert.equal(await findTypedGroup(db, name), null);
      assert.deepEqual(await events(), []);
    });
  }

  test("has at most 150 characters, counted in NFKC", async () => {
    const { services, create } = await setUp();
    const error = "The name of a group has at most 150 characters (this one has 151).";
    assert.equal(await createGroup(services, OPERATOR, "𐐀".repeat(151)), error);
    assert.equal(await createGroup(services, OPERATOR, `${"a".repeat(149)}ﬁ`), error);
    assert.equal((await create("𐐀".repeat(150))).name.length, 300);
  });

  test("is stored in NFKC, and is taken in every form of it", async () => {
    const { services, db, create } = await setUp();
    const group = await create("\uff45ditors");
    assert.equal(group.name, "editors");
    for (const name of ["editors", "\uff45ditors", "edito\u{1d42b}s"]) {
      assert.equal(await createGroup(services, OPERATOR, name), 'There is a group "editors" already.');
      assert.deepEqual(await findTypedGroup(db, name), group);
    }
    assert.equal((await create("Editors")).name, "Editors");
  });
});

describe("the audit trail", () => {
  test("has the groups that are created and deleted, and each user who joins or leaves one", async () => {
    const { services, alice, addUser, create, add, remove, events } = await setUp();
    const bob = await addUser({ username: "bob", password: PASSWORD });
    const [editors, writers] = [await create("editors"), await create("writers")];
    await add(alice, editors, writers);
    await add(alice, editors);
    await add(bob, editors);
    await remove(alice, writers);
    await remove(bob, writers);
    assert.equal(await deleteGroup(services, OPERATOR, editors), 2);
    assert.equal(await deleteGroup(services, OPERATOR, editors), null);
    const [first, second] = [userSubject(alice), userSubject(bob)];
    assert.deepEqual(await events(), [
      ["group_made", `group:${editors.id}`, "command line", "editors"],
      ["group_made", `group:${writers.id}`, "command line", "writers"],
      ["added_to_group", first, "command line", "editors"],
      ["added_to_group", first, "command line", "writers"],
      ["added_to_group", second, "command line", "editors"],
      ["removed_from_group", first, "command line", "writers"],
      ["removed_from_group", first, "command line", "editors"],
      ["removed_from_group", second, "command line", "editors"],
      ["group_deleted", `group:${editors.id}`, "command line", "editors"],
    ]);
  });

  test("has an event for each of many members of a deleted group", async () => {
    const { services, db, create, events } = await setUp();
    const group = await create("many");
    const stored = await db.selectFrom("users").selectAll().executeTakeFirstOrThrow();
    const { id, ...common } = stored;
    const rows = Array.from({ length: 120 }, (_, number) => ({ ...common, username: `user${number}` }));
    const ids = await db.insertInto("users").values(rows).returning("id").execute();
    await db
      .insertInto("user_groups")
      .values(ids.map((user) => ({ user_id: user.id, group_id: group.id })))
      .execute();
    assert.equal(await deleteGroup(services, OPERATOR, group), 120);
    const kinds = (await events()).map(([kind]) => kind);
    const removed = Array.from({ length: 120 }, () => "removed_from_group");
    assert.deepEqual(kinds, ["group_made", ...removed, "group_deleted"]);
    assert.deepEqual(new Set((await events()).slice(1, 121).map(([, subject]) => subject)).size, 120);
    assert.equal((await listUsers(db, { after: null, limit: 500 })).length, 121);
  });

  test("is shown to the user, as JSON and as a page in each language", async () => {
    const { app, alice, create, add, remove } = await setUp();
    const editors = await create("editors");
    await add(alice, editors);
    await remove(alice, editors);
    const client = createClient(app);
    assert.equal((await client.login("alice", PASSWORD)).status, 202);
    const { results } = await (await client.get("/activity/")).json();
    assert.deepEqual(
      results.map(({ event, group, by }: Record<string, unknown>) => [event, group, by]),
      [
        ["login", undefined, "you"],
        ["removed_from_group", "editors", "operator"],
        ["added_to_group", "editors", "operator"],
        ["user_made", undefined, "operator"],
      ],
    );
    const browser = { "Sec-Fetch-Mode": "navigate", Accept: "text/html" };
    const english = await (await client.get("/activity/", browser)).text();
    assert.match(english, /You were removed from the group editors<[\s\S]*You were added to the group editors</);
    const italian = await (await client.get("/activity/", { ...browser, "Accept-Language": "it" })).text();
    assert.match(italian, /Non fai più parte del gruppo editors<[\s\S]*Ora fai parte del gruppo editors</);
  });
});

describe("a user", () => {
  test("changes fields and groups together, or neither", async () => {
    const { services, db, alice, addUser, create, events } = await setUp();
    const [editors, writers] = [await create("editors"), await create("writers")];
    const gone = await create("gone");
    await deleteGroup(services, OPERATOR, gone);
    await addUser({ username: "bob", password: PASSWORD });
    const before = await events();
    const edit = (username: string, add: Group[]) =>
      editUser(services, OPERATOR, alice, { username }, { add, remove: [] });
    assert.equal(await edit("carol", [editors, gone]), null);
    assert.equal(await edit("bob", [editors]), null);
    assert.deepEqual(await listGroupNames(db, alice.id), []);
    assert.deepEqual(await events(), before);
    assert.equal((await edit("carol", [writers, editors]))?.username, "carol");
    assert.deepEqual(await listGroupNames(db, alice.id), ["editors", "writers"]);
    const subject = userSubject(alice);
    assert.deepEqual((await events()).slice(before.length), [
      ["user_changed", subject, "command line", "username"],
      ["added_to_group", subject, "command line", "writers"],
      ["added_to_group", subject, "command line", "editors"],
    ]);
  });

  test("joins no group after the user is deleted, and a group stays without its deleted member", async () => {
    const { services, db, alice, create, add } = await setUp();
    const editors = await create("editors");
    await add(alice, editors);
    await deleteUser(services, OPERATOR, alice);
    assert.deepEqual(await listGroupNames(db, alice.id), []);
    assert.equal(await add(alice, editors), null);
    assert.equal(await deleteGroup(services, OPERATOR, editors), 0);
    const last = (await listEventsOf(db, userSubject(alice), { before: null, limit: 1 }))[0];
    assert.equal(last?.kind, "user_deleted");
  });
});

describe("the limits", () => {
  test(`allow ${MAX_GROUPS_OF_USER} groups of a user, also if several requests add at once`, async () => {
    const { db, alice, add, remove, fill } = await setUp();
    const groups = await fill(MAX_GROUPS_OF_USER + 5);
    await add(alice, ...groups.slice(0, MAX_GROUPS_OF_USER - 2));
    const others = groups.slice(MAX_GROUPS_OF_USER - 2);
    const added = await Promise.all(others.map((group) => add(alice, group)));
    assert.equal(added.filter((user) => user !== null).length, 2);
    assert.equal((await listGroupNames(db, alice.id)).length, MAX_GROUPS_OF_USER);
    const [first] = groups;
    if (first === undefined) return assert.fail();
    assert.notEqual(await add(alice, first), null, "a group that the user is in already");
    assert.notEqual(await remove(alice, first), null);
    assert.notEqual(await add(alice, first), null);
  });

  test(`allow ${MAX_GROUPS} groups, also if several are created at once`, async () => {
    const { services, db, fill } = await setUp();
    await fill(MAX_GROUPS - 2);
    const names = ["a", "b", "c", "d", "e"];
    const made = await Promise.all(names.map((name) => createGroup(services, OPERATOR, name)));
    const errors = made.filter((group) => typeof group === "string");
    assert.deepEqual(new Set(errors), new Set([`There are ${MAX_GROUPS} groups, and no more are allowed.`]));
    assert.equal(errors.length, 3);
    const found = await Promise.all(names.map((name) => findGroup(db, name)));
    assert.equal(found.filter((group) => group !== null).length, 2);
  });
});

describe("at the same time", () => {
  test("a group is deleted and joined: it is gone, and each member that it had has left it", async () => {
    const { services, db, addUser, create, add } = await setUp();
    for (let round = 0; round < 5; round++) {
      const group = await create("editors");
      const users: User[] = [];
      for (let number = 0; number < 4; number++) {
        users.push(await addUser({ username: `user${round}-${number}`, password: PASSWORD }));
      }
      const [deleted, ...joined] = await Promise.all([
        deleteGroup(services, OPERATOR, group),
        ...users.map((user) => add(user, group)),
      ]);
      assert.equal(deleted, joined.filter((user) => user !== null).length);
      for (const [index, user] of users.entries()) {
        const events = await listEventsOf(db, userSubject(user), { before: null, limit: 10 });
        const kinds = events.map(({ kind }) => kind).filter((kind) => kind !== "user_made");
        assert.deepEqual(kinds, joined[index] === null ? [] : ["removed_from_group", "added_to_group"]);
      }
    }
  });

  test("one name is given to two groups: one of them gets it", async () => {
    const { services } = await setUp();
    const made = await Promise.all(["editors", "editors"].map((name) => createGroup(services, OPERATOR, name)));
    assert.deepEqual(made.map((group) => typeof group).sort(), ["object", "string"]);
  });
});
