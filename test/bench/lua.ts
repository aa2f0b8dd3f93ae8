import type { Ask, Turn } from "./load.ts";

/** The script that wrk runs. A function makes the requests only if they differ: it costs wrk time. */
export function luaOf({ method, headers, turns: [first, ...others] }: Ask): string {
  if (first === undefined) throw new Error("An ask without a turn");
  return [
    `wrk.method = ${quote(method)}`,
    ...Object.entries(headers).map(([name, value]) => setHeader(name, value)),
    ...(others.length > 0 ? inTurn([first, ...others]) : setTurn(first)),
    DONE,
  ].join("\n");
}

function setHeader(name: string, value: string): string {
  return `wrk.headers[${quote(name)}] = ${quote(value)}`;
}

function setTurn({ headers, body }: Turn): string[] {
  const fields = Object.entries(headers).map(([name, value]) => setHeader(name, value));
  return body === "" ? fields : [...fields, `wrk.body = ${quote(body)}`];
}

function inTurn(turns: readonly Turn[]): string[] {
  const formatted = turns.map((turn) => [...setTurn(turn), "requests[#requests + 1] = wrk.format()"].join(" "));
  return [
    "local requests, at = {}, 0",
    "function init()",
    ...formatted,
    "end",
    "function request()",
    "  at = at % #requests + 1",
    "  return requests[at]",
    "end",
  ];
}

/** wrk counts in microseconds. */
const DONE = `function done(summary, latency)
  local errors = summary.errors
  local failures = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('{"requests":%d,"perSecond":%f,"p50Ms":%f,"p99Ms":%f,"maxMs":%f,"failures":%d}\\n',
    summary.requests, summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000, failures))
end
`;

/** A string of printable ASCII in Lua. For these characters, Lua and JSON have the same escapes. */
function quote(text: string): string {
  return JSON.stringify(text);
}
