import { visitorActor } from "../audit/actor.ts";
import type { SetupContext } from "../context.ts";
import { readFields } from "../http/fields.ts";
import type { FieldErrors } from "../http/message.ts";
import { Problem } from "../http/problem.ts";
import { EMPTY_FORM, type FormState } from "../pages/form.ts";
import { setUpPage } from "../pages/set-up.ts";
import { judgePassword, NEW_ACCOUNT, passwordRule } from "../passwords/password-rules.ts";
import { page, sentState } from "../pipeline/page-responses.ts";
import type { Reply } from "../pipeline/reply.ts";
import { redirect } from "../pipeline/responses.ts";
import { createSession } from "../session/session.ts";
import { createFirstUser } from "../users/create-user.ts";
import { ownUsernameError } from "../users/user-fields.ts";
import { SET_UP_FORM } from "./forms.ts";

/** `GET /setup/?token=…`: the form. */
export function showSetUp(context: SetupContext): Reply {
  return render(context, EMPTY_FORM);
}

/**
 * `POST /setup/` with the link's token: creates the first user, a superuser, and logs the user in. The link is used.
 *
 * @throws Problem invalid; not_found if the link was used, or another user was created, since the guard looked at it
 */
export async function setUp(context: SetupContext): Promise<Reply> {
  const { services, setupToken } = context;
  const { username, email, password } = readFields(await context.data(), SET_UP_FORM.fields);
  const judged = await judgePassword(services, password, { username, email, ...NEW_ACCOUNT });
  const nameError = ownUsernameError(username, email);
  const errors: FieldErrors = {
    ...(nameError === null ? {} : { username: [nameError] }),
    ...(typeof judged === "string" ? {} : { password: judged }),
  };
  if (typeof judged !== "string" || Object.keys(errors).length > 0) throw new Problem("invalid", errors);
  const input = { username, email, password: judged };
  const credentials = await createFirstUser(services, visitorActor(context), setupToken, input);
  if (credentials === null) throw new Problem("not_found");
  const cookies = await createSession(context, credentials);
  const { user } = credentials;
  return redirect("/profile/", cookies === null ? {} : { cookies, loggedInUserId: user.id });
}

/** The form again, with its errors. */
export async function renderSetUp(context: SetupContext, problem: Problem): Promise<Reply> {
  return render(context, await sentState(context, SET_UP_FORM, problem), problem.status);
}

function render(context: SetupContext, state: FormState, status = 200): Reply {
  const { services, setupToken } = context;
  const props = { form: SET_UP_FORM, state, token: setupToken, passwordRule: passwordRule(services, NEW_ACCOUNT) };
  return page(context, (frame) => setUpPage(frame, props), status);
}
