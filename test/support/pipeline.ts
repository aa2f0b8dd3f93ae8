import { connect } from "node:net";

/**
 * Requests the profile many times on one connection, with all requests sent at once (RFC 9112 §9.3.2).
 *
 * @returns the statuses of the answers, in order
 */
export function pipelineProfiles(port: number, token: string, count: number): Promise<number[]> {
  const request = `GET /profile/ HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: sessionid=${token}\r\n\r\n`;
  const { promise, resolve, reject } = Promise.withResolvers<number[]>();
  const statuses: number[] = [];
  let tail = "";
  const socket = connect(port, "127.0.0.1", () => socket.write(request.repeat(count)));
  socket.on("data", (chunk) => {
    const text = tail + chunk.toString("latin1");
    for (const [, status] of text.matchAll(/HTTP\/1\.1 (\d{3})/g)) statuses.push(Number(status));
    tail = text.slice(-12).replace(/HTTP\/1\.1 \d{3}/, ""); // A status line may be cut in two.
    if (statuses.length >= count) socket.end(() => resolve(statuses));
  });
  socket.on("error", reject);
  socket.on("close", () => reject(new Error(`${statuses.length} of ${count} answers came.`)));
  return promise;
}

/** The same, each request on a connection that is free: Bun closes one whose next request comes before a late answer. */
export function requestProfiles(port: number, token: string, count: number): Promise<number[]> {
  const ask = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/profile/`, { headers: { Cookie: `sessionid=${token}` } });
    await response.arrayBuffer();
    return response.status;
  };
  return Promise.all(Array.from({ length: count }, ask));
}
