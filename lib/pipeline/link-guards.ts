import { findToken } from "../../db/one-time-tokens.ts";
import type { TokenPurpose } from "../../db/schema.ts";
import { findUserById, hasUsers } from "../../db/users.ts";
import type { Authenticated, Guard, LinkContext, SetupContext, UserContext } from "../context.ts";
import { hashToken } from "../crypto/token.ts";
import { sentMember } from "../http/fields.ts";
import { Problem } from "../http/problem.ts";
import { queryValue } from "../http/target.ts";
import { readFacts } from "../mail/facts.ts";
import { authenticated } from "./guards.ts";

/**
 * A client with the link that `serve` prints while there is no user.
 *
 * @throws Problem not_found if the link is not valid, or a user exists
 */
export async function setupToken(context: Authenticated): Promise<SetupContext> {
  const { db, now } = context.services;
  const token = queryValue(context.target, "token") ?? (await sentToken(context));
  const found = await findToken(db, "setup", hashToken(token), now());
  if (found === null || (await hasUsers(db))) throw new Problem("not_found");
  return { ...context, setupToken: token };
}

/** If POSTERN_MAIL_URL is set. @throws Problem not_found */
export function mailEnabled(context: Authenticated): Authenticated {
  if (context.services.mail === null) throw new Problem("not_found");
  return context;
}

/** A user who is logged in, if POSTERN_MAIL_URL is set. @throws Problem not_found, not_authenticated */
export function mailedUser(context: Authenticated): UserContext {
  return authenticated(mailEnabled(context));
}

/** If everyone may sign up. @throws Problem not_found */
export function signupOpen(context: Authenticated): Authenticated {
  if (context.services.config.signup !== "open") throw new Problem("not_found");
  return mailEnabled(context);
}

/** A person with the link of a sign-up or an invitation. @throws Problem invalid_link, not_found */
export const signupLink: Guard<LinkContext> = (context) => openLink(context, "signup", "invite");

/** A user with the link of a forgotten password. @throws Problem invalid_link, not_found */
export const resetLink: Guard<LinkContext> = (context) => openLink(context, "password_reset");

/** A user with the link that proves a new address. @throws Problem invalid_link, not_found */
export const emailLink: Guard<LinkContext> = (context) => openLink(context, "email_change");

/** A user with the link "this was not me" of a notice. @throws Problem invalid_link, not_found */
export const notMeLink: Guard<LinkContext> = (context) => openLink(context, "not_me", "email_undo");

/** Whether a row exists only with mail, and needs neither a link nor a login. */
export function isByMail(guard: unknown): boolean {
  return guard === mailEnabled || guard === signupOpen;
}

/** Whether a row is for clients with a link alone. */
export function isByLink(guard: unknown): boolean {
  return [setupToken, signupLink, resetLink, emailLink, notMeLink].some((one) => one === guard);
}

/**
 * Opens the link of a request, which is not used by that: a program that fetches every link in a mail changes nothing. A
 * GET has the token in its query, a POST in its data.
 */
async function openLink(context: Authenticated, ...purposes: readonly TokenPurpose[]): Promise<LinkContext> {
  const { services } = mailEnabled(context);
  const { signup } = services.config;
  if (purposes.includes("signup") && signup === "closed") throw new Problem("not_found");
  const token = await sentToken(context);
  for (const purpose of purposes) {
    if (purpose === "signup" && signup !== "open") continue;
    const stored = await findToken(services.db, purpose, hashToken(token), services.now());
    if (stored === null) continue;
    const user = stored.userId === null ? null : await findUserById(services.db, stored.userId);
    if (stored.userId !== null && user?.isActive !== true) break;
    return { ...context, link: { token, stored, facts: readFacts(stored.facts), user } };
  }
  throw new Problem("invalid_link");
}

/** Empty if there is none. */
async function sentToken(context: Authenticated): Promise<string> {
  if (context.request.method !== "POST") return queryValue(context.target, "token") ?? "";
  const given = sentMember(await context.data(), "token");
  return typeof given === "string" ? given : "";
}
