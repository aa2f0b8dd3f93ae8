import { findEventBefore } from "../../db/events.ts";
import type { User } from "../../db/users.ts";
import { sessionActor, userSubject } from "../audit/actor.ts";
import type { Authenticated, UserContext } from "../context.ts";
import { readChanges } from "../http/fields.ts";
import { fieldMessage } from "../http/message.ts";
import { NO_ERRORS, Problem } from "../http/problem.ts";
import type { FormState } from "../pages/form.ts";
import { chooseLocale } from "../pages/messages/messages.ts";
import { type AddressProps, profilePage } from "../pages/profile.ts";
import { requireRecent } from "../pipeline/guards.ts";
import type { MaybePromise } from "../pipeline/maybe-promise.ts";
import { page, redirectDone, sentState, wantsPage } from "../pipeline/page-responses.ts";
import type { Reply } from "../pipeline/reply.ts";
import { empty, json, redirect } from "../pipeline/responses.ts";
import type { Services } from "../services.ts";
import { authorizedData } from "../session/authorized.ts";
import { storedDevice } from "../session/user-agent.ts";
import type { MailThrottled } from "../throttle/mail-requests.ts";
import { editUser } from "../users/edit-user.ts";
import {
  cancelOwnEmailChange,
  findPendingEmail,
  isNewAddress,
  type OwnChanges,
  requestEmailChange,
} from "../users/email-change.ts";
import { normalizeEmail } from "../users/user-fields.ts";
import { PROFILE_FORM } from "./forms.ts";

/** `GET /`: to the profile, the set-up of a second factor, or the login. */
export function home({ auth }: Authenticated): Reply {
  return redirect({ anonymous: "/login/", enrolling: "/security/", full: "/profile/" }[auth.level]);
}

/** `GET /profile/`: the user who is logged in, read from the database at this request. */
export function profile(context: UserContext): MaybePromise<Reply> {
  const { user } = context.auth;
  if (!wantsPage(context)) return json(context, toJson(user));
  return showProfile(context, { values: toJson(user), validationErrors: NO_ERRORS });
}

/**
 * `PATCH /profile/` with any of `first_name`, `last_name` and `email`: 200 and the changed profile. Nothing else changes.
 * With mail, a new address has to be proved: 202, and `pending_email` beside the profile. A browser's form does the same by
 * POST, and the answer redirects it to the page.
 *
 * @throws Problem invalid, not_authenticated; recent_login_required if the address changes; throttled if a mail is to be
 *   sent
 */
export async function editProfile(context: UserContext & MailThrottled): Promise<Reply> {
  const sent = readChanges(await authorizedData(context), PROFILE_FORM.fields);
  const { services, auth } = context;
  const { email } = sent;
  if (email !== undefined && normalizeEmail(email) !== normalizeEmail(auth.user.email)) await requireRecent(context);
  const names = { firstName: sent.first_name, lastName: sent.last_name };
  if (isNewAddress(services, auth.user, email)) return askNewAddress(context, { ...names, email });
  // With mail, the stored spelling of the same address stays, and so does its proof.
  const changes = { ...names, email: services.mail === null ? email : undefined };
  const user = await editUser(services, sessionActor(context), auth.user, changes);
  if (user === null) throw new Problem("not_authenticated"); // Deleted since this request began.
  return wantsPage(context) ? redirectDone("/profile/", "saved") : json(context, toJson(user));
}

/**
 * `POST /email/prove/`: 202, and a link goes to the stored address. If it is proved already, 200 and the profile.
 *
 * @throws Problem invalid if there is no address; not_authenticated, throttled
 */
export async function proveEmail(context: UserContext & MailThrottled): Promise<Reply> {
  const { user } = context.auth;
  await authorizedData(context);
  if (user.email === "") throw new Problem("invalid", { email: [fieldMessage("required")] });
  if (user.emailProvedAt === null) return askNewAddress(context, { email: user.email });
  return wantsPage(context) ? redirect("/profile/") : json(context, toJson(user));
}

/** `POST /email/cancel/`: 204, and the link to a new address is void. A mistyped address may be a stranger's. */
export async function cancelEmail(context: UserContext): Promise<Reply> {
  await cancelOwnEmailChange(context.services, sessionActor(context), context.auth.user);
  return wantsPage(context) ? redirectDone("/profile/", "emailCancelled") : empty(204);
}

/** @param changes with an address that has to be proved, or an empty one */
async function askNewAddress(
  context: UserContext & MailThrottled,
  changes: OwnChanges & { email: string },
): Promise<Reply> {
  const { services, auth, request } = context;
  const pending = normalizeEmail(changes.email);
  if (pending !== "") await context.countMail(pending, auth.user);
  const { language } = chooseLocale(request.headers.get("accept-language"));
  const user = await requestEmailChange(services, sessionActor(context), auth.user, changes, language);
  if (user === null) throw new Problem("not_authenticated"); // Deleted since this request began.
  if (wantsPage(context)) return redirectDone("/profile/", pending === "" ? "saved" : "emailLink");
  if (pending === "") return json(context, toJson(user));
  return json(context, { ...toJson(user), pending_email: pending }, 202);
}

/** The form again, with its values and its errors. */
export async function renderProfile(context: UserContext, problem: Problem): Promise<Reply> {
  return showProfile(context, await sentState(context, PROFILE_FORM, problem), problem.status);
}

/** The profile again, with the error of the request for a link. */
export async function renderProveEmail(context: UserContext, { validationErrors, status }: Problem): Promise<Reply> {
  return showProfile(context, { values: toJson(context.auth.user), validationErrors }, status);
}

async function showProfile(context: UserContext, state: FormState, status = 200): Promise<Reply> {
  const { services, auth } = context;
  const login = await findEventBefore(services.db, userSubject(auth.user), "login", auth.session.createdAt);
  const previousLogin = login && { at: login.at, ...storedDevice(login) };
  const address = services.mail === null ? null : await describeAddress(services, auth.user);
  const mayDelete = services.config.accountDeletion;
  const props = { form: PROFILE_FORM, state, username: auth.user.username, previousLogin, address, mayDelete };
  return page(context, (frame) => profilePage(frame, props), status);
}

async function describeAddress(services: Services, user: User): Promise<AddressProps> {
  const pendingEmail = await findPendingEmail(services, user);
  return { email: user.email, isProved: user.emailProvedAt !== null, pendingEmail };
}

function toJson({ username, email, firstName, lastName }: User): Record<string, string> {
  return { username, email, first_name: firstName, last_name: lastName };
}
