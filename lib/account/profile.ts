import { findEventBefore } from "../../db/events.ts";
import type { User } from "../../db/users.ts";
import { sessionActor, userSubject } from "../audit/actor.ts";
import type { Authenticated, UserContext } from "../context.ts";
import { readChanges } from "../http/fields.ts";
import { NO_ERRORS, Problem } from "../http/problem.ts";
import type { FormState } from "../pages/form.ts";
import { profilePage } from "../pages/profile.ts";
import type { MaybePromise } from "../pipeline/maybe-promise.ts";
import { page, redirectDone, sentState, wantsPage } from "../pipeline/page-responses.ts";
import type { Reply } from "../pipeline/reply.ts";
import { json, redirect } from "../pipeline/responses.ts";
import { authorizedData } from "../session/authorized.ts";
import { storedDevice } from "../session/user-agent.ts";
import { editUser } from "../users/edit-user.ts";
import { PROFILE_FORM } from "./forms.ts";

/** `GET /`: to the profile, or to the login. */
export function home({ auth }: Authenticated): Reply {
  return redirect(auth.level !== "full" ? "/login/" : "/profile/");
}

/** `GET /profile/`: the user who is logged in, read from the database at this request. */
export function profile(context: UserContext): MaybePromise<Reply> {
  const { user } = context.auth;
  if (!wantsPage(context)) return json(context, toJson(user));
  return showProfile(context, { values: toJson(user), validationErrors: NO_ERRORS });
}

/**
 * `PATCH /profile/` with any of `first_name`, `last_name` and `email`: 200 and the changed profile. Nothing else changes.
 * A browser's form does the same by POST, and the answer redirects it to the page.
 *
 * @throws Problem invalid, not_authenticated
 */
export async function editProfile(context: UserContext): Promise<Reply> {
  const sent = readChanges(await authorizedData(context), PROFILE_FORM.fields);
  const { services, auth } = context;
  const changes = { firstName: sent.first_name, lastName: sent.last_name, email: sent.email };
  const user = await editUser(services, sessionActor(context), auth.user, changes);
  if (user === null) throw new Problem("not_authenticated"); // Deleted since this request began.
  return wantsPage(context) ? redirectDone("/profile/", "saved") : json(context, toJson(user));
}

/** The form again, with its values and its errors. */
export async function renderProfile(context: UserContext, problem: Problem): Promise<Reply> {
  return showProfile(context, await sentState(context, PROFILE_FORM, problem), problem.status);
}

async function showProfile(context: UserContext, state: FormState, status = 200): Promise<Reply> {
  const { services, auth } = context;
  const login = await findEventBefore(services.db, userSubject(auth.user), "login", auth.session.createdAt);
  const previousLogin = login && { at: login.at, ...storedDevice(login) };
  const props = { form: PROFILE_FORM, state, username: auth.user.username, previousLogin };
  return page(context, (frame) => profilePage(frame, props), status);
}

function toJson({ username, email, firstName, lastName }: User): Record<string, string> {
  return { username, email, first_name: firstName, last_name: lastName };
}
