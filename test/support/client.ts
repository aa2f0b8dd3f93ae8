import type { App } from "../../lib/app.ts";
import { parseCookies } from "../../lib/http/cookie.ts";

export interface ClientRequest {
  headers?: Record<string, string>;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent unchanged. */
  body?: string | Uint8Array<ArrayBuffer> | ReadableStream;
}

/** A program with a cookie jar, talking to the application without a socket. */
export interface Client {
  /** The cookies that the server has set and not expired. */
  cookies: Map<string, string>;
  send: (method: string, target: string, request?: ClientRequest) => Promise<Response>;
  get: (target: string, headers?: Record<string, string>) => Promise<Response>;
  post: (target: string, json?: unknown, headers?: Record<string, string>) => Promise<Response>;
  login: (username: string, password: string) => Promise<Response>;
}

/**
 * @param host the Host that the client sends
 * @param address the other end of its connection
 */
export function createClient(app: App, host = "postern.test", address = "192.0.2.1"): Client {
  const cookies = new Map<string, string>();
  const send: Client["send"] = async (method, target, { headers = {}, json, body } = {}) => {
    const jar = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const request = new Request(`http://${host}${target}`, {
      method,
      headers: {
        Host: host,
        ...(jar === "" ? {} : { Cookie: jar }),
        ...(json === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
      body: json === undefined ? (body ?? null) : JSON.stringify(json),
    });
    const response = await app(request, { address });
    for (const line of response.headers.getSetCookie()) keep(cookies, line);
    return response;
  };
  return {
    cookies,
    send,
    get: (target, headers = {}) => send("GET", target, { headers }),
    post: (target, json = {}, headers = {}) => send("POST", target, { json, headers }),
    // Like a page of the same origin.
    login: (username, password) =>
      send("POST", "/login/", { json: { username, password }, headers: { "Sec-Fetch-Site": "same-origin" } }),
  };
}

function keep(cookies: Map<string, string>, line: string): void {
  const [[name = "", [value = ""]] = ["", []]] = parseCookies(line.split(";", 1)[0] ?? "");
  if (/; Max-Age=0(;|$)/.test(line)) cookies.delete(name);
  else cookies.set(name, value);
}
