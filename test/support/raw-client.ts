import { connect } from "node:net";

export interface RawAnswer {
  /** 0 if the connection ended without an answer. */
  status: number;
  headers: Headers;
  body: string;
}

export interface RawRequest {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

/** Sends a request with exactly this target and these header names, and reads the answer. */
export function sendRaw(port: number, target: string, request: RawRequest = {}): Promise<RawAnswer> {
  const { method = "GET", headers = {}, body = "" } = request;
  const own = { Host: `127.0.0.1:${port}`, Connection: "close", ...headers };
  const length = body === "" ? {} : { "Content-Length": String(Buffer.byteLength(body)) };
  const lines = Object.entries({ ...own, ...length }).map(([name, value]) => `${name}: ${value}\r\n`);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, "127.0.0.1", () =>
      socket.write(`${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n${body}`),
    );
    // A server keeps the connection of a WebSocket that it denies.
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      if (isComplete(Buffer.concat(chunks).toString("latin1"))) socket.destroy();
    });
    socket.on("close", () => resolve(parse(Buffer.concat(chunks).toString("latin1"))));
    socket.on("error", (error) => {
      if (!("code" in error && error.code === "ECONNRESET")) reject(error);
    });
  });
}

function isComplete(text: string): boolean {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const [head, body] = [text.slice(0, end), text.slice(end + 4)];
  const length = /^content-length: *(\d+)/im.exec(head)?.[1];
  if (length !== undefined) return body.length >= Number(length);
  return /^transfer-encoding: *chunked/im.test(head) && body.endsWith("0\r\n\r\n");
}

function parse(text: string): RawAnswer {
  const [head = "", ...rest] = text.split("\r\n\r\n");
  const [statusLine = "", ...lines] = head.split("\r\n");
  const headers = new Headers();
  for (const line of lines) headers.append(line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim());
  const body = rest.join("\r\n\r\n");
  const whole = headers.get("transfer-encoding") === "chunked" ? joinChunks(body) : body;
  const utf8 = Buffer.from(whole, "latin1").toString("utf8");
  return { status: Number(statusLine.split(" ")[1] ?? 0), headers, body: utf8 };
}

/** RFC 9112 §7.1 */
function joinChunks(body: string): string {
  const end = body.indexOf("\r\n");
  const length = Number.parseInt(body.slice(0, end), 16);
  if (end < 0 || !(length > 0)) return "";
  return body.slice(end + 2, end + 2 + length) + joinChunks(body.slice(end + 4 + length));
}
