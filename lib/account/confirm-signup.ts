import { findToken } from "../../db/one-time-tokens.ts";
import { visitorActor } from "../audit/actor.ts";
import type { LinkContext } from "../context.ts";
import { readFields } from "../http/fields.ts";
import type { FieldErrors } from "../http/message.ts";
import { Problem } from "../http/problem.ts";
import { EMPTY_FORM, type FormState } from "../pages/form.ts";
import { chooseLocale } from "../pages/messages/messages.ts";
import { confirmSignupPage } from "../pages/sign-up.ts";
import { type AcceptedPassword, judgePassword, NEW_ACCOUNT, passwordRule } from "../passwords/password-rules.ts";
import { page, sentState, wantsPage } from "../pipeline/page-responses.ts";
import type { Reply } from "../pipeline/reply.ts";
import { empty, redirect } from "../pipeline/responses.ts";
import { createSession } from "../session/session.ts";
import type { LinkThrottled } from "../throttle/link-attempts.ts";
import { addressOf, createSignedUpUser, takenErrors } from "../users/create-user.ts";
import { ownUsernameError } from "../users/user-fields.ts";
import { SIGNUP_CONFIRM_FORM } from "./forms.ts";

/** `GET /signup/confirm/?token=…`: the form. The link is not used. */
export function showConfirmSignup(context: LinkContext): Reply {
  return render(context, EMPTY_FORM);
}

/**
 * `POST /signup/confirm/` with `token`, `username` and `password`: 201, a user for the address that the link was sent to,
 * and the cookies of a login. A browser is redirected to the profile. The link is used.
 *
 * @throws Problem invalid, also if the address is another user's by now, and throttled: the link still works then;
 *   invalid_link if it was used meanwhile
 */
export async function confirmSignup(context: LinkContext & LinkThrottled): Promise<Reply> {
  const { services, link, request } = context;
  const { username, password } = readFields(await context.data(), SIGNUP_CONFIRM_FORM.fields);
  await context.countForm();
  const accepted = await requireValid(context, username, password);
  const { language } = chooseLocale(request.headers.get("accept-language"));
  const input = { username, password: accepted, language };
  const credentials = await createSignedUpUser(services, visitorActor(context), link.stored, input);
  const cookies = await createSession(context, credentials);
  const parts = cookies === null ? {} : { cookies, loggedInUserId: credentials.user.id };
  return wantsPage(context) ? redirect("/profile/", parts) : empty(201, parts);
}

/** Before the password costs a hash. @throws Problem invalid, with the errors of all fields; invalid_link */
async function requireValid(context: LinkContext, username: string, password: string): Promise<AcceptedPassword> {
  const { services, link } = context;
  const email = addressOf(link.stored);
  const nameError = ownUsernameError(username, email);
  const judged = await judgePassword(services, password, { username, email, ...NEW_ACCOUNT });
  const errors: FieldErrors = {
    ...(nameError === null ? await findTaken(context, username) : { username: [nameError] }),
    ...(typeof judged === "string" ? {} : { password: judged }),
  };
  if (typeof judged !== "string" || Object.keys(errors).length > 0) throw new Problem("invalid", errors);
  return judged;
}

/** @throws Problem invalid_link if the link was used meanwhile: then its own user has the name and the address */
async function findTaken({ services, link }: LinkContext, username: string): Promise<FieldErrors> {
  const { db, now } = services;
  const { purpose, id } = link.stored;
  const errors = await takenErrors(db, { username, email: addressOf(link.stored) });
  const isTaken = Object.keys(errors).length > 0;
  if (isTaken && (await findToken(db, purpose, id, now())) === null) throw new Problem("invalid_link");
  return errors;
}

/** The form again, with its errors. */
export async function renderConfirmSignup(context: LinkContext, problem: Problem): Promise<Reply> {
  return render(context, await sentState(context, SIGNUP_CONFIRM_FORM, problem), problem.status);
}

function render(context: LinkContext, state: FormState, status = 200): Reply {
  const { services, link } = context;
  const props = {
    form: SIGNUP_CONFIRM_FORM,
    state,
    token: link.token,
    email: addressOf(link.stored),
    facts: link.facts,
    isInvitation: link.stored.purpose === "invite",
    passwordRule: passwordRule(services, NEW_ACCOUNT),
  };
  return page(context, (frame) => confirmSignupPage(frame, props), status);
}
