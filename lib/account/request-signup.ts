import { visitorActor } from "../audit/actor.ts";
import type { Authenticated } from "../context.ts";
import { readFields } from "../http/fields.ts";
import type { Problem } from "../http/problem.ts";
import { EMPTY_FORM, type FormState } from "../pages/form.ts";
import { chooseLocale } from "../pages/messages/messages.ts";
import { signupPage, signupSentPage } from "../pages/sign-up.ts";
import { page, sentState, wantsPage } from "../pipeline/page-responses.ts";
import type { Reply } from "../pipeline/reply.ts";
import { empty } from "../pipeline/responses.ts";
import type { MailThrottled } from "../throttle/mail-requests.ts";
import { sendSignupLink } from "../users/request-signup.ts";
import { SIGNUP_FORM } from "./forms.ts";

/**
 * `POST /signup/` with `email`: 202, whether or not the address has an account. The mail to it leads on. A browser gets a
 * page that names the address, because people mistype. The page has no address of its own: that would name it too.
 *
 * @throws Problem invalid; throttled, whether or not the address has an account
 */
export async function requestSignup(context: Authenticated & MailThrottled): Promise<Reply> {
  const { services, request } = context;
  const { email } = readFields(await context.data(), SIGNUP_FORM.fields);
  await context.countMail(email);
  const { language } = chooseLocale(request.headers.get("accept-language"));
  await sendSignupLink(services, visitorActor(context), email, language);
  return wantsPage(context) ? page(context, (frame) => signupSentPage(frame, email), 202) : empty(202);
}

/** `GET /signup/`: the form. */
export function showRequestSignup(context: Authenticated): Reply {
  return render(context, EMPTY_FORM);
}

/** The form again, with its errors. */
export async function renderRequestSignup(context: Authenticated, problem: Problem): Promise<Reply> {
  return render(context, await sentState(context, SIGNUP_FORM, problem), problem.status);
}

function render(context: Authenticated, state: FormState, status = 200): Reply {
  return page(context, (frame) => signupPage(frame, { form: SIGNUP_FORM, state }), status);
}
