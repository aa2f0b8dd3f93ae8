import { Database } from "bun:sqlite";
import { createHash } from "node:crypto";
import { closeSync, fsyncSync, openSync } from "node:fs";

const DAY_MS = 24 * 60 * 60 * 1000;

/** Rows in one statement, which is a transaction of its own. */
const BATCH = 100_000;

/** What to put into a database that holds one user. */
export interface Contents {
  /** Users in all. */
  users: number;
  /** Live sessions, beside those of `tokens`. */
  sessions: number;
  expired: number;
  /** Each with a live session of its own, found under its cookie. */
  tokens: readonly string[];
}

/** Fills Postern's SQLite file by plain inserts, in a minute for millions; nobody may have it open. */
export function fill(file: string, { users, sessions, expired, tokens }: Contents): void {
  const database = new Database(file);
  try {
    // A file that nobody minds losing, and as much of it in memory as there is.
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

/** Or the first write of whoever opens it waits until all of it is on the disk. */
function flush(file: string): void {
  const descriptor = openSync(file, "r+");
  fsyncSync(descriptor);
  closeSync(descriptor);
}

const NUMBERS = "with recursive numbers(n) as (select ? union all select n + 1 from numbers where n < ?)";

/** All but the first, which is there, and whose password they share. */
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
  const insert = database.query("insert into sessions values (?, ?, ?, ?, ?, '192.0.2.1', 'Mozilla/5.0')");
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
