import type { TransactionDb } from "../../db/open.ts";
import { insertSession } from "../../db/sessions.ts";
import { findCredentialsOf } from "../../db/users.ts";
import { sessionActor } from "../audit/actor.ts";
import type { UserContext } from "../context.ts";
import { readFields } from "../http/fields.ts";
import { fieldMessage } from "../http/message.ts";
import { Problem } from "../http/problem.ts";
import { EMPTY_FORM, type FormState } from "../pages/form.ts";
import { passwordPage } from "../pages/password.ts";
import { type AcceptedPassword, judgePassword, passwordRule } from "../passwords/password-rules.ts";
import { page, redirectDone, sentState, wantsPage } from "../pipeline/page-responses.ts";
import type { Reply } from "../pipeline/reply.ts";
import { empty } from "../pipeline/responses.ts";
import { authorizedData, requireLiveSession } from "../session/authorized.ts";
import { renewedSession } from "../session/session.ts";
import { type Attempt, releaseOnError, type Throttled } from "../throttle/attempts.ts";
import { changePassword as changeUserPassword } from "../users/change-password.ts";
import { PASSWORD_FORM } from "./forms.ts";

/**
 * `POST /password/change/` with `current_password` and `new_password`: 204 and two new cookies. Every session of the user
 * ends but this one, which goes on under a new token (ASVS 5.0 V6.2.3, V7.4.3).
 *
 * @throws Problem invalid, not_authenticated; throttled, as at the login
 */
export async function changePassword(context: UserContext & Throttled): Promise<Reply> {
  const { services, auth } = context;
  const sent = readFields(await authorizedData(context), PASSWORD_FORM.fields);
  const attempt = await context.reserveAttempt(auth.user.username); // First: the check may ask another service.
  const cookies = await releaseOnError(attempt, async () => {
    const judged = await judgePassword(services, sent.new_password, auth.user);
    if (typeof judged !== "string") throw new Problem("invalid", { new_password: judged });
    return checkAndReplace(context, { current: sent.current_password, next: judged }, attempt);
  });
  if (cookies === null) {
    await attempt.fail();
    throw new Problem("invalid", { current_password: [fieldMessage("password_incorrect")] });
  }
  return wantsPage(context) ? redirectDone("/profile/", "password", { cookies }) : empty(204, { cookies });
}

/** Null if the current password is wrong, or was changed since it was checked. */
async function checkAndReplace(
  context: UserContext,
  { current, next }: { current: string; next: AcceptedPassword },
  attempt: Attempt,
): Promise<string[] | null> {
  const { services, auth } = context;
  // A live session proves as much as a device cookie does.
  const caller = { ...attempt.caller, isKnown: true };
  const credentials = await findCredentialsOf(services.db, auth.user.id);
  const check = await services.hasher.check(current, credentials?.password ?? null, caller);
  // The check may have waited in a queue. A session that ended meanwhile learns nothing of the password.
  await requireLiveSession(context);
  if (credentials === null || !check.right) return null;
  const { user, password: checked } = credentials;
  const { session, cookies } = renewedSession(context);
  const alongside = async (db: TransactionDb) => {
    await insertSession(db, session);
    const cookie = await attempt.succeed(db, user);
    if (cookie !== null) cookies.push(cookie);
  };
  const own = { checked, keepDevice: attempt.device, caller, alongside };
  return (await changeUserPassword(services, sessionActor(context), user, next, own)) ? cookies : null;
}

/** `GET /password/change/`: the form. */
export function showChangePassword(context: UserContext): Reply {
  return render(context, EMPTY_FORM);
}

/** The form again, empty, with its errors. */
export async function renderChangePassword(context: UserContext, problem: Problem): Promise<Reply> {
  return render(context, await sentState(context, PASSWORD_FORM, problem), problem.status);
}

function render(context: UserContext, state: FormState, status = 200): Reply {
  const props = { form: PASSWORD_FORM, state, passwordRule: passwordRule(context.services, context.auth.user) };
  return page(context, (frame) => passwordPage(frame, props), status);
}
