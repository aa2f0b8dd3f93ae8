import { type SelectQueryBuilder, sql } from "kysely";
import { isPostgres } from "./columns.ts";
import type { Db, TransactionDb } from "./open.ts";
import type { Instant, Schema } from "./schema.ts";
import { toUser, type User } from "./users.ts";

// The email addresses of users, compared without the case of ASCII letters. A parameter `address` has these in lower case.

/** @returns the user of the proved address; null if no user has proved it */
export async function findProvedUser(db: Db, address: string): Promise<User | null> {
  const row = await withEmail(db, address).where("email_proved_at", "is not", null).executeTakeFirst();
  return row ? toUser(row) : null;
}

/** @returns the first users who have it, proved or not, by id */
export async function listUsersByEmail(db: Db, address: string, limit: number): Promise<User[]> {
  return (await withEmail(db, address).orderBy("id").limit(limit).execute()).map(toUser);
}

function withEmail(db: Db, address: string) {
  return db.selectFrom("users").selectAll().where(folded(db, "email"), "=", address);
}

/** The indexes of the migrations 0011 and 0012 have the same expression. */
function folded(db: Db, column: "email" | "username" | "users.username" | "other.email") {
  return isPostgres(db) ? sql<string>`lower(${sql.ref(column)} collate "C")` : sql<string>`lower(${sql.ref(column)})`;
}

/** @returns the first users who have it as their username, by id */
export async function listUsersNamed(db: Db, address: string, limit: number): Promise<User[]> {
  const users = db.selectFrom("users").selectAll().where(folded(db, "username"), "=", address);
  return (await users.where(hasAt(db)).orderBy("id").limit(limit).execute()).map(toUser);
}

/** The condition of the index in migration 0012. */
function hasAt(db: Db) {
  return isPostgres(db) ? sql<boolean>`strpos(users.username, '@') > 0` : sql<boolean>`instr(users.username, '@') > 0`;
}

/**
 * Until the transaction ends, no other one gives a user a proved address, or a username that looks like an address. Call
 * it after the locks of users.
 */
export async function lockAddresses(db: TransactionDb): Promise<void> {
  // Any number that no other lock has. SQLite's transactions hold the write lock from the beginning.
  if (isPostgres(db)) await sql`select pg_advisory_xact_lock(5411880240911603017)`.execute(db);
}

/**
 * Stores an address that its user has proved. Call it after `lockAddresses`, if no other user has proved the address.
 *
 * @returns the changed user; null if the user is unknown or inactive
 */
export async function setProvedEmail(
  db: TransactionDb,
  userId: number,
  email: string,
  now: Instant,
): Promise<User | null> {
  const update = db.updateTable("users").set({ email, email_proved_at: now }).where("id", "=", userId);
  const row = await update.where("is_active", "=", 1).returningAll().executeTakeFirst();
  return row ? toUser(row) : null;
}

/** Some texts, and how many there are in all. */
export interface Examples {
  count: number;
  texts: string[];
}

/** Addresses that several users have, in lower case. At most one of them can have proved it. */
export async function findSharedEmails(db: Db, limit: number): Promise<Examples> {
  const address = folded(db, "email");
  const shared = db
    .selectFrom("users")
    .select(address.as("text"))
    .where("email", "!=", "")
    .groupBy(address)
    .having(({ fn }) => fn.countAll(), ">", 1);
  return findExamples(db, shared, limit);
}

/** Usernames that are the address of another user. */
export async function findUsernamesOfOthers(db: Db, limit: number): Promise<Examples> {
  const others = db
    .selectFrom("users as other")
    .select("other.id")
    .where(folded(db, "other.email"), "=", folded(db, "users.username"))
    .where(sql<boolean>`other.id <> users.id`);
  const named = db.selectFrom("users").select(sql<string>`users.username`.as("text")).where(hasAt(db));
  return findExamples(
    db,
    named.where(({ exists }) => exists(others)),
    limit,
  );
}

async function findExamples(
  db: Db,
  query: SelectQueryBuilder<Schema, "users", { text: string }>,
  limit: number,
): Promise<Examples> {
  const rows = await query.orderBy("text").limit(limit).execute();
  const count = db.selectFrom(query.as("found")).select(({ fn }) => fn.countAll().as("count"));
  return { count: Number((await count.executeTakeFirstOrThrow()).count), texts: rows.map(({ text }) => text) };
}
