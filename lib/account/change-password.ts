import type { TransactionDb } from "../../db/open.ts";
import { findCredentials, type User } from "../../db/users.ts";
import type { MemberContext } from "../context.ts";
import { readFields } from "../http/fields.ts";
import { Problem } from "../http/problem.ts";
import { NO_MISTAKES } from "../pages/form.ts";
import { passwordPage } from "../pages/password.ts";
import { type AcceptedPassword, judgePassword } from "../passwords/password-rules.ts";
import { page, redirectDone, wantsPage } from "../pipeline/page-responses.ts";
import { empty } from "../pipeline/responses.ts";
import { authorizedData, regenerateSession, requireLiveSession } from "../session/session.ts";
import { forgetDevices, type GrantedAttempt, guardAttempt } from "../throttle/throttle.ts";

const FORM = { current_password: { trim: false }, new_password: { trim: false } };

/**
 * `POST /password/change/` with `current_password` and `new_password`: 204 and two new cookies; every session of the user
 * is ended but for this one, which goes on under a new token (ASVS 5.0 V6.2.3, V7.4.3).
 *
 * @throws Problem invalid, not_authenticated; throttled, as at the login
 */
export async function changePassword(context: MemberContext): Promise<Response> {
  const { services, current } = context;
  const sent = readFields(await authorizedData(context), FORM);
  const judged = await judgePassword(services, sent.new_password, current.user);
  if (typeof judged !== "string") throw new Problem("invalid", { fields: { new_password: judged } });
  const { username } = current.user;
  const user = await guardAttempt(context, username, (granted) =>
    replace(context, { password: sent.current_password, next: judged }, granted),
  );
  if (user === null) throw wrongPassword();
  return wantsPage(context) ? redirectDone("/profile/", "password") : empty(204);
}

/** Null where the current password is wrong, or has been changed since it was checked. */
async function replace(
  context: MemberContext,
  { password, next }: { password: string; next: AcceptedPassword },
  granted: GrantedAttempt,
): Promise<User | null> {
  const { services, current } = context;
  // A live session proves as much as a device cookie does.
  const caller = { ...granted.caller, isKnown: true };
  const credentials = await findCredentials(services.db, current.user.username);
  const check = await services.hasher.check(password, credentials?.password ?? null, caller);
  // The check may have waited in a queue. A session that ended meanwhile learns nothing of the password.
  await requireLiveSession(context);
  if (credentials === null || !check.right) return null;
  const replacement = await services.hasher.hash(next, caller);
  const { user } = credentials;
  const alongside = async (db: TransactionDb) => {
    await forgetDevices(db, user, granted.device);
    await granted.succeed(db, user);
  };
  return (await regenerateSession(context, credentials, replacement, alongside)) ? user : null;
}

/** `GET /password/change/`: the form. */
export function showChangePassword(context: MemberContext): Response {
  return page(context, (frame) => passwordPage(frame, NO_MISTAKES));
}

/** The form again, empty, with what was wrong. */
export function showChangePasswordAgain(context: MemberContext, { mistakes, status }: Problem): Response {
  return page(context, (frame) => passwordPage(frame, mistakes), status);
}

/** In the words of Django's PasswordChangeForm. */
function wrongPassword(): Problem {
  const message = "Your old password was entered incorrectly. Please enter it again.";
  return new Problem("invalid", { fields: { current_password: [message] } });
}
