import assert from "node:assert/strict";
import { refreshSecondFactor } from "../../db/factors.ts";
import { type Db, transaction } from "../../db/open.ts";
import type { User } from "../../db/users.ts";
import { type Client, createClient } from "./client.ts";
import { PASSWORD } from "./factors.ts";
import { createTestApp, MAIL, type TestApp } from "./test-app.ts";

export const ALL = { POSTERN_REQUIRE_SECOND_FACTOR: "all" };

/** Everything that a setting can turn on, so that no row is a 404 because of a setting. */
export const OPEN = { ...ALL, ...MAIL, POSTERN_SIGNUP: "open", POSTERN_ACCOUNT_DELETION: "on" };

export const OURS = { "Sec-Fetch-Site": "same-origin" };
export const BROWSER = { ...OURS, Accept: "text/html" };

/** The user who is logged in without the demanded second factor. */
export async function enroll(
  environment: Record<string, string> = ALL,
): Promise<{ app: TestApp; user: User; client: Client }> {
  const app = await createTestApp(environment);
  const user = await app.addUser({ username: "alice", password: PASSWORD });
  const client = createClient(app.app);
  assert.equal((await client.login("alice", PASSWORD)).status, 202);
  return { app, user, client };
}

/** The same database and its sessions under other settings. */
export const restart = ({ services: { db } }: TestApp, environment: Record<string, string>) =>
  createTestApp(environment, { db, close: async () => {} });

/** The client, with its cookies, at another server. */
export function moveTo({ cookies }: Client, { app }: TestApp): Client {
  const moved = createClient(app);
  for (const [name, value] of cookies) moved.cookies.set(name, value);
  return moved;
}

export const statusOf = async (client: Client, path = "/profile/") => (await client.get(path)).status;

/** Without its ceremony. */
export async function givePasskey(db: Db, user: User): Promise<void> {
  const key = { id: "id", user_id: user.id, user_handle: "handle", public_key: "key", sign_count: 0, transports: "" };
  const state = { is_backup_eligible: 0, is_backed_up: 0, name: "Phone", created_at: 1, last_used_at: null };
  await transaction(db, async (db) => {
    await db
      .insertInto("passkeys")
      .values({ ...key, ...state })
      .execute();
    await refreshSecondFactor(db, user.id);
  });
}
