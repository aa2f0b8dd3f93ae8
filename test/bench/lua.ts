import type { Ask } from "./load.ts";

/** The script that wrk runs. A function makes the requests only if their cookies vary: it costs wrk time. */
export function luaOf({ method, headers, body, cookies: [first = "", ...others] }: Ask): string {
  const fields = Object.entries({ ...headers, ...(first === "" ? {} : { Cookie: first }) });
  const varying = [
    `local cookies = { ${[first, ...others].map(quote).join(", ")} }`,
    "local requests, at = {}, 0",
    "function init()",
    "  for index, cookie in ipairs(cookies) do",
    '    wrk.headers["Cookie"] = cookie',
    "    requests[index] = wrk.format()",
    "  end",
    "end",
    "function request()",
    "  at = at % #requests + 1",
    "  return requests[at]",
    "end",
  ];
  return [
    `wrk.method = ${quote(method)}`,
    ...(body === "" ? [] : [`wrk.body = ${quote(body)}`]),
    ...fields.map(([name, value]) => `wrk.headers[${quote(name)}] = ${quote(value)}`),
    ...(others.length > 0 ? varying : []),
    DONE,
  ].join("\n");
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
