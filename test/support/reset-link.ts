import assert from "node:assert/strict";
import type { User } from "../../db/users.ts";
import { type Client, createClient } from "./client.ts";
import { createTestApp, MAIL, type TestApp, tokenIn } from "./test-app.ts";

// Steps with the link for a new password.

export const OURS = { "Sec-Fetch-Site": "same-origin" };
export const BROWSER = { ...OURS, "Sec-Fetch-Mode": "navigate", Accept: "text/html" };
export const RESET_PATH = "/password/reset/confirm/";
export const INVALID_LINK = { token: ["This link is not valid any more. Ask for a new one."] };
export const NEW_PASSWORD = "cyan giraffe umbrella";

export interface ResetStage extends TestApp {
  /** With the password `right horse`. */
  user: User;
  client: Client;
}

/** @param settings besides those of mail */
export async function setUpReset(settings: Record<string, string> = {}): Promise<ResetStage> {
  const test = await createTestApp({ ...MAIL, ...settings });
  const input = { username: "alice", email: "Alice@example.com", password: "right horse" };
  return { ...test, user: await test.addUser(input), client: createClient(test.app) };
}

/** Asks for a link. @returns its token */
export async function askForLink({ client, deliver }: Pick<ResetStage, "client" | "deliver">): Promise<string> {
  assert.equal((await client.post("/password/reset/", { username: "alice" }, OURS)).status, 202);
  const mail = (await deliver()).at(-1);
  assert(mail);
  return tokenIn(mail);
}

export function setPassword(client: Client, token: unknown, new_password: unknown = NEW_PASSWORD): Promise<Response> {
  return client.post(RESET_PATH, { token, new_password }, OURS);
}

/** Opens the page of the link. */
export function openLink({ client }: ResetStage, token: string): Promise<Response> {
  return client.get(`${RESET_PATH}?token=${token}`, BROWSER);
}

export async function assertDead(stage: ResetStage, token: string): Promise<void> {
  const answer = await setPassword(createClient(stage.app), token);
  assert.deepEqual([answer.status, await answer.json()], [400, INVALID_LINK]);
  const page = await openLink(stage, token);
  assert.equal(page.status, 400);
  assert.match(await page.text(), /This link no longer works.*href="\/password\/reset\/"/s);
}
