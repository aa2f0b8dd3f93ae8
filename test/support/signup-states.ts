import assert from "node:assert/strict";
import { OPERATOR } from "../../lib/audit/actor.ts";
import { invite } from "../../lib/users/invite.ts";
import { fillAndSend, type Stage } from "./browser.ts";
import { giveSession, withoutNativeChecks } from "./page-states.ts";
import { tokenIn } from "./test-app.ts";

/** Everyone may sign up. The links in the mails have another origin than the pages of a browser test. */
export const SIGNUP_ON = { POSTERN_MAIL_URL: "console:", POSTERN_SIGNUP: "open" };

export const ADA = { username: "ada", email: "ada@example.com", password: "k7#qz!pv-9" };

/** The pages of sign-up in every state that looks different. */
export const SIGNUP_STATES: Record<string, (stage: Stage) => Promise<unknown>> = {
  "login-with-signup": ({ page }) => page.goto("/login/"),
  signup: ({ page }) => page.goto("/signup/"),
  "signup-error": async ({ page, expectStatus }) => {
    expectStatus(400);
    await page.goto("/signup/");
    await withoutNativeChecks(page);
    await fillAndSend(page, { "Email address": "ada at home" }, "Send the link");
  },
  "signup-sent": ({ page }) => askForLink(page),
  "signup-link": (stage) => openSignupLink(stage),
  "signup-link-error": async (stage) => {
    stage.expectStatus(400);
    await openSignupLink(stage);
    await fillAndSend(stage.page, { Username: "bob@example.com", Password: "password" }, "Create the account");
  },
  "signup-link-address-taken": async (stage) => {
    stage.expectStatus(400);
    await openSignupLink(stage);
    await stage.addUser({ username: "other", password: ADA.password, email: ADA.email, emailProvedAt: 1 });
    await fillAndSend(stage.page, { Username: ADA.username, Password: ADA.password }, "Create the account");
  },
  "signup-link-of-a-member": async (stage) => {
    await giveSession(stage);
    await openSignupLink(stage);
  },
  "signup-link-invitation": async (stage) => {
    const { services, page } = stage;
    await invite(services, OPERATOR, { email: ADA.email, groups: [], isStaff: false, language: "en" });
    await page.goto(`/signup/confirm/?token=${await nextToken(stage)}`);
  },
  "signup-dead-link": async ({ page, expectStatus }) => {
    expectStatus(400);
    await page.goto("/signup/confirm/?token=unknown");
  },
};

export async function askForLink(page: Stage["page"], email = ADA.email): Promise<void> {
  await page.goto("/signup/");
  await fillAndSend(page, { "Email address": email }, "Send the link");
}

/** @returns the token of the link in the mail that waits */
export async function nextToken({ deliver }: Pick<Stage, "deliver">): Promise<string> {
  const [mail] = await deliver();
  assert(mail);
  return tokenIn(mail);
}

/** Asks for a link in a browser, and opens it five minutes later. @returns its token */
export async function openSignupLink(stage: Stage): Promise<string> {
  await askForLink(stage.page);
  const token = await nextToken(stage);
  stage.clock.advance(300);
  await stage.page.goto(`/signup/confirm/?token=${token}`);
  return token;
}
