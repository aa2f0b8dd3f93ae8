import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";

/** Sends requests to nodes in turn, like a load balancer in production. */
export interface Balancer extends AsyncDisposable {
  /** Without a final slash. */
  url: string;
  /** Requests that no node answered. */
  failures: () => string[];
}

/**
 * Asks a node for its readiness before it sends anything. If a node rejects the connection, nothing was sent, and the
 * next node is tried. If a node is lost before its answer, the next one is tried only for an idempotent request (RFC 9110
 * §9.2.2), as nginx and haproxy do.
 */
export async function startBalancer(ports: readonly number[]): Promise<Balancer> {
  const failures: string[] = [];
  let turn = 0;
  const handle = async (incoming: IncomingMessage, answer: ServerResponse) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    let reason = "no node is ready";
    for (let tries = 0; tries < ports.length * 2; tries++) {
      const port = ports[turn++ % ports.length] ?? 0;
      if (!(await isReady(port))) continue;
      reason = await forward(incoming, body, port, answer);
      if (reason === "") return;
      if (reason !== "ECONNREFUSED" && incoming.method !== "GET") break;
    }
    failures.push(`${incoming.method} ${incoming.url}: ${reason}`);
    answer.writeHead(502).end();
  };
  const server = createServer((incoming, answer) => {
    handle(incoming, answer).catch(() => answer.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    failures: () => [...failures],
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

function isReady(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/readyz`, { headers: { Connection: "close" } }).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** @returns why there is no answer; empty if there is one */
export function forward(
  incoming: IncomingMessage,
  body: Uint8Array,
  port: number,
  answer: ServerResponse,
): Promise<string> {
  const { method = "GET", url: path = "/", headers } = incoming;
  return new Promise((resolve) => {
    const outgoing = request({ port, host: "127.0.0.1", method, path, headers, agent: false }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
      resolve("");
    });
    outgoing.once("error", (error) => resolve("code" in error ? String(error.code) : error.message));
    outgoing.end(body);
  });
}
