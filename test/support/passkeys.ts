import assert from "node:assert/strict";
import { listEventsOf } from "../../db/events.ts";
import type { User } from "../../db/users.ts";
import { type Authenticator, createAuthenticator, type Forgery } from "./authenticator.ts";
import { type Client, createClient } from "./client.ts";
import { PASSWORD } from "./factors.ts";
import { createTestApp, MAIL, ORIGIN, type TestApp } from "./test-app.ts";

/** Like a script of a page of the same origin. */
export const OURS = { "Sec-Fetch-Site": "same-origin" };

/** A row that makes a challenge, and the row that takes the answer. */
export const LOGIN = "/login/passkey/";
export const FACTOR = "/login/second-factor/passkey/";
export const REAUTH = "/reauth/passkey/";
export const SET_UP = "/security/passkeys/";

/** A user with a browser that is logged in, and an authenticator without a passkey. */
export interface PasskeyUser extends AsyncDisposable {
  test: TestApp;
  user: User;
  browser: Client;
  key: Authenticator;
}

export async function usePasskeys(environment: Record<string, string> = MAIL): Promise<PasskeyUser> {
  const test = await createTestApp(environment);
  const user = await test.addUser({ username: "alice", password: PASSWORD, email: "alice@example.com" });
  const browser = createClient(test.app, new URL(environment["PUBLIC_URL"] ?? ORIGIN).host);
  assert.equal((await browser.login("alice", PASSWORD)).status, 202);
  return { test, user, browser, key: createAuthenticator(), [Symbol.asyncDispose]: test.close };
}

/** The same with a passkey. */
export async function usePasskey(environment: Record<string, string> = MAIL): Promise<PasskeyUser> {
  const alice = await usePasskeys(environment);
  await register(alice.browser, alice.key);
  return alice;
}

/** Asks a row of options. */
export async function askOptions(client: Client, row: string): Promise<unknown> {
  const response = await client.post(`${row}options/`, {}, OURS);
  assert.equal(response.status, 200, `${row}: ${response.status}`);
  return JSON.parse(await response.text());
}

/** Sends a credential, as a page does. */
export function send(client: Client, row: string, credential: unknown, more: object = {}): Promise<Response> {
  return client.post(row, { credential, ...more }, OURS);
}

/** Adds a passkey. @returns the answer */
export async function register(
  client: Client,
  key: Authenticator,
  more: object = {},
): Promise<Record<string, unknown>> {
  const response = await send(client, SET_UP, key.create(await askOptions(client, SET_UP)), more);
  assert.equal(response.status, 201, await response.clone().text());
  return JSON.parse(await response.text());
}

/** Proves a passkey at a row. */
export async function prove(
  client: Client,
  row: string,
  key: Authenticator,
  forgery: Partial<Forgery> = {},
): Promise<Response> {
  return send(client, row, key.get(await askOptions(client, row), forgery));
}

/** The kinds of a user's events, oldest first. */
export async function kindsOf({ test: { services }, user }: Pick<PasskeyUser, "test" | "user">): Promise<string[]> {
  const events = await listEventsOf(services.db, `user:${user.id}`, { before: null, limit: 1000 });
  return events.map(({ kind }) => kind).reverse();
}

/** Asserts the one answer to every passkey that is known and not accepted. */
export async function assertRejected(response: Response, message = ""): Promise<void> {
  const body = { non_field_errors: ["The passkey was not accepted."] };
  assert.deepEqual([message, response.status, JSON.parse(await response.text())], [message, 400, body]);
}

/** Asserts the answer by which a browser may forget a passkey. */
export async function assertUnknown(response: Response): Promise<void> {
  const body = { non_field_errors: ["The passkey is not known here."], code: "passkey_unknown" };
  assert.deepEqual([response.status, JSON.parse(await response.text())], [400, body]);
}
