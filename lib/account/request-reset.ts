import { visitorActor } from "../audit/actor.ts";
import type { Authenticated } from "../context.ts";
import { readChanges, readFields } from "../http/fields.ts";
import type { Problem } from "../http/problem.ts";
import { EMPTY_FORM, type FormState } from "../pages/form.ts";
import { mailLanguage } from "../pages/messages/messages.ts";
import { requestResetPage, resetRequestedPage } from "../pages/reset-password.ts";
import { page, sentState, wantsPage } from "../pipeline/page-responses.ts";
import type { Reply } from "../pipeline/reply.ts";
import { empty, redirect } from "../pipeline/responses.ts";
import type { MailThrottled } from "../throttle/mail-requests.ts";
import { requestReset as requestUserReset } from "../users/reset-password.ts";
import { RESET_REQUEST_FORM } from "./forms.ts";

/**
 * `POST /password/reset/` with `username`, a username or an address: 202, whether or not there is such an account. A
 * browser is redirected to a page that says what to do next.
 *
 * @throws Problem invalid; throttled, whether or not there is such an account
 */
export async function requestReset(context: Authenticated & MailThrottled): Promise<Reply> {
  const { services, request } = context;
  const typed = await readName(context);
  await context.countMail(typed);
  const language = mailLanguage(request.headers.get("accept-language")) ?? "en";
  await requestUserReset(services, visitorActor(context), typed, language);
  return wantsPage(context) ? redirect("/password/reset/sent/") : empty(202);
}

/** Front ends made for dj-rest-auth or allauth send the address as `email`. */
async function readName(context: Authenticated): Promise<string> {
  const data = await context.data();
  const { username } = RESET_REQUEST_FORM.fields;
  const sent = readChanges(data, { username, email: username });
  return sent.username ?? sent.email ?? readFields(data, RESET_REQUEST_FORM.fields).username;
}

/** `GET /password/reset/`: the form. */
export function showRequestReset(context: Authenticated): Reply {
  return render(context, EMPTY_FORM);
}

/** The form again, with its errors. */
export async function renderRequestReset(context: Authenticated, problem: Problem): Promise<Reply> {
  return render(context, await sentState(context, RESET_REQUEST_FORM, problem), problem.status);
}

function render(context: Authenticated, state: FormState<"username">, status = 200): Reply {
  return page(context, (frame) => requestResetPage(frame, { form: RESET_REQUEST_FORM, state }), status);
}

/** `GET /password/reset/sent/`: what to do next. */
export function showResetRequested(context: Authenticated): Reply {
  return page(context, resetRequestedPage);
}
