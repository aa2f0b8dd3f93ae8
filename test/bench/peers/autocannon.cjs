// Drives a server with autocannon: `node autocannon.cjs JOB_FILE`, where the job is an ask and a load as JSON. The bench
// copies this file beside an installed autocannon, and runs it there.

const { readFileSync } = require("node:fs");
const autocannon = require("autocannon");

const { ask, load } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { origin, pathname: path } = new URL(ask.url);

const requests = ask.turns.map(({ headers, body }) => ({
  method: ask.method,
  path,
  headers: { ...ask.headers, ...headers },
  body,
}));

autocannon({ url: origin, connections: load.connections, duration: load.seconds, timeout: 30, requests }).then(
  ({ requests, latency, duration, non2xx, errors }) => {
    const rates = { requests: requests.total, perSecond: requests.total / duration };
    const times = { p50Ms: latency.p50, p99Ms: latency.p99, maxMs: latency.max };
    process.stdout.write(`${JSON.stringify({ ...rates, ...times, failures: non2xx + errors })}\n`);
  },
);
