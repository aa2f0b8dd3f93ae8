import type { Db } from "./open.ts";

/** How far a copy is: of each table, the last row that is in the target. */
export interface Progress {
  last_user_id: number;
  last_group_id: number;
  /** For the table user_groups. */
  last_member_id: number;
  last_member_group_id: number;
  /** Of a user. */
  last_totp_id: number;
  last_recovery_code_id: string;
  last_passkey_id: string;
  last_session_id: string;
  last_event_id: number;
  /** For the table event_chains. */
  last_subject: string;
}

/** The least `integer` of Postgres. */
const BEFORE_EVERY_ID = -(2 ** 31);

export const NOTHING: Progress = {
  last_user_id: BEFORE_EVERY_ID,
  last_group_id: BEFORE_EVERY_ID,
  last_member_id: BEFORE_EVERY_ID,
  last_member_group_id: BEFORE_EVERY_ID,
  last_totp_id: BEFORE_EVERY_ID,
  last_recovery_code_id: "",
  last_passkey_id: "",
  last_session_id: "",
  last_event_id: 0,
  last_subject: "",
};

export interface Batch {
  /** 0 for a table that is not counted. */
  rows: number;
  /** The progress after this batch. */
  reached: Progress;
  write: (target: Db) => Promise<unknown>;
}

/** With 16 columns at most, a batch stays below the 32,766 parameters of SQLite and the 65,535 of Postgres. */
const BATCH_ROWS = 1000;

/** For each table, the next rows of the source; null after the last one. A row comes after the rows that it refers to. */
export const NEXT_BATCHES: readonly ((source: Db, reached: Progress) => Promise<Batch | null>)[] = [
  nextUsers,
  nextGroups,
  nextMembers,
  nextTotpFactors,
  nextRecoveryCodes,
  nextPasskeys,
  nextSessions,
  nextEvents,
  nextChains,
];

async function nextUsers(source: Db, reached: Progress): Promise<Batch | null> {
  const next = source.selectFrom("users").selectAll().where("id", ">", reached.last_user_id);
  const rows = await next.orderBy("id").limit(BATCH_ROWS).execute();
  return batchOf(
    rows,
    (last) => ({ ...reached, last_user_id: last.id }),
    (target) => target.insertInto("users").values(rows).execute(),
  );
}

async function nextGroups(source: Db, reached: Progress): Promise<Batch | null> {
  const next = source.selectFrom("groups").selectAll().where("id", ">", reached.last_group_id);
  const rows = await next.orderBy("id").limit(BATCH_ROWS).execute();
  return batchOf(
    rows,
    (last) => ({ ...reached, last_group_id: last.id }),
    (target) => target.insertInto("groups").values(rows).execute(),
  );
}

async function nextMembers(source: Db, reached: Progress): Promise<Batch | null> {
  const { last_member_id: lastId, last_member_group_id: lastGroupId } = reached;
  const next = source
    .selectFrom("user_groups")
    .selectAll()
    .where((row) =>
      row.or([row("user_id", ">", lastId), row.and([row("user_id", "=", lastId), row("group_id", ">", lastGroupId)])]),
    )
    // Users and groups that were created after the others were copied are not in the target yet.
    .where("user_id", "<=", reached.last_user_id)
    .where("group_id", "<=", reached.last_group_id);
  const rows = await next.orderBy("user_id").orderBy("group_id").limit(BATCH_ROWS).execute();
  return batchOf(
    rows,
    (last) => ({ ...reached, last_member_id: last.user_id, last_member_group_id: last.group_id }),
    (target) => target.insertInto("user_groups").values(rows).execute(),
  );
}

// Users that were created after the users were copied are not in the target yet. Their second factors are left out, and the counts then differ.

/** Sealed: the servers of the target need the key of the source. */
async function nextTotpFactors(source: Db, reached: Progress): Promise<Batch | null> {
  const all = source.selectFrom("totp_factors").selectAll();
  const next = all.where("user_id", ">", reached.last_totp_id).where("user_id", "<=", reached.last_user_id);
  const rows = await next.orderBy("user_id").limit(BATCH_ROWS).execute();
  return batchOf(
    rows,
    (last) => ({ ...reached, last_totp_id: last.user_id }),
    (target) => target.insertInto("totp_factors").values(rows).execute(),
  );
}

async function nextRecoveryCodes(source: Db, reached: Progress): Promise<Batch | null> {
  const all = source.selectFrom("recovery_codes").selectAll();
  const next = all.where("id", ">", reached.last_recovery_code_id).where("user_id", "<=", reached.last_user_id);
  const rows = await next.orderBy("id").limit(BATCH_ROWS).execute();
  return batchOf(
    rows,
    (last) => ({ ...reached, last_recovery_code_id: last.id }),
    (target) => target.insertInto("recovery_codes").values(rows).execute(),
  );
}

async function nextPasskeys(source: Db, reached: Progress): Promise<Batch | null> {
  const all = source.selectFrom("passkeys").selectAll();
  const next = all.where("id", ">", reached.last_passkey_id).where("user_id", "<=", reached.last_user_id);
  const rows = await next.orderBy("id").limit(BATCH_ROWS).execute();
  return batchOf(
    rows,
    (last) => ({ ...reached, last_passkey_id: last.id }),
    (target) => target.insertInto("passkeys").values(rows).execute(),
  );
}

async function nextSessions(source: Db, reached: Progress): Promise<Batch | null> {
  const next = source
    .selectFrom("sessions")
    .selectAll()
    .where("id", ">", reached.last_session_id)
    // Users that were created after the users were copied are not in the target yet.
    .where("user_id", "<=", reached.last_user_id);
  const rows = await next.orderBy("id").limit(BATCH_ROWS).execute();
  return batchOf(
    rows,
    (last) => ({ ...reached, last_session_id: last.id }),
    (target) => target.insertInto("sessions").values(rows).execute(),
  );
}

/** With their hashes and MACs. The triggers on the table deny updates and deletions, but not insertions. */
async function nextEvents(source: Db, reached: Progress): Promise<Batch | null> {
  const next = source.selectFrom("events").selectAll().where("id", ">", reached.last_event_id);
  const rows = await next.orderBy("id").limit(BATCH_ROWS).execute();
  return batchOf(
    rows,
    (last) => ({ ...reached, last_event_id: last.id }),
    (target) => target.insertInto("events").values(rows).execute(),
  );
}

async function nextChains(source: Db, reached: Progress): Promise<Batch | null> {
  const next = source.selectFrom("event_chains").selectAll().where("subject", ">", reached.last_subject);
  const rows = await next.orderBy("subject").limit(BATCH_ROWS).execute();
  const batch = batchOf(
    rows,
    (last) => ({ ...reached, last_subject: last.subject }),
    (target) => target.insertInto("event_chains").values(rows).execute(),
  );
  return batch && { ...batch, rows: 0 };
}

function batchOf<Row>(rows: Row[], reach: (last: Row) => Progress, write: Batch["write"]): Batch | null {
  const last = rows.at(-1);
  return last === undefined ? null : { rows: rows.length, reached: reach(last), write };
}
