import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

/** A small copy of Have I Been Pwned's range API: it knows some passwords, and pads. */
export interface RangeService extends AsyncDisposable {
  /** Without a final slash. */
  url: string;
  /** Its requests, in order. */
  requests: { path: string; padding: string | undefined }[];
}

/** @param answer replaces its own answer */
export async function startRangeService(
  breached: string[],
  answer?: (response: ServerResponse) => void,
): Promise<RangeService> {
  const requests: RangeService["requests"] = [];
  const hashes = breached.map(sha1);
  const respond = (request: IncomingMessage, response: ServerResponse) => {
    const padding = request.headers["add-padding"];
    requests.push({ path: request.url ?? "", padding: typeof padding === "string" ? padding : undefined });
    if (answer !== undefined) return answer(response);
    const prefix = /^\/range\/([0-9A-F]{5})$/.exec(request.url ?? "")?.[1];
    if (prefix === undefined) return response.writeHead(400).end("The hash prefix was not in a valid format");
    const of = (all: string[], count: number) =>
      all.filter((hash) => hash.startsWith(prefix)).map((hash) => `${hash.slice(5)}:${count}`);
    response.end([...of(hashes, 3), ...of([sha1(PADDED_PASSWORD)], 0)].join("\r\n"));
  };
  const server = createServer(respond);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A password whose hash is in the padding, with a count of 0. */
export const PADDED_PASSWORD = "speak padding and enter";

export function sha1(text: string): string {
  return createHash("sha1").update(text).digest("hex").toUpperCase();
}
