import type { Message } from "../../lib/mail/transport.ts";
import { type Client, createClient } from "./client.ts";
import { createTestApp, MAIL, type TestApp, tokenIn } from "./test-app.ts";

/** The settings with which everyone may sign up. */
export const OPEN = { ...MAIL, POSTERN_SIGNUP: "open" };

export const OURS = { "Sec-Fetch-Site": "same-origin" };

/** The headers of a form that a browser sends. */
export const FORM = {
  ...OURS,
  "Sec-Fetch-Mode": "navigate",
  "Content-Type": "application/x-www-form-urlencoded",
};

export const PASSWORD = "k7#qz!pv-9";

export interface SignupApp extends TestApp {
  client: Client;
  /** Asks for a link, as a script of a page. */
  ask: (email: unknown, from?: Client) => Promise<Response>;
  /** Asks for a link. @returns the mail that came */
  mailTo: (email: string) => Promise<Message>;
  /** Sends the form behind the link. */
  confirm: (token: string, fields?: Record<string, unknown>, by?: Client) => Promise<Response>;
}

export async function createSignupApp(
  environment: Record<string, string> = OPEN,
  database?: Parameters<typeof createTestApp>[1],
): Promise<SignupApp> {
  const test = await createTestApp(environment, database);
  const client = createClient(test.app);
  const ask: SignupApp["ask"] = (email, from = client) => from.post("/signup/", { email }, OURS);
  return {
    ...test,
    client,
    ask,
    mailTo: async (email) => {
      await ask(email);
      const [mail] = await test.deliver();
      if (mail === undefined) throw new Error(`no mail to ${email}`);
      return mail;
    },
    confirm: (token, fields = {}, by = createClient(test.app)) =>
      by.post("/signup/confirm/", { token, username: "ada", password: PASSWORD, ...fields }, OURS),
  };
}

/** Signs a new user up, with a link to the address. */
export async function signUp(test: SignupApp, email: string, fields: Record<string, unknown> = {}): Promise<Response> {
  return test.confirm(tokenIn(await test.mailTo(email)), fields);
}
