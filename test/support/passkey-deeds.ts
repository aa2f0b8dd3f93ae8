import { createAuthenticator } from "./authenticator.ts";
import { type Client, createClient } from "./client.ts";
import { PASSWORD } from "./factors.ts";
import { askOptions, FACTOR, LOGIN, OURS, prove, REAUTH, register, SET_UP, send } from "./passkeys.ts";
import type { TestApp } from "./test-app.ts";

/** Sends the form of a page about a new passkey. */
const formAbout = async (client: Client, path: string, fields: Record<string, string>) => {
  const { id } = await register(client, createAuthenticator());
  const type = { "Content-Type": "application/x-www-form-urlencoded" };
  const headers = { ...OURS, "Sec-Fetch-Mode": "navigate", ...type };
  return client.send("POST", `${SET_UP}${id}${path}`, { headers, body: String(new URLSearchParams(fields)) });
};

/** One successful request for each row about passkeys that changes something. The client is logged in as alice. */
export const PASSKEY_DEEDS: Record<string, (client: Client, test: TestApp) => Promise<Response>> = {
  "POST /login/passkey/": async (client, test) => {
    const key = createAuthenticator();
    await register(client, key);
    return prove(createClient(test.app), LOGIN, key);
  },
  "POST /login/second-factor/passkey/": async (client, test) => {
    const key = createAuthenticator();
    await register(client, key);
    const other = createClient(test.app);
    await other.login("alice", PASSWORD);
    return prove(other, FACTOR, key);
  },
  "POST /reauth/passkey/": async (client) => {
    const key = createAuthenticator();
    await register(client, key);
    return prove(client, REAUTH, key);
  },
  "POST /security/passkeys/": async (client) =>
    send(client, SET_UP, createAuthenticator().create(await askOptions(client, SET_UP))),
  "PATCH /security/passkeys/:id/": async (client) => {
    const { id } = await register(client, createAuthenticator());
    return client.send("PATCH", `${SET_UP}${id}/`, { headers: OURS, json: { name: "Key ring" } });
  },
  "DELETE /security/passkeys/:id/": async (client) => {
    const { id } = await register(client, createAuthenticator());
    return client.send("DELETE", `${SET_UP}${id}/`, { headers: OURS });
  },
  "POST /security/passkeys/:id/": (client) => formAbout(client, "/", {}),
  "POST /security/passkeys/:id/name/": (client) => formAbout(client, "/name/", { name: "Key ring" }),
};

/** These rows only make a challenge. */
export const PASSKEY_CHALLENGES: readonly string[] = [
  "POST /login/passkey/options/",
  "POST /login/second-factor/passkey/options/",
  "POST /reauth/passkey/options/",
  "POST /security/passkeys/options/",
];
