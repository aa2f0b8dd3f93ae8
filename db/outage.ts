import { codeOf } from "./error.ts";

/**
 * Whether an error means that the database is unavailable, full, locked or overloaded. The client can send the request
 * again later. Any other error is a bug in the statement.
 */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = codeOf(error);
  return (
    SQLITE_NAMES.test(code) ||
    SQLITE_CODES.has(sqliteCode(error)) ||
    SYSTEM_CODES.test(code) ||
    POSTGRES_CODES.test(code) ||
    SQLITE_MESSAGES.has(error.message) ||
    isUselessConnection(error)
  );
}

/** Whether the connection to Postgres must be closed, so that no other request uses it. */
export function isUselessConnection(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = codeOf(error);
  return (
    USELESS_CODES.test(code) || SYSTEM_CODES.test(code) || POSTGRES_MESSAGES.test(error.message) || isStalePlan(error)
  );
}

/** Whether the connection must be closed and Postgres certainly did not run the statement. */
export function hasNotRun(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = codeOf(error);
  return NOT_RUN_CODES.test(code) || NOT_SENT.test(error.message) || isStalePlan(error);
}

/** Whether the driver timed out while it waited for a connection or an answer. */
export function isTimeout(error: unknown): boolean {
  return error instanceof Error && TIMEOUT_MESSAGES.test(error.message);
}

/** The same, or the server's own time-out of a statement. A cancelled statement has the same code. */
export function hasTimedOut(error: unknown): boolean {
  return isTimeout(error) || (error instanceof Error && codeOf(error) === "57014");
}

/** "cached plan must not change result type": the prepared statement is older than the schema. */
function isStalePlan(error: Error): boolean {
  return codeOf(error) === "0A000" && error.message.startsWith("cached plan");
}

/** Whether another process holds SQLite's write lock. */
export function isBusy(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (codeOf(error).startsWith("SQLITE_BUSY") || sqliteCode(error) === SQLITE_BUSY) return true;
  return error.message === "database is locked";
}

/** Whether SQLite says that the file is damaged or not a database. */
export function isDamage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const isNamed = /^SQLITE_(CORRUPT|NOTADB)/.test(codeOf(error)) || DAMAGE_CODES.has(sqliteCode(error));
  return isNamed || DAMAGE_MESSAGES.test(error.message);
}

/** The primary result code of `node:sqlite`; 0 for other errors. */
function sqliteCode(error: Error): number {
  return "errcode" in error ? Number(error.errcode) & 0xff : 0;
}

const SQLITE_BUSY = 5;

/** https://www.sqlite.org/rescode.html, with their extended codes. Bun gives the names, Node and Deno the numbers. */
const SQLITE_NAMES = /^SQLITE_(BUSY|LOCKED|FULL|IOERR|CANTOPEN|READONLY|PROTOCOL|NOMEM)/;
const SQLITE_CODES = new Set([SQLITE_BUSY, 6, 7, 8, 10, 13, 14, 15]);

const DAMAGE_CODES = new Set([11, 26]);

/** On Deno, errors of `exec` have a message but no number. */
const DAMAGE_MESSAGES = /^(file is not a database|database disk image is malformed)/;
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
 * Class 08: connection. 53: resources. 57: operator intervention, including statement_timeout. 58030: I/O error. 40001,
 * 40P01: serialization failure, deadlock. 25006: read-only, as on a standby.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const POSTGRES_CODES = /^(08\w{3}|53\w{3}|57\w{3}|58030|40001|40P01|25006)$/;

/**
 * - Class 08: connection lost or protocol violated.
 * - 57P01 to 57P05: the server stops or starts.
 * - 25006: the server became read-only.
 * - 26000, 42P05: a prepared statement is missing or exists already, as behind a pooler.
 */
const USELESS_CODES = /^(08\w{3}|57P0[1-5]|25006|26000|42P05)$/;

/** Postgres raises these before it runs the statement. */
const NOT_RUN_CODES = /^(25006|26000|42P05)$/;

/** Errors of the driver that have no code. */
const POSTGRES_MESSAGES =
  /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client (has encountered a connection error|was closed))/;

/** The connection was closed before the driver sent the statement. */
const NOT_SENT = /^Client (has encountered a connection error|was closed)/;

const TIMEOUT_MESSAGES =
  /^(Connection terminated due to connection timeout|timeout exceeded when trying to connect|Query read timeout)/;
