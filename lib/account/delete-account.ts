import { type Credentials, findCredentialsOf } from "../../db/users.ts";
import { sessionActor } from "../audit/actor.ts";
import type { UserContext } from "../context.ts";
import { readFields } from "../http/fields.ts";
import { fieldMessage } from "../http/message.ts";
import { Problem } from "../http/problem.ts";
import { deleteAccountPage } from "../pages/delete-account.ts";
import { EMPTY_FORM, type FormState } from "../pages/form.ts";
import { page, redirectDone, sentState, wantsPage } from "../pipeline/page-responses.ts";
import type { Reply, ReplyParts } from "../pipeline/reply.ts";
import { empty } from "../pipeline/responses.ts";
import { authorizedData, requireLiveSession } from "../session/authorized.ts";
import { expiredSessionCookies } from "../session/cookies.ts";
import { type Attempt, releaseOnError, type Throttled } from "../throttle/attempts.ts";
import { expiredDeviceCookie } from "../throttle/device-cookie.ts";
import { type DeletionObstacle, deleteOwnAccount, findDeletionObstacle, isObstacle } from "../users/delete-account.ts";
import { DELETION_FORM } from "./forms.ts";

/**
 * `POST /account/delete/` with `password`: 204, and the account is gone, with every session. The cookies expire.
 *
 * @throws Problem invalid, not_authenticated, the codes of `DeletionObstacle`; throttled, as at the login
 */
export async function deleteAccount(context: UserContext & Throttled): Promise<Reply> {
  const { password } = readFields(await authorizedData(context), DELETION_FORM.fields);
  const credentials = await requireDeletable(context);
  const attempt = await context.reserveAttempt(credentials.user.username);
  const isDeleted = await releaseOnError(attempt, () => checkAndDelete(context, credentials, password, attempt));
  if (!isDeleted) {
    await attempt.fail();
    throw new Problem("invalid", { password: [fieldMessage("password_incorrect")] });
  }
  const devices = attempt.device === null ? [] : [expiredDeviceCookie(context)];
  const parts: ReplyParts = { cookies: [...expiredSessionCookies(context), ...devices], isLoggedOut: true };
  return wantsPage(context) ? redirectDone("/login/", "deleted", parts) : empty(204, parts);
}

/** @throws Problem not_authenticated, the codes of `DeletionObstacle` */
async function requireDeletable({ services, auth }: UserContext): Promise<Credentials> {
  const credentials = await findCredentialsOf(services.db, auth.user.id);
  if (credentials === null) throw new Problem("not_authenticated"); // Deleted since this request began.
  const obstacle = await findDeletionObstacle(services.db, credentials, services.now());
  if (obstacle !== null) throw new Problem(obstacle);
  return credentials;
}

/** @returns false if the password is wrong, or was changed since it was checked */
async function checkAndDelete(
  context: UserContext,
  { password: checked }: Credentials,
  given: string,
  attempt: Attempt,
): Promise<boolean> {
  const { services } = context;
  // A live session proves as much as a device cookie does.
  const { right } = await services.hasher.check(given, checked, { ...attempt.caller, isKnown: true });
  // The check may have waited in a queue. A session that ended meanwhile learns nothing of the password.
  await requireLiveSession(context);
  if (!right) return false;
  const result = await deleteOwnAccount(services, sessionActor(context), checked, attempt.succeed);
  if (isObstacle(result)) throw new Problem(result);
  return result === "deleted";
}

/** `GET /account/delete/`: the consequences and the form, or the reason why there is none. */
export async function showDeleteAccount(context: UserContext): Promise<Reply> {
  const { services, auth } = context;
  const credentials = await findCredentialsOf(services.db, auth.user.id);
  const obstacle = credentials && (await findDeletionObstacle(services.db, credentials, services.now()));
  return render(context, EMPTY_FORM, obstacle);
}

/** The form again, empty, with its errors. */
export async function renderDeleteAccount(context: UserContext, problem: Problem): Promise<Reply> {
  const { code } = problem;
  const obstacle = isObstacle(code) ? code : null;
  return render(context, await sentState(context, DELETION_FORM, problem), obstacle, problem.status);
}

function render(context: UserContext, state: FormState, obstacle: DeletionObstacle | null, status = 200): Reply {
  return page(context, (frame) => deleteAccountPage(frame, { form: DELETION_FORM, state, obstacle }), status);
}
