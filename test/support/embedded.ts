import assert from "node:assert/strict";
import { createPostern, type Postern, type PosternOptions } from "../../lib/embed/postern.ts";
import { type Client, createClient } from "./client.ts";

export const PASSWORD = "a horse that is right";

/** A Postern in an application, with the one user alice. */
export interface Embedded extends AsyncDisposable {
  postern: Postern;
  /** A client of the application. */
  client: Client;
  /** The lines of the log. */
  lines: string[];
  /** A request with the cookies of the client. */
  request: (method?: string, headers?: Record<string, string>) => Request;
}

/** The answer of the application to a path that is not Postern's. */
export const OWN_ANSWER = "The application's own";

/** In memory, unless the options name a database. */
export async function embed(options: PosternOptions = {}): Promise<Embedded> {
  const lines: string[] = [];
  const log = (line: string) => lines.push(line);
  const postern = await createPostern({ databaseUrl: "sqlite::memory:", log, ...options });
  const client = createClient(
    async (request, peer) => (await postern.fetch(request, peer)) ?? new Response(OWN_ANSWER),
  );
  await createAlice(postern, client);
  const request: Embedded["request"] = (method = "GET", headers = {}) => {
    const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    return new Request("http://postern.test/notes/", { method, headers: { Host: "postern.test", ...headers, cookie } });
  };
  return { postern, client, lines, request, [Symbol.asyncDispose]: () => postern.close() };
}

/** By the link for the first user. */
async function createAlice(postern: Postern, client: Client): Promise<void> {
  const path = await postern.setUpPath();
  assert(path);
  const headers = {
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "same-origin",
    "Content-Type": "application/x-www-form-urlencoded",
  };
  const body = new URLSearchParams({ username: "alice", email: "alice@example.com", password: PASSWORD }).toString();
  assert.equal((await client.send("POST", path, { headers, body })).status, 303);
  assert.equal((await client.post("/logout/", {}, { "Sec-Fetch-Site": "same-origin" })).status, 204);
}
