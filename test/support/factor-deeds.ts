import { findUser } from "../../db/users.ts";
import { beginAuthenticator, confirmAuthenticator } from "./authenticators.ts";
import { type Client, createClient } from "./client.ts";
import { codeAt, giveFactors, PASSWORD } from "./factors.ts";
import { PASSKEY_CHALLENGES, PASSKEY_DEEDS } from "./passkey-deeds.ts";
import type { TestApp } from "./test-app.ts";

/** Like a page of the same origin. */
const OURS = { "Sec-Fetch-Site": "same-origin" };
const FORM = { ...OURS, "Sec-Fetch-Mode": "navigate", "Content-Type": "application/x-www-form-urlencoded" };

const alice = async ({ services }: TestApp) => {
  const user = await findUser(services.db, "alice");
  if (user === null) throw new Error("no alice");
  return user;
};

/** Gives alice an authenticator app, and proves it in the client's session. */
const proveNewApp = async (client: Client, test: TestApp) => {
  const { secret } = await giveFactors(test, await alice(test));
  await client.post("/reauth/", { code: codeAt(secret, test.clock.now) }, OURS);
};

/** One successful request for each row of `lib/routes.ts` about second factors that changes something. The client is logged in. */
export const FACTOR_DEEDS: Record<string, (client: Client, test: TestApp) => Promise<Response>> = {
  "POST /login/second-factor/": async (_, test) => {
    const { secret } = await giveFactors(test, await alice(test));
    const client = createClient(test.app);
    await client.login("alice", PASSWORD);
    return client.post("/login/second-factor/", { code: codeAt(secret, test.clock.now) }, OURS);
  },
  "POST /reauth/": (client) => client.post("/reauth/", { password: PASSWORD }, OURS),
  "POST /security/authenticator/confirm/": async (client, test) => {
    const { token, secret } = await beginAuthenticator(client);
    return confirmAuthenticator(client, { token, code: codeAt(secret, test.clock.now) });
  },
  "DELETE /security/authenticator/": async (client, test) => {
    await proveNewApp(client, test);
    return client.send("DELETE", "/security/authenticator/", { headers: OURS });
  },
  "POST /security/authenticator/remove/": async (client, test) => {
    await proveNewApp(client, test);
    return client.send("POST", "/security/authenticator/remove/", { headers: FORM, body: "" });
  },
  "POST /security/recovery-codes/": async (client, test) => {
    await proveNewApp(client, test);
    return client.post("/security/recovery-codes/", {}, OURS);
  },
  ...PASSKEY_DEEDS,
};

/** These rows only make a challenge, or a secret that waits for its first code. */
export const WITHOUT_EVENT: readonly string[] = ["POST /security/authenticator/", ...PASSKEY_CHALLENGES];
