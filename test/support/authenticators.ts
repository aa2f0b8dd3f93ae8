import assert from "node:assert/strict";
import { decodeBase32 } from "@oslojs/encoding";
import { type Client, createClient } from "./client.ts";
import { codeAt, PASSWORD } from "./factors.ts";
import { createTestApp, type TestApp } from "./test-app.ts";

/** Like a page of the same origin. */
export const OURS = { "Sec-Fetch-Site": "same-origin" };

/** Like a form of it. */
export const FORM = { ...OURS, "Sec-Fetch-Mode": "navigate", "Content-Type": "application/x-www-form-urlencoded" };

export interface Begun {
  token: string;
  secret: Uint8Array;
  uri: string;
}

/** The client is logged in. */
export async function beginAuthenticator(client: Client): Promise<Begun> {
  const response = await client.post("/security/authenticator/", {}, OURS);
  assert.equal(response.status, 201);
  const { token, secret, uri }: { token: string; secret: string; uri: string } = JSON.parse(await response.text());
  return { token, secret: decodeBase32(secret), uri };
}

export function confirmAuthenticator(client: Client, sent: unknown): Promise<Response> {
  return client.post("/security/authenticator/confirm/", sent, OURS);
}

/** Sends a form of a page. @returns the page or the redirect */
export function sendForm(client: Client, path: string, fields: Record<string, string> = {}): Promise<Response> {
  return client.send("POST", path, { headers: FORM, body: String(new URLSearchParams(fields)) });
}

/** The user alice, without a second factor, logged in by a client. */
export interface Newcomer extends Client, AsyncDisposable {
  test: TestApp;
  begin: () => Promise<Begun>;
  confirm: (sent: unknown) => Promise<Response>;
  /** The code of a secret now, or some steps later. */
  code: (begun: Begun, steps?: number) => string;
  /** What `GET /security/` says. */
  security: () => Promise<Record<string, unknown>>;
}

export async function useNewcomer(environment: Record<string, string> = {}): Promise<Newcomer> {
  const test = await createTestApp(environment);
  await test.addUser({ username: "alice", password: PASSWORD, email: "alice@example.com" });
  const client = createClient(test.app);
  assert.equal((await client.login("alice", PASSWORD)).status, 202);
  return {
    ...client,
    test,
    begin: () => beginAuthenticator(client),
    confirm: (sent) => confirmAuthenticator(client, sent),
    code: ({ secret }, steps = 0) => codeAt(secret, test.clock.now + steps * 30_000),
    security: async () => JSON.parse(await (await client.get("/security/")).text()),
    [Symbol.asyncDispose]: test.close,
  };
}

/** Reads a form's answer. */
export async function bodyOf(response: Response): Promise<unknown> {
  return JSON.parse(await response.text());
}
