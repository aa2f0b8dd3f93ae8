import { findCredentials, type User } from "../../db/users.ts";
import { recordFailedLogin } from "../audit/audit-log.ts";
import type { Context } from "../context.ts";
import { queryValue } from "../http/address.ts";
import { readFields } from "../http/fields.ts";
import { Problem } from "../http/problem.ts";
import { NO_MISTAKES } from "../pages/form.ts";
import { loginPage } from "../pages/login.ts";
import { nextPath } from "../pipeline/next-page.ts";
import { page, sentValues, wantsPage } from "../pipeline/page-responses.ts";
import { empty, redirect } from "../pipeline/responses.ts";
import { start } from "../session/session.ts";
import { type GrantedAttempt, guardAttempt } from "../throttle/throttle.ts";
import { resolveUsername } from "../users/username.ts";

const FORM = { username: { trim: true }, password: { trim: false } };

/** The default page after a login. */
const HOME = "/profile/";

/**
 * `POST /login/` with `username` and `password`: 202, and the cookies; a browser is sent on, to `next` if that is a page.
 *
 * @throws Problem wrong_credentials, in the same time and words whatever was wrong: name, password, or a user who may
 *   not log in; throttled, whether or not there is such a user
 */
export async function login(context: Context): Promise<Response> {
  const sent = readFields(await context.data(), FORM);
  const { password } = sent;
  // A program names a user exactly, as in Django. The throttle counts under the name of the account itself.
  const username = wantsPage(context) ? await resolveUsername(context.services.db, sent.username) : sent.username;
  const user = await guardAttempt(context, username, (granted) => enter(context, { username, password }, granted));
  if (user === null) throw new Problem("wrong_credentials");
  if (!wantsPage(context)) return empty(202);
  const { next } = await sentValues(context, "next");
  return redirect(nextPath(context.router, next) ?? HOME);
}

/** `GET /login/`: the form; who is logged in already is sent on. */
export function showLogin(context: Context): Response {
  const next = nextPath(context.router, queryValue(context.target, "next") ?? "");
  if (context.current !== null) return redirect(next ?? HOME);
  return page(context, (frame) => loginPage(frame, { username: "", next, mistakes: NO_MISTAKES }));
}

/** The form again, with what was wrong. */
export async function showLoginAgain(context: Context, { mistakes, status }: Problem): Promise<Response> {
  const { username, next } = await sentValues(context, "username", "next");
  const props = { username, next: nextPath(context.router, next), mistakes };
  return page(context, (frame) => loginPage(frame, props), status);
}

async function enter(
  context: Context,
  { username, password }: { username: string; password: string },
  { succeed, caller }: GrantedAttempt,
): Promise<User | null> {
  const { services } = context;
  const credentials = await findCredentials(services.db, username);
  const encoded = credentials?.user.isActive ? credentials.password : null;
  const check = await services.hasher.check(password, encoded, caller);
  if (credentials !== null && check.right) {
    const { user } = credentials;
    const isLoggedIn = await start(context, credentials, check.replacement, (db) => succeed(db, user));
    if (isLoggedIn) return user;
  }
  await recordFailedLogin(context, credentials?.user ?? null);
  return null;
}
