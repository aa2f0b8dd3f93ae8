/** What may stand in a log line. Never a password, a token, a cookie, a hash or a body. */
export type LogFields = Record<string, string | number | boolean | null>;

export type Level = "info" | "warning" | "error";

/** Writes one event. */
export type Log = (level: Level, event: string, fields?: LogFields) => void;

/** One JSON line an event: `{"time":"2026-01-01T00:00:00.000Z","level":"info","event":"request",…}`. */
export function createLog(write: (line: string) => void, now: () => number): Log {
  return (level, event, fields = {}) => {
    write(`${JSON.stringify({ time: new Date(now()).toISOString(), level, event, ...fields })}\n`);
  };
}

/** An error as log fields, its causes included: everything, since the client is told nothing. */
export function describeError(error: unknown): LogFields {
  const parts: string[] = [];
  for (let cause = error; cause !== undefined && parts.length < 5; ) {
    parts.push(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return { error: parts.join("\ncaused by: ") };
}
