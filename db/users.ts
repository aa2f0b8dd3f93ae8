import { type Insertable, type Selectable, sql } from "kysely";
import { isPostgres } from "./columns.ts";
import type { Db, TransactionDb } from "./open.ts";
import { prepare } from "./prepared.ts";
import { readNow } from "./read-now.ts";
import type { Flag, Instant, UsersTable } from "./schema.ts";

/** Without the password. */
export interface User {
  id: number;
  username: string;
  email: string;
  firstName: string;
  lastName: string;
  isActive: boolean;
  isStaff: boolean;
  isSuperuser: boolean;
  dateJoined: Instant;
  lastLogin: Instant | null;
  /** When a link in a mail to the address was last used; null if none was. */
  emailProvedAt: Instant | null;
  /** Of the last login by a browser, such as `it`; empty if it is unknown. */
  language: string;
  /** Whether the user has an authenticator app or a passkey. */
  hasSecondFactor: boolean;
}

/** The fields of a user that are text. */
export type UserNames = Pick<User, "username" | "email" | "firstName" | "lastName">;

export interface Credentials {
  user: User;
  /** In Django's layout, `algorithm$…`. */
  password: string;
}

export interface NewUser extends Omit<User, "id" | "isActive" | "lastLogin" | "hasSecondFactor"> {
  /** Encoded. */
  password: string;
}

/** A user's row without its password. */
export type UserRow = Omit<Selectable<UsersTable>, "password">;

export function toUser(row: UserRow): User {
  return {
    id: row.id,
    username: row.username,
    email: row.email,
    firstName: row.first_name,
    lastName: row.last_name,
    isActive: row.is_active === 1,
    isStaff: row.is_staff === 1,
    isSuperuser: row.is_superuser === 1,
    dateJoined: row.date_joined,
    lastLogin: row.last_login,
    emailProvedAt: row.email_proved_at,
    language: row.language,
    hasSecondFactor: row.has_second_factor === 1,
  };
}

function toRow(user: NewUser): Insertable<UsersTable> {
  return {
    username: user.username,
    email: user.email,
    first_name: user.firstName,
    last_name: user.lastName,
    password: user.password,
    is_active: 1,
    is_staff: toFlag(user.isStaff),
    is_superuser: toFlag(user.isSuperuser),
    date_joined: user.dateJoined,
    last_login: null,
    email_proved_at: user.emailProvedAt,
    language: user.language,
  };
}

function toFlag(is: boolean): Flag {
  return is ? 1 : 0;
}

/** @returns null if the username is taken, or the proved address is another user's */
export async function insertUser(db: Db, user: NewUser): Promise<User | null> {
  const row = await db
    .insertInto("users")
    .values(toRow(user))
    .onConflict((conflict) => conflict.doNothing())
    .returningAll()
    .executeTakeFirst();
  return row ? toUser(row) : null;
}

/** @param username compared byte by byte, as in Django */
export async function findCredentials(db: Db, username: string): Promise<Credentials | null> {
  const [row] = await readNow(db, select(db, { username }));
  return row ? { user: toUser(row), password: row.password } : null;
}

const select = prepare((db, { username }: { username: string }) =>
  db
    .selectFrom("users")
    .select(["id", "username", "email", "first_name", "last_name", "is_active", "is_staff", "is_superuser"])
    .select(["date_joined", "last_login", "email_proved_at", "language", "has_second_factor", "password"])
    .where("username", "=", username),
);

export async function findCredentialsOf(db: Db, userId: number): Promise<Credentials | null> {
  const row = await db.selectFrom("users").selectAll().where("id", "=", userId).executeTakeFirst();
  return row ? { user: toUser(row), password: row.password } : null;
}

export async function findUser(db: Db, username: string): Promise<User | null> {
  return (await findCredentials(db, username))?.user ?? null;
}

export async function findUserById(db: Db, id: number): Promise<User | null> {
  return (await findCredentialsOf(db, id))?.user ?? null;
}

/** By id; deleted users are left out. */
export async function findUsernames(db: Db, ids: readonly number[]): Promise<ReadonlyMap<number, string>> {
  if (ids.length === 0) return new Map();
  const rows = await db.selectFrom("users").select(["id", "username"]).where("id", "in", ids).execute();
  return new Map(rows.map(({ id, username }) => [id, username]));
}

export async function hasUsers(db: Db): Promise<boolean> {
  return (await db.selectFrom("users").select("id").limit(1).executeTakeFirst()) !== undefined;
}

export interface UserPage {
  /** The last username of the page before; null for the first page. */
  after: string | null;
  limit: number;
}

/** By username. */
export async function listUsers(db: Db, { after, limit }: UserPage): Promise<User[]> {
  let rows = db.selectFrom("users").selectAll();
  if (after !== null) rows = rows.where("username", ">", after);
  return (await rows.orderBy("username").limit(limit).execute()).map(toUser);
}

/**
 * Other transactions that lock or change the user wait until this one ends.
 *
 * @returns the user as stored now; null if it was deleted
 */
export async function lockUser(db: TransactionDb, userId: number): Promise<User | null> {
  const query = db.selectFrom("users").selectAll().where("id", "=", userId);
  // SQLite has no row locks. Its transactions hold the write lock from the beginning.
  const row = await (isPostgres(db) ? query.forNoKeyUpdate() : query).executeTakeFirst();
  return row ? toUser(row) : null;
}

/** Undefined leaves a field unchanged. */
export interface UserChanges {
  username?: string | undefined;
  email?: string | undefined;
  firstName?: string | undefined;
  lastName?: string | undefined;
  isStaff?: boolean | undefined;
  isSuperuser?: boolean | undefined;
}

function keepIfSame(email: string) {
  return sql<Instant | null>`case when email = ${email} then email_proved_at end`;
}

/** @returns the changed user; null if the user is unknown or the username is taken */
export async function updateUser(db: Db, userId: number, changes: UserChanges): Promise<User | null> {
  const { username, email, firstName, lastName, isStaff, isSuperuser } = changes;
  let update = db
    .updateTable("users")
    .set((row) => ({
      username: username ?? row.ref("username"),
      email: email ?? row.ref("email"),
      // Another address is not proved.
      email_proved_at: email === undefined ? row.ref("email_proved_at") : keepIfSame(email),
      first_name: firstName ?? row.ref("first_name"),
      last_name: lastName ?? row.ref("last_name"),
      is_staff: isStaff === undefined ? row.ref("is_staff") : toFlag(isStaff),
      is_superuser: isSuperuser === undefined ? row.ref("is_superuser") : toFlag(isSuperuser),
    }))
    .where("id", "=", userId);
  if (username !== undefined) {
    const taken = db.selectFrom("users as other").select("other.id").where("other.username", "=", username);
    update = update.where(({ exists, not }) => not(exists(taken.where("other.id", "!=", userId))));
  }
  const row = await update.returningAll().executeTakeFirst();
  return row ? toUser(row) : null;
}

/**
 * Stores a new password if the user is still active and still has the password that was checked.
 *
 * @param replacement encoded
 * @returns whether it was stored
 */
export async function replacePassword(db: Db, { user, password }: Credentials, replacement: string): Promise<boolean> {
  const result = await db
    .updateTable("users")
    .set({ password: replacement })
    .where("id", "=", user.id)
    .where("password", "=", password)
    .where("is_active", "=", 1)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/**
 * @param password encoded
 * @returns false if the user is unknown
 */
export async function setPassword(db: Db, userId: number, password: string): Promise<boolean> {
  const result = await db.updateTable("users").set({ password }).where("id", "=", userId).executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** @returns false if nothing changed: the user is unknown, or already in this state */
export async function setActive(db: Db, userId: number, isActive: boolean): Promise<boolean> {
  const flag = toFlag(isActive);
  const update = db.updateTable("users").set({ is_active: flag }).where("id", "=", userId);
  const result = await update.where("is_active", "!=", flag).executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/**
 * Deletes the user and, by foreign keys, every session, device, membership, token, mail and notice.
 *
 * @returns false if the user is unknown
 */
export async function deleteUser(db: Db, userId: number): Promise<boolean> {
  const result = await db.deleteFrom("users").where("id", "=", userId).executeTakeFirst();
  return result.numDeletedRows === 1n;
}

/** @param exceptId a user who does not count; null if all do */
export async function hasActiveSuperuser(db: Db, exceptId: number | null = null): Promise<boolean> {
  const found = db.selectFrom("users").select("id").where("is_superuser", "=", 1).where("is_active", "=", 1);
  const others = exceptId === null ? found : found.where("id", "!=", exceptId);
  return (await others.limit(1).executeTakeFirst()) !== undefined;
}

/**
 * Until the transaction ends, no other one passes here: two superusers who delete themselves at once would each see the
 * other. Call it after the lock of the user.
 */
export async function lockSuperusers(db: TransactionDb): Promise<void> {
  // Any number that no other lock has. SQLite's transactions hold the write lock from the beginning.
  if (isPostgres(db)) await sql`select pg_advisory_xact_lock(2718281828459045235)`.execute(db);
}
