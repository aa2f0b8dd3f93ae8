/** The fields of a log line. None may hold a password, a token, a cookie, a hash or a body. */
export type LogFields = Record<string, string | number | boolean | null>;

export type Level = "info" | "warning" | "error";

export interface Log {
  (level: Level, event: string, fields?: LogFields): void;
  /** The line of a request: `request`, at the level `info`. */
  request: (fields: RequestFields) => void;
}

/** No text here has a character that JSON or a terminal would have to escape. */
export interface RequestFields {
  request_id: string;
  route: string | null;
  method: string;
  status: number;
  ms: number;
  problem: string | null;
  user_id: number | null;
  client: string;
}

/** @param text one event, with its final line break */
export type LogWriter = (text: string, level: Level) => void;

type Line = LogFields & { time: string; level: Level; event: string };

/** Printable ASCII. Most lines match, and need no escape. */
const PLAIN = /^[ -~]*$/;

/** Control and format characters, which a terminal obeys; U+2028 and U+2029 end a line in some programs. */
const UNSAFE = /[\p{C}\u2028\u2029]/gu;

export interface LogOptions {
  /** `formatJson` (the default) or `formatReadable`. */
  format?: (line: Line) => string;
  /** Fields of every line. */
  common?: LogFields;
}

export function createLog(
  write: LogWriter,
  now: () => number,
  { format = formatJson, common = {} }: LogOptions = {},
): Log {
  const time = () => new Date(now()).toISOString();
  const log = (level: Level, event: string, fields: LogFields = {}) =>
    write(`${format({ time: time(), level, event, ...common, ...fields })}\n`, level);
  const commonJson = JSON.stringify(common).slice(1, -1);
  const prefix = commonJson === "" ? "" : `${commonJson},`;
  const request: Log["request"] =
    format === formatJson
      ? (fields) => write(requestLine(time(), prefix, fields), "info")
      : (fields) => log("info", "request", { ...fields });
  return Object.assign(log, { request });
}

/** As `formatJson` has it. Written out, since every request has one: JSON.stringify takes twice as long (measured). */
function requestLine(time: string, prefix: string, fields: RequestFields): string {
  const { request_id, route, method, status, ms, problem, user_id, client } = fields;
  return (
    `{"time":"${time}","level":"info","event":"request",${prefix}"request_id":"${request_id}",` +
    `"route":${quoted(route)},"method":"${method}","status":${status},"ms":${ms},"problem":${quoted(problem)},` +
    `"user_id":${user_id},"client":"${client}"}\n`
  );
}

function quoted(text: string | null): string {
  return text === null ? "null" : `"${text}"`;
}

/** One line of JSON per event: `{"time":"2026-01-01T00:00:00.000Z","level":"info","event":"request",…}`. */
export function formatJson(line: Line): string {
  return escapeUnsafe(JSON.stringify(line));
}

/** `12:00:00.000 info    request route=/login/ status=202`; the stack of an error follows, indented. */
export function formatReadable({ time, level, event, error, ...fields }: Line): string {
  const head = [time.slice(11, 23), level.padEnd(7), event];
  const present = Object.entries(fields).filter(([, value]) => value !== null);
  const tail = present.map(([name, value]) => `${name}=${readable(value)}`);
  const below = typeof error === "string" ? error.split("\n").map((line) => `\n    ${escapeUnsafe(line)}`) : [];
  return [...head, ...tail].join(" ") + below.join("");
}

/** Quotes a value that could be read as several. */
function readable(value: LogFields[string] | undefined): string {
  const text = String(value);
  return /^[^\s"=\p{C}]+$/u.test(text) ? text : escapeUnsafe(JSON.stringify(text));
}

function escapeUnsafe(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(UNSAFE, escapeCharacter);
}

/** As in JSON; two escapes for a character beyond the first 65,536. */
export function escapeCharacter(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
}

/** The stacks of an error and of its causes, at most 5. The client receives none of this. */
export function describeError(error: unknown): LogFields {
  const parts: string[] = [];
  for (let cause = error; cause !== undefined && parts.length < 5; ) {
    parts.push(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return { error: parts.join("\ncaused by: ") };
}
