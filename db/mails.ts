import { type ExpressionBuilder, type Selectable, sql } from "kysely";
import { isPostgres } from "./columns.ts";
import type { Db, TransactionDb } from "./open.ts";
import type { Instant, MailPurpose, MailsTable, NoticeKind, Schema } from "./schema.ts";

/** A mail that waits to be sent, or could not be. It holds no secret: the token of its link is derived from its id. */
export interface Mail {
  id: string;
  purpose: MailPurpose;
  /** Null if it is about no user. If the user is deleted, so is the mail. */
  userId: number | null;
  /** Where it goes; empty for the user's own address at the time of sending. */
  address: string;
  /** Such as `it`. */
  language: string;
  /** JSON. */
  facts: string;
  createdAt: Instant;
  /** The next attempt. While a node sends it, the time when that node counts as dead. */
  dueAt: Instant;
  attempts: number;
  /** Why the last attempt failed; empty before the first one, and while a node sends it. */
  error: string;
  /** When it was given up; null if it was not. */
  failedAt: Instant | null;
}

export type NewMail = Pick<Mail, "id" | "purpose" | "userId" | "address" | "language" | "facts" | "createdAt">;

function toMail(row: Selectable<MailsTable>): Mail {
  const { user_id: userId, created_at: createdAt, due_at: dueAt, failed_at: failedAt, ...rest } = row;
  return { ...rest, userId, createdAt, dueAt, failedAt };
}

/** Call it in the transaction that causes the mail. */
export async function insertMail(db: Db, { userId, createdAt, ...mail }: NewMail): Promise<void> {
  const waiting = { due_at: createdAt, attempts: 0, error: "", failed_at: null };
  await db
    .insertInto("mails")
    .values({ ...mail, user_id: userId, created_at: createdAt, ...waiting })
    .execute();
}

/**
 * Takes the mail that has waited longest, for one attempt. Until `until`, no other call takes it, on any node.
 *
 * @returns the mail with this attempt counted; null if none is due
 */
export async function leaseMail(db: Db, now: Instant, until: Instant): Promise<Mail | null> {
  const due = db.selectFrom("mails").select("id").where("failed_at", "is", null).where("due_at", "<=", now);
  const first = due.orderBy("due_at").limit(1);
  const row = await db
    .updateTable("mails")
    .set((row) => ({ due_at: until, attempts: row("attempts", "+", 1), error: "" }))
    .where("id", "=", isPostgres(db) ? first.forUpdate().skipLocked() : first)
    .returningAll()
    .executeTakeFirst();
  return row ? toMail(row) : null;
}

/** Whether a mail is still the one of this attempt: no other node has taken it since. */
const isOfAttempt =
  ({ id, attempts }: Pick<Mail, "id" | "attempts">) =>
  (row: ExpressionBuilder<Schema, "mails">) =>
    row.and([row("id", "=", id), row("attempts", "=", attempts)]);

/** The mail was sent, or is not to be sent. */
export async function deleteLeasedMail(db: Db, mail: Pick<Mail, "id" | "attempts">): Promise<void> {
  await db.deleteFrom("mails").where(isOfAttempt(mail)).execute();
}

/**
 * The attempt failed.
 *
 * @param next when to try again; or when it was given up
 * @returns false if there is no such mail any more, or another node has taken it
 */
export async function postponeMail(
  db: Db,
  mail: Pick<Mail, "id" | "attempts">,
  next: { dueAt: Instant; error: string; failedAt: Instant | null },
): Promise<boolean> {
  const set = { due_at: next.dueAt, error: next.error, failed_at: next.failedAt };
  const update = db.updateTable("mails").set(set).where(isOfAttempt(mail));
  return (await update.executeTakeFirst()).numUpdatedRows === 1n;
}

/** The newest mail of a user that waits; null if there is none. */
export async function findWaitingMail(db: Db, userId: number, purpose: MailPurpose): Promise<Mail | null> {
  const waiting = db.selectFrom("mails").selectAll().where("user_id", "=", userId).where("purpose", "=", purpose);
  const row = await waiting.where("failed_at", "is", null).orderBy("created_at", "desc").limit(1).executeTakeFirst();
  return row ? toMail(row) : null;
}

/**
 * Deletes the mails of a user, also one that is being sent. Call it before `deleteTokensOf`: a mail that is being sent has
 * stored its token.
 *
 * @param since only those stored at that instant or later; null for all
 */
export async function deleteMailsOf(
  db: TransactionDb,
  userId: number,
  purposes: readonly MailPurpose[],
  since: Instant | null = null,
): Promise<void> {
  const mails = db.deleteFrom("mails").where("user_id", "=", userId).where("purpose", "in", purposes);
  await (since === null ? mails : mails.where("created_at", ">=", since)).execute();
}

/** The instant at which the next mail is due; null if none waits. */
export async function findNextDue(db: Db): Promise<Instant | null> {
  const waiting = db.selectFrom("mails").select("due_at").where("failed_at", "is", null);
  return (await waiting.orderBy("due_at").limit(1).executeTakeFirst())?.due_at ?? null;
}

/** Oldest first. @param afterId the last mail of the page before; null for the first page */
export async function listMails(
  db: Db,
  { after, limit }: { after: Pick<Mail, "id" | "createdAt"> | null; limit: number },
): Promise<Mail[]> {
  let rows = db.selectFrom("mails").selectAll();
  if (after !== null) {
    const { createdAt, id } = after;
    rows = rows.where(sql<boolean>`(created_at, id) > (cast(${createdAt} as bigint), ${id})`);
  }
  return (await rows.orderBy("created_at").orderBy("id").limit(limit).execute()).map(toMail);
}

/** The mails to a user that wait, or were given up, oldest first. They are few: the throttle of mails limits them. */
export async function listMailsOf(db: Db, userId: number): Promise<Mail[]> {
  const rows = db.selectFrom("mails").selectAll().where("user_id", "=", userId);
  return (await rows.orderBy("created_at").orderBy("id").execute()).map(toMail);
}

/** When a user was last sent a notice of each kind. */
export function listNoticesOf(db: Db, userId: number): Promise<{ kind: NoticeKind; sentAt: Instant }[]> {
  const rows = db.selectFrom("notices").select(["kind", "sent_at as sentAt"]).where("user_id", "=", userId);
  return rows.orderBy("kind").execute();
}

/**
 * Makes one mail due now, or all, the given-up ones too. A mail that a node is sending is left out: it would be sent twice.
 *
 * @param id null for all
 * @returns their number
 */
export async function retryMails(db: Db, id: string | null, now: Instant): Promise<number> {
  let update = db
    .updateTable("mails")
    .set({ due_at: now, failed_at: null })
    .where((row) => row.or([row("attempts", "=", 0), row("error", "<>", "")]));
  if (id !== null) update = update.where("id", "=", id);
  return Number((await update.executeTakeFirst()).numUpdatedRows);
}

/** @param id null for all that were given up @returns their number */
export async function dropMails(db: Db, id: string | null): Promise<number> {
  const rows = db.deleteFrom("mails");
  const chosen = id === null ? rows.where("failed_at", "is not", null) : rows.where("id", "=", id);
  return Number((await chosen.executeTakeFirst()).numDeletedRows);
}

/** Deletes the mails of a purpose to an address, also those that were given up. */
export async function deleteMailsTo(db: Db, purpose: MailPurpose, address: string): Promise<void> {
  await db.deleteFrom("mails").where("purpose", "=", purpose).where("address", "=", address).execute();
}

/** Lets the next notice of each kind go out at once. */
export async function forgetNotices(db: TransactionDb, userId: number): Promise<void> {
  await db.deleteFrom("notices").where("user_id", "=", userId).execute();
}

/** The number of mails that wait, and of those that were given up. */
export interface MailTally {
  waiting: number;
  givenUp: number;
  /** When the oldest waiting mail was stored; null if none waits. */
  oldestAt: Instant | null;
}

export async function tallyMails(db: Db): Promise<MailTally> {
  const tally = await db
    .selectFrom("mails")
    .select(({ fn }) => [
      fn.countAll().as("total"),
      fn.count("failed_at").as("givenUp"),
      fn.min("created_at").filterWhere("failed_at", "is", null).as("oldestAt"),
    ])
    .executeTakeFirstOrThrow();
  const [total, givenUp] = [Number(tally.total), Number(tally.givenUp)];
  return { waiting: total - givenUp, givenUp, oldestAt: tally.oldestAt };
}

/** Deletes at most `limit` mails that were given up before an instant. @returns their number */
export async function deleteFailedMails(db: Db, before: Instant, limit: number): Promise<number> {
  const failed = db.selectFrom("mails").select("id").where("failed_at", "<", before).limit(limit);
  return Number((await db.deleteFrom("mails").where("id", "in", failed).executeTakeFirst()).numDeletedRows);
}

/** A notice to a user at an address. */
export interface Notice {
  userId: number;
  email: string;
  kind: NoticeKind;
}

/**
 * Notes that a user is sent a notice. Of calls at the same time, on any node, one notes it.
 *
 * @returns false if the user is deleted or inactive, or has not proved this address, or was sent a notice of this kind
 *   less than `everyMs` ago: nothing is noted then
 */
export async function claimNotice(
  db: TransactionDb,
  { userId, email, kind }: Notice,
  { now, everyMs }: { now: Instant; everyMs: number },
): Promise<boolean> {
  const user = db
    .selectFrom("users")
    .select([
      "id",
      sql<NoticeKind>`cast(${kind} as text)`.as("kind"),
      sql<Instant>`cast(${now} as bigint)`.as("sent_at"),
    ])
    .where("id", "=", userId)
    .where("is_active", "=", 1)
    .where("email", "=", email)
    .where("email_proved_at", "is not", null);
  const result = await db
    .insertInto("notices")
    .columns(["user_id", "kind", "sent_at"])
    // The lock of a foreign key. If the user is being deleted, the statement waits, and then finds none.
    .expression(isPostgres(db) ? user.forKeyShare() : user)
    .onConflict((conflict) =>
      conflict
        .columns(["user_id", "kind"])
        .doUpdateSet({ sent_at: now })
        // An instant that is so far ahead comes from a clock that was put back since.
        .where((row) =>
          row.or([row("notices.sent_at", "<=", now - everyMs), row("notices.sent_at", ">", now + everyMs)]),
        ),
    )
    .executeTakeFirst();
  return result.numInsertedOrUpdatedRows === 1n;
}
