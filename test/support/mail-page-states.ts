import assert from "node:assert/strict";
import { transaction } from "../../db/open.ts";
import { findUser } from "../../db/users.ts";
import { enqueue, type Post } from "../../lib/mail/enqueue.ts";
import { ALICE, fillAndSend, type Stage, send } from "./browser.ts";
import { giveFactors } from "./factors.ts";
import { giveSession } from "./page-states.ts";
import { tokenIn } from "./test-app.ts";

/** The settings with which these pages exist. Links in mails have another origin than the page, so only tokens are used. */
export const WITH_MAIL = { POSTERN_MAIL_URL: "console:" };

/** The pages of forgotten passwords and notices, in each state that looks different. */
export const MAIL_PAGE_STATES: Record<string, (stage: Stage) => Promise<unknown>> = {
  "login-with-mail": ({ page }) => page.goto("/login/"),
  reset: ({ page }) => page.goto("/password/reset/"),
  "reset-sent": ({ page }) => askForReset(page),
  "reset-link": (stage) => openLink(stage, { purpose: "password_reset" }),
  "reset-link-error": async (stage) => {
    stage.expectStatus(400);
    await openLink(stage, { purpose: "password_reset" });
    await fillAndSend(stage.page, { "New password": "alice1" }, "Set the password");
  },
  "reset-link-of-a-member": async (stage) => {
    await giveSession(stage);
    await openLink(stage, { purpose: "password_reset" });
  },
  "reset-dead-link": async (stage) => {
    stage.expectStatus(400);
    await stage.page.goto("/password/reset/confirm/?token=unknown");
  },
  "not-me": (stage) => openLink(stage, { purpose: "new_device" }),
  "not-me-undo": (stage) => openLink(stage, { purpose: "email_changed", facts: { email: "new@example.com" } }),
  "not-me-moved": async (stage) => {
    await openLink(stage, { purpose: "many_failures", address: "former@example.com" });
    await send(stage.page, "Secure my account");
  },
  "profile-proved": async (stage) => {
    await giveAddress(stage);
    await openProfile(stage);
  },
  "profile-unproved": async (stage) => {
    await giveAddress(stage, null);
    await openProfile(stage);
  },
  "profile-pending": async (stage) => {
    await giveAddress(stage);
    await openProfile(stage);
    await fillAndSend(stage.page, { "Email address": NEW_ADDRESS }, "Save");
  },
  "email-link": (stage) => openLink(stage, EMAIL_CHANGE),
  "email-link-of-a-member": async (stage) => {
    await giveSession(stage);
    await openLink(stage, EMAIL_CHANGE);
  },
  "email-link-taken": async (stage) => {
    stage.expectStatus(400);
    await openLink(stage, EMAIL_CHANGE);
    await stage.addUser({ username: "bob", email: NEW_ADDRESS, emailProvedAt: 1, password: "right horse" });
    await send(stage.page, "Confirm the address");
  },
  "not-me-with-factor": async (stage) => {
    await addFactor(stage);
    await openLink(stage, { purpose: "factor_added" });
  },
  "secured-without-factor": async (stage) => {
    await addFactor(stage);
    await openLink(stage, { purpose: "factor_added" });
    await send(stage.page, "Secure my account");
  },
  "secured-with-factor": async (stage) => {
    await addFactor(stage);
    stage.clock.advance(120);
    await openLink(stage, { purpose: "recovery_code_used" });
    await send(stage.page, "Secure my account");
  },
  secured: async (stage) => {
    await openLink(stage, { purpose: "password_changed" });
    await send(stage.page, "Secure my account");
  },
};

export const NEW_ADDRESS = "alice.liddell@new.example";

const EMAIL_CHANGE = { purpose: "email_change", address: NEW_ADDRESS, facts: { email: NEW_ADDRESS } } as const;

async function openProfile(stage: Stage): Promise<void> {
  await giveSession(stage);
  await stage.page.goto("/profile/");
}

export async function askForReset(page: Stage["page"], name = "alice"): Promise<void> {
  await page.goto("/login/");
  await Promise.all([page.waitForURL("/password/reset/"), page.getByText("Forgot your password?").click()]);
  await fillAndSend(page, { "Username or email address": name }, "Send the link");
}

const FIREFOX = { address: "192.0.2.66", browser: "Firefox", system: "Linux", requestId: "" };

/** Opens the page of the link in a mail to alice. @returns the token */
export async function openLink(stage: Stage, post: Omit<Post, "user" | "language">): Promise<string> {
  const { services, clock, deliver, page } = stage;
  await giveAddress(stage);
  const user = await findUser(services.db, ALICE.username);
  const by = { kind: "visitor", origin: FIREFOX } as const;
  await transaction(services.db, (db) => enqueue(db, services, by, { ...post, user, language: "en" }));
  const [mail] = await deliver();
  assert(mail);
  clock.advance(300);
  const [, path = ""] = /http:\/\/[^/]*(\/\S*\?token=\S*)/.exec(mail.text) ?? [];
  await page.goto(path);
  return tokenIn(mail);
}

async function addFactor(stage: Stage): Promise<void> {
  const user = await findUser(stage.services.db, ALICE.username);
  assert(user);
  await giveFactors(stage, user);
}

export async function giveAddress({ services }: Pick<Stage, "services">, provedAt: number | null = 1): Promise<void> {
  await services.db.updateTable("users").set({ email: "alice@example.com", email_proved_at: provedAt }).execute();
}
