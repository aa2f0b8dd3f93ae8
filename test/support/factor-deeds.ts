import { findUser } from "../../db/users.ts";
import { type Client, createClient } from "./client.ts";
import { codeAt, giveFactors, PASSWORD } from "./factors.ts";
import type { TestApp } from "./test-app.ts";

/** Like a page of the same origin. */
const OURS = { "Sec-Fetch-Site": "same-origin" };

const alice = async ({ services }: TestApp) => {
  const user = await findUser(services.db, "alice");
  if (user === null) throw new Error("no alice");
  return user;
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
};

/** These rows only make a challenge. */
export const WITHOUT_EVENT: readonly string[] = [];
