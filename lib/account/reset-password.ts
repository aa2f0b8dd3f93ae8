import type { User } from "../../db/users.ts";
import { visitorActor } from "../audit/actor.ts";
import type { LinkContext } from "../context.ts";
import { readFields } from "../http/fields.ts";
import { Problem } from "../http/problem.ts";
import { EMPTY_FORM, type FormState } from "../pages/form.ts";
import { newPasswordPage } from "../pages/reset-password.ts";
import { judgePassword, passwordRule } from "../passwords/password-rules.ts";
import { page, redirectDone, sentState, wantsPage } from "../pipeline/page-responses.ts";
import type { Reply } from "../pipeline/reply.ts";
import { empty } from "../pipeline/responses.ts";
import { createSession } from "../session/session.ts";
import type { LinkThrottled } from "../throttle/link-attempts.ts";
import { resetPassword as resetUserPassword } from "../users/reset-password.ts";
import { NEW_PASSWORD_FORM } from "./forms.ts";

/** `GET /password/reset/confirm/?token=…`: the form. Nothing changes: programs that look at mail open every link. */
export function showResetPassword(context: LinkContext): Reply {
  return render(context, EMPTY_FORM);
}

/**
 * `POST /password/reset/confirm/` with `token` and `new_password`: 204 and the cookies of a login, unless the user has a second
 * factor: a mail does not stand for it. The link is used, and every other session of the user ends. If the password breaks a rule, the link is still valid.
 *
 * @throws Problem invalid, invalid_link; throttled if the link is sent many times at once
 */
export async function resetPassword(context: LinkContext & LinkThrottled): Promise<Reply> {
  const { services, link, peer } = context;
  const { new_password } = readFields(await context.data(), NEW_PASSWORD_FORM.fields);
  const user = requireUser(context);
  await context.countForm(); // First: the check may ask another service.
  const judged = await judgePassword(services, new_password, user);
  if (typeof judged !== "string") throw new Problem("invalid", { new_password: judged });
  // With the link a client counts as known.
  const caller = { gone: peer.gone?.(), isKnown: true };
  const used = { token: link.token, user };
  const credentials = await resetUserPassword(services, visitorActor(context), used, judged, caller);
  // Null if the user has a second factor, or another change of the password came in between: the user logs in then.
  const cookies = await createSession(context, credentials);
  const parts = cookies === null ? {} : { cookies, loggedInUserId: user.id };
  if (!wantsPage(context)) return empty(204, parts);
  return cookies === null ? redirectDone("/login/", "newPassword") : redirectDone("/profile/", "password", parts);
}

/** The form again, empty, with its errors. */
export async function renderResetPassword(context: LinkContext, problem: Problem): Promise<Reply> {
  return render(context, await sentState(context, NEW_PASSWORD_FORM, problem), problem.status);
}

function render(context: LinkContext, state: FormState, status = 200): Reply {
  const { services, link } = context;
  const user = requireUser(context);
  const rule = passwordRule(services, user);
  const props = { form: NEW_PASSWORD_FORM, state, passwordRule: rule, username: user.username, ...link };
  return page(context, (frame) => newPasswordPage(frame, props), status);
}

/** The guard has found one: the token of each such link belongs to a user. */
function requireUser({ link: { user } }: LinkContext): User {
  if (user === null) throw new Problem("invalid_link");
  return user;
}
