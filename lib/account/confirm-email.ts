import { visitorActor } from "../audit/actor.ts";
import type { LinkContext } from "../context.ts";
import { Problem } from "../http/problem.ts";
import { confirmEmailPage } from "../pages/confirm-email.ts";
import { EMPTY_FORM, type FormState } from "../pages/form.ts";
import { chooseLocale } from "../pages/messages/messages.ts";
import { page, redirectDone, wantsPage } from "../pipeline/page-responses.ts";
import type { Reply } from "../pipeline/reply.ts";
import { empty, redirect } from "../pipeline/responses.ts";
import { confirmEmail as confirmUserEmail } from "../users/email-change.ts";
import { CONFIRM_EMAIL_FORM } from "./forms.ts";

/** `GET /email/confirm/?token=…`: names the account and both addresses. Changes nothing. */
export function showConfirmEmail(context: LinkContext): Reply {
  return render(context, EMPTY_FORM);
}

/**
 * `POST /email/confirm/` with the link's `token`: 204, and the new address counts. It makes no session: the person may read
 * mail on a device that others use.
 *
 * @throws Problem invalid_link, email_taken
 */
export async function confirmEmail(context: LinkContext): Promise<Reply> {
  const { services, link, auth, request } = context;
  const { token, user } = link;
  if (user === null) throw new Problem("invalid_link");
  const { language } = chooseLocale(request.headers.get("accept-language"));
  await confirmUserEmail(services, visitorActor(context), { token, user }, language);
  services.mail?.wake();
  if (!wantsPage(context)) return empty(204);
  if (auth.level === "anonymous") return redirectDone("/login/", "emailConfirmed");
  const own = auth.level === "full" ? "/profile/" : "/security/";
  if (auth.user.id === user.id) return redirectDone(own, "emailConfirmed");
  // On the profile of another user, the notice would be about the wrong account. `max_age` shows a user the form.
  return redirect("/login/?max_age=0&done=emailConfirmed");
}

/** The form again, with its error. */
export function renderConfirmEmail(context: LinkContext, { validationErrors, status }: Problem): Reply {
  return render(context, { values: {}, validationErrors }, status);
}

function render(context: LinkContext, state: FormState<never>, status = 200): Reply {
  const { token, user, facts } = context.link;
  if (user === null) throw new Problem("invalid_link");
  const { username, email } = user;
  const replaced = email === facts.email ? "" : email;
  const props = { form: CONFIRM_EMAIL_FORM, state, token, username, replaced, facts };
  return page(context, (frame) => confirmEmailPage(frame, props), status);
}
