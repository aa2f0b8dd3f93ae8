import { connect } from "node:net";
import { bytesOf, latin1 } from "../../lib/http/form.ts";

/** An answer as it arrived. */
export interface RawResponse {
  status: number;
  reason: string;
  headers: [name: string, value: string][];
  /** UTF-8. */
  body: string;
}

/** Sends bytes unchanged and reads one answer; null if the server closes without one. */
export function exchange(port: number, request: Uint8Array, isHead: boolean): Promise<RawResponse | null> {
  return new Promise((resolve, reject) => {
    let received = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(request));
    const settle = (response: RawResponse | null) => {
      resolve(response);
      socket.destroy();
    };
    socket.on("data", (chunk) => {
      received += latin1(Buffer.from(chunk));
      const response = parseResponse(received, isHead);
      if (response) settle(response);
    });
    socket.on("close", () => settle(null));
    socket.on("error", (error) => ("code" in error && error.code === "ECONNRESET" ? settle(null) : reject(error)));
  });
}

/** Null while the answer is incomplete. */
function parseResponse(text: string, isHead: boolean): RawResponse | null {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const [statusLine = "", ...lines] = text.slice(0, end).split("\r\n");
  const [, status = "", ...reason] = statusLine.split(" ");
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  const length = Number(headers.find(([name]) => name.toLowerCase() === "content-length")?.[1] ?? 0);
  const body = text.slice(end + 4);
  if (!isHead && body.length < length) return null;
  return { status: Number(status), reason: reason.join(" "), headers, body: new TextDecoder().decode(bytesOf(body)) };
}
