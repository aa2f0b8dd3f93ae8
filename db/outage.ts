/**
 * Whether an error says that the database cannot be asked at present: it is gone, full, locked or overloaded. That
 * passes without a change of ours, so the request may be tried again. Anything else is a mistake in what was asked.
 */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error ? String(error.code) : "";
  return (
    SQLITE_NAMES.test(code) ||
    SQLITE_CODES.has(sqliteCode(error)) ||
    SYSTEM_CODES.test(code) ||
    POSTGRES_CODES.test(code) ||
    SQLITE_MESSAGES.has(error.message) ||
    isUselessConnection(error)
  );
}

/** Whether the connection to Postgres is of no use any more, so that no other request should get it. */
export function isUselessConnection(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error ? String(error.code) : "";
  return (
    USELESS_CODES.test(code) || SYSTEM_CODES.test(code) || POSTGRES_MESSAGES.test(error.message) || isStalePlan(error)
  );
}

/** Whether the connection is useless, and Postgres surely has not run the statement. */
export function hasNotRun(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error ? String(error.code) : "";
  return NOT_RUN_CODES.test(code) || NOT_SENT.test(error.message) || isStalePlan(error);
}

/** Whether the driver has given up waiting, for a connection or for an answer. */
export function isTimeout(error: unknown): boolean {
  return error instanceof Error && TIMEOUT_MESSAGES.test(error.message);
}

/** "cached plan must not change result type": a prepared statement that is older than the schema. */
function isStalePlan(error: Error): boolean {
  return "code" in error && error.code === "0A000" && error.message.startsWith("cached plan");
}

/** Whether another process holds SQLite's write lock. */
export function isBusy(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ("code" in error && /^SQLITE_BUSY/.test(String(error.code))) return true;
  return sqliteCode(error) === SQLITE_BUSY || error.message === "database is locked";
}

/** The primary result code that `node:sqlite` gives; 0 where there is none. */
function sqliteCode(error: Error): number {
  return "errcode" in error ? Number(error.errcode) & 0xff : 0;
}

const SQLITE_BUSY = 5;

/** https://www.sqlite.org/rescode.html, extended codes included; as Bun names them, and as Node and Deno number them. */
const SQLITE_NAMES = /^SQLITE_(BUSY|LOCKED|FULL|IOERR|CANTOPEN|READONLY|PROTOCOL|NOMEM)/;
const SQLITE_CODES = new Set([SQLITE_BUSY, 6, 7, 8, 10, 13, 14, 15]);

/** What Deno's `exec` throws has no number, only SQLite's own words. */
const SQLITE_MESSAGES = new Set([
  "database is locked",
  "database or disk is full",
  "disk I/O error",
  "attempt to write a readonly database",
  "unable to open database file",
]);

const SYSTEM_CODES =
  /^(ECONNREFUSED|ECONNRESET|ECONNABORTED|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EPIPE|EHOSTUNREACH|ENETUNREACH|EIO|ENOSPC|EDQUOT|EROFS|ESTALE)$/;

/**
 * Classes 08 connection, 53 resources, 57 operator intervention (but for a cancelled statement by its time-out, which is
 * one too), 40001 and 40P01 for a transaction that lost, 25006 for a standby.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const POSTGRES_CODES = /^(08\w{3}|53\w{3}|57\w{3}|58030|40001|40P01|25006)$/;

/**
 * A connection that is gone or out of step (class 08), a server that stops or starts (57P01 to 57P05), one that has become
 * read-only (25006), a prepared statement that is missing or there already (26000, 42P05, as behind a pooler).
 */
const USELESS_CODES = /^(08\w{3}|57P0[1-5]|25006|26000|42P05)$/;

/** Postgres looks at these before it runs anything. */
const NOT_RUN_CODES = /^(25006|26000|42P05)$/;

/** What the driver throws without a code. */
const POSTGRES_MESSAGES =
  /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client (has encountered a connection error|was closed))/;

/** The driver knew already that the connection was gone. */
const NOT_SENT = /^Client (has encountered a connection error|was closed)/;

const TIMEOUT_MESSAGES =
  /^(Connection terminated due to connection timeout|timeout exceeded when trying to connect|Query read timeout)/;
