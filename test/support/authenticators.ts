import assert from "node:assert/strict";
import { decodeBase32 } from "@oslojs/encoding";
import { listEventsOf } from "../../db/events.ts";
import type { User } from "../../db/users.ts";
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
  user: User;
  begin: () => Promise<Begun>;
  confirm: (sent: unknown) => Promise<Response>;
  /** Sets up an app. @returns its secret, and the recovery codes */
  setUp: () => Promise<Begun & { recoveryCodes: string[] }>;
  /** The code of a secret now, or some steps later. */
  code: (begun: Begun, steps?: number) => string;
  /** What `GET /security/` says. */
  security: () => Promise<Record<string, unknown>>;
  /** The kinds and details of the user's events, oldest first. */
  events: () => Promise<string[]>;
}

export async function useNewcomer(environment: Record<string, string> = {}): Promise<Newcomer> {
  const test = await createTestApp(environment);
  const user = await test.addUser({ ...ALICE, email: "alice@example.com", emailProvedAt: 1 });
  const client = createClient(test.app);
  assert.equal((await client.login("alice", PASSWORD)).status, 202);
  const code = ({ secret }: Begun, steps = 0) => codeAt(secret, test.clock.now + steps * 30_000);
  return {
    ...client,
    test,
    user,
    begin: () => beginAuthenticator(client),
    confirm: (sent) => confirmAuthenticator(client, sent),
    setUp: async () => {
      const begun = await beginAuthenticator(client);
      const { recovery_codes } = await bodyOf(
        await confirmAuthenticator(client, { token: begun.token, code: code(begun) }),
      );
      assert(Array.isArray(recovery_codes));
      return { ...begun, recoveryCodes: recovery_codes };
    },
    code,
    security: async () => bodyOf(await client.get("/security/")),
    events: async () => {
      const events = await listEventsOf(test.services.db, `user:${user.id}`, { before: null, limit: 1000 });
      return events.reverse().map(({ kind, detail }) => (detail === "" ? kind : `${kind}: ${detail}`));
    },
    [Symbol.asyncDispose]: test.close,
  };
}

const ALICE = { username: "alice", password: PASSWORD };

/** The object of an answer in JSON. */
export async function bodyOf(response: Response): Promise<Record<string, unknown>> {
  return JSON.parse(await response.text());
}
