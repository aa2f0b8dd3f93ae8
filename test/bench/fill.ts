import { Database } from "bun:sqlite";
import { createHash } from "node:crypto";
import { closeSync, fsyncSync, openSync } from "node:fs";

const DAY_MS = 24 * 60 * 60 * 1000;

/** Rows in one statement. Each statement is a transaction. */
const BATCH = 100_000;

/** The rows to add to a database that holds one user. */
export interface Contents {
  /** The number of users in the end. */
  users: number;
  /** The number of live sessions besides those of `tokens`. */
  sessions: number;
  expired: number;
  /** The tokens of more live sessions. */
  tokens: readonly string[];
}

/** Fills Postern's SQLite file by plain inserts: a minute for millions. No other process may have it open. */
export function fill(file: string, { users, sessions, expired, tokens }: Contents): void {
  const database = new Database(file);
  try {
    // The file may be lost, so nothing is synced. As much of it as possible stays in memory.
    for (const pragma of ["synchronous = off", "cache_size = -2000000"]) database.run(`pragma ${pragma}`);
    insertUsers(database, users);
    insertSessions(database, { count: sessions, users, expiresAt: Date.now() + 14 * DAY_MS });
    insertSessions(database, { count: expired, users, expiresAt: Date.now() - DAY_MS });
    insertKnown(database, tokens, users);
    database.run("pragma wal_checkpoint(truncate)");
  } finally {
    database.close();
  }
  flush(file);
}

/** Otherwise the first write of the server waits until all of it is on the disk. */
function flush(file: string): void {
  const descriptor = openSync(file, "r+");
  fsyncSync(descriptor);
  closeSync(descriptor);
}

const NUMBERS = "with recursive numbers(n) as (select ? union all select n + 1 from numbers where n < ?)";

/** All users but the first, which exists. They share its password. */
function insertUsers(database: Database, users: number): void {
  const insert = database.query(`${NUMBERS}
    insert into users (username, email, first_name, last_name, password, is_active, is_staff, is_superuser, date_joined)
    select 'user' || n, 'user' || n || '@example.com', 'First', 'Last', password, 1, 0, 0, date_joined
    from numbers cross join users where users.id = 1`);
  inBatches(users - 1, (from, to) => insert.run(from, to));
}

function insertSessions(
  database: Database,
  { count, users, expiresAt }: { count: number; users: number; expiresAt: number },
): void {
  const now = Date.now();
  const insert = database.query(`${NUMBERS}
    insert into sessions (id, user_id, created_at, last_seen_at, expires_at, ip, user_agent)
    select lower(hex(randomblob(32))), 1 + n % ?, ?, ? - n % 3600000, ? - n % 3600000, '192.0.2.1', 'Mozilla/5.0'
    from numbers`);
  inBatches(count, (from, to) => insert.run(from, to, users, now, now, expiresAt));
}

function insertKnown(database: Database, tokens: readonly string[], users: number): void {
  const now = Date.now();
  const insert = database.query(`
    insert into sessions (id, user_id, created_at, last_seen_at, expires_at, ip, user_agent)
    values (?, ?, ?, ?, ?, '192.0.2.1', 'Mozilla/5.0')`);
  database.transaction(() => {
    for (const [index, token] of tokens.entries()) {
      const id = createHash("sha256").update(token).digest("hex");
      insert.run(id, 1 + (index % users), now, now, now + 14 * DAY_MS);
    }
  })();
}

function inBatches(count: number, insert: (from: number, to: number) => void): void {
  for (let from = 1; from <= count; from += BATCH) insert(from, Math.min(from + BATCH - 1, count));
}
