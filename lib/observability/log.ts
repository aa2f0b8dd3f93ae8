/** What may stand in a log line. Never a password, a token, a cookie, a hash or a body. */
export type LogFields = Record<string, string | number | boolean | null>;

export type Level = "info" | "warning" | "error";

/** Writes one event. */
export type Log = (level: Level, event: string, fields?: LogFields) => void;

/** Writes an event's text, whose last character ends its line. */
export type LogWriter = (text: string, level: Level) => void;

type Line = LogFields & { time: string; level: Level; event: string };

/** Nothing that has to be escaped, in most lines. */
const PLAIN = /^[ -~]*$/;

/** Control and format characters, which would steer a terminal, and what some programs take for the end of a line. */
const UNSAFE = /[\p{C}\u2028\u2029]/gu;

export interface LogOptions {
  /** `formatJson`, for programs, or `formatReadable`, for people. */
  format?: (line: Line) => string;
  /** Stands in every line. */
  common?: LogFields;
}

export function createLog(
  write: LogWriter,
  now: () => number,
  { format = formatJson, common = {} }: LogOptions = {},
): Log {
  return (level, event, fields = {}) => {
    const time = new Date(now()).toISOString();
    write(`${format({ time, level, event, ...common, ...fields })}\n`, level);
  };
}

/** One JSON line an event: `{"time":"2026-01-01T00:00:00.000Z","level":"info","event":"request",…}`. */
export function formatJson(line: Line): string {
  return escapeUnsafe(JSON.stringify(line));
}

/** `12:00:00.000 info    request route=/login/ status=202`; an error's stack stands below, indented. */
export function formatReadable({ time, level, event, error, ...fields }: Line): string {
  const head = [time.slice(11, 23), level.padEnd(7), event];
  const told = Object.entries(fields).filter(([, value]) => value !== null);
  const tail = told.map(([name, value]) => `${name}=${readable(value)}`);
  const below = typeof error === "string" ? error.split("\n").map((line) => `\n    ${escapeUnsafe(line)}`) : [];
  return [...head, ...tail].join(" ") + below.join("");
}

/** Quoted only where a reader could mistake it for more than one value. */
function readable(value: LogFields[string] | undefined): string {
  const text = String(value);
  return /^[^\s"=\p{C}]+$/u.test(text) ? text : escapeUnsafe(JSON.stringify(text));
}

function escapeUnsafe(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(UNSAFE, (character) =>
    Array.from(
      { length: character.length },
      (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`,
    ).join(""),
  );
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
