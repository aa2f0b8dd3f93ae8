import { findEventBefore } from "../../db/events.ts";
import type { User } from "../../db/users.ts";
import { sessionActor, userSubject } from "../audit/actor.ts";
import type { Authenticated, UserContext } from "../context.ts";
import { readChanges } from "../http/fields.ts";
import { NO_ERRORS, Problem, type ValidationErrors } from "../http/problem.ts";
import { profilePage } from "../pages/profile.ts";
import type { MaybePromise } from "../pipeline/maybe-promise.ts";
import { page, redirectDone, sentValues, wantsPage } from "../pipeline/page-responses.ts";
import type { Reply } from "../pipeline/reply.ts";
import { json, redirect } from "../pipeline/responses.ts";
import { authorizedData } from "../session/authorized.ts";
import { editUser } from "../users/edit-user.ts";
import { MAX_EMAIL_CHARACTERS, MAX_NAME_CHARACTERS } from "../users/user-fields.ts";

const NAME = { trim: true, mayBeBlank: true, maxCharacters: MAX_NAME_CHARACTERS };

const FORM = {
  first_name: NAME,
  last_name: NAME,
  email: { trim: true, mayBeBlank: true, maxCharacters: MAX_EMAIL_CHARACTERS, isEmail: true },
};

/** `GET /`: to the profile, or to the login. */
export function home({ auth }: Authenticated): Reply {
  return redirect(auth.level !== "full" ? "/login/" : "/profile/");
}

/** `GET /profile/`: who is logged in, read from the database at this request. */
export function profile(context: UserContext): MaybePromise<Reply> {
  const { user } = context.auth;
  return wantsPage(context) ? showProfile(context, user, NO_ERRORS) : json(context, toJson(user));
}

/**
 * `PATCH /profile/` with any of `first_name`, `last_name` and `email`: 200 and the profile as it is then. The username
 * stays, as does everything else. A browser's form does the same by POST, and is sent back to the page.
 */
export async function editProfile(context: UserContext): Promise<Reply> {
  const { first_name: firstName, last_name: lastName, email } = readChanges(await authorizedData(context), FORM);
  const { services, auth } = context;
  const user = await editUser(services, sessionActor(context), auth.user, { firstName, lastName, email });
  if (user === null) throw new Problem("not_authenticated"); // Deleted since this request began.
  return wantsPage(context) ? redirectDone("/profile/", "saved") : json(context, toJson(user));
}

/** The form again, as it was sent. */
export async function renderProfile(context: UserContext, { validationErrors, status }: Problem): Promise<Reply> {
  const { first_name: firstName, last_name: lastName, email } = await sentValues(context, ...FIELDS);
  return showProfile(context, { ...context.auth.user, firstName, lastName, email }, validationErrors, status);
}

const FIELDS = ["first_name", "last_name", "email"] as const;

async function showProfile(
  context: UserContext,
  user: User,
  validationErrors: ValidationErrors,
  status = 200,
): Promise<Reply> {
  const { services, auth } = context;
  const login = await findEventBefore(services.db, userSubject(user), "login", auth.session.createdAt);
  const previousLogin = login && { at: login.at, browser: login.browser || null, system: login.system || null };
  return page(context, (frame) => profilePage(frame, { ...user, previousLogin, validationErrors }), status);
}

function toJson({ username, email, firstName, lastName }: User): Record<string, string> {
  return { username, email, first_name: firstName, last_name: lastName };
}
