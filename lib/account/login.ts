import { useTrust } from "../../db/devices.ts";
import type { TransactionDb } from "../../db/open.ts";
import { passkeysExist } from "../../db/passkeys.ts";
import { type Credentials, findCredentials, hasUsers, type User } from "../../db/users.ts";
import { recordAttempt } from "../audit/audit-log.ts";
import type { Authenticated, CurrentSession } from "../context.ts";
import { readFields } from "../http/fields.ts";
import { Problem } from "../http/problem.ts";
import { queryValue } from "../http/target.ts";
import { EMPTY_FORM } from "../pages/form.ts";
import { type LoginProps, loginPage } from "../pages/login.ts";
import { nextLocation } from "../pipeline/next-page.ts";
import { page, sentState, sentValue, wantsPage } from "../pipeline/page-responses.ts";
import { relyingPartyOf } from "../pipeline/relying-party.ts";
import type { Reply } from "../pipeline/reply.ts";
import { empty, json, redirect } from "../pipeline/responses.ts";
import { createPendingLogin } from "../session/pending-login.ts";
import { isProvedWithin } from "../session/proof-age.ts";
import { createSession } from "../session/session.ts";
import { type Attempt, releaseOnError, type Throttled } from "../throttle/attempts.ts";
import { factorMethods } from "../users/factor-methods.ts";
import { resolveLogin } from "../users/find-account.ts";
import { trustDays } from "../users/second-factor-policy.ts";
import { LOGIN_BY_ADDRESS_FORM, LOGIN_FORM } from "./forms.ts";

/** The default page after a login. */
const HOME = "/profile/";

/**
 * `POST /login/` with `username`, with mail also a proved address, and `password`: 202 and the cookies. A browser is redirected, to `next` if that is a page.
 *
 * @throws Problem wrong_credentials, in the same time and words whether the name or the password is wrong, or the user
 *   inactive; throttled, whether or not a user has the name
 */
export async function login(context: Authenticated & Throttled): Promise<Reply> {
  const sent = readFields(await context.data(), LOGIN_FORM.fields);
  const { username, counted } = await resolveLogin(context.services, sent.username, wantsPage(context));
  const attempt = await context.reserveAttempt(counted);
  const pair = { username, password: sent.password };
  const outcome = await releaseOnError(attempt, () => checkPassword(context, pair, attempt));
  if (outcome.kind === "denied") {
    // Outside of `releaseOnError`: if the event cannot be written, the failure still counts.
    await recordAttempt(context, outcome.user, "login_failed");
    await attempt.fail();
    throw new Problem("wrong_credentials");
  }
  const next = wantsPage(context) ? nextLocation(context, await sentValue(context, "next")) : null;
  const { user, cookies } = outcome;
  if (outcome.kind === "pending") return askSecondFactor(context, user, { cookies, next });
  const parts = { cookies, loggedInUserId: user.id };
  return wantsPage(context) ? redirect(next ?? HOME, parts) : empty(202, parts);
}

/** `denied`: the name or the password is wrong; `user` is null if no user has the name. */
type Outcome =
  | { kind: "denied"; user: User | null }
  | { kind: "pending"; user: User; cookies: string[] }
  | { kind: "done"; user: User; cookies: string[] };

async function checkPassword(
  context: Authenticated,
  { username, password }: { username: string; password: string },
  attempt: Attempt,
): Promise<Outcome> {
  const { services } = context;
  const credentials = await findCredentials(services.db, username);
  const encoded = credentials?.user.isActive ? credentials.password : null;
  const check = await services.hasher.check(password, encoded, attempt.caller);
  if (credentials === null || !check.right) return { kind: "denied", user: credentials?.user ?? null };
  const { replacement } = check;
  const { user } = credentials;
  if (user.hasSecondFactor) {
    const trusted = await loginByTrust(context, credentials, replacement, attempt);
    if (trusted !== null) return { kind: "done", user, cookies: trusted };
    // The login is no success yet, and no failure.
    await attempt.release();
    const cookie = await createPendingLogin(context, credentials, { replacement, device: attempt.device });
    return cookie === null ? { kind: "denied", user } : { kind: "pending", user, cookies: [cookie] };
  }
  const cookies = await createSession(context, credentials, { replacement, attempt });
  return cookies === null ? { kind: "denied", user } : { kind: "done", user, cookies };
}

/**
 * Logs in a user with a second factor whose browser is remembered.
 *
 * @returns null if it is not, or not any more
 */
async function loginByTrust(
  context: Authenticated,
  credentials: Credentials,
  replacement: string | null,
  attempt: Attempt,
): Promise<string[] | null> {
  const { services } = context;
  const { device: id } = attempt;
  if (id === null || trustDays(services.config) === 0) return null;
  const device = { id, userId: credentials.user.id };
  const consume = (db: TransactionDb) => useTrust(db, device, services.now());
  return createSession(context, credentials, { replacement, attempt, consume });
}

/** 403 with the ways to go on; a browser is redirected to the second step. */
async function askSecondFactor(
  context: Authenticated,
  user: User,
  { cookies, next }: { cookies: string[]; next: string | null },
): Promise<Reply> {
  const code = "second_factor_required";
  if (wantsPage(context)) {
    return redirect(`/login/second-factor/${next === null ? "" : `?${new URLSearchParams({ next })}`}`, { cookies });
  }
  const problem = new Problem(code, await factorMethods(context, user));
  return { ...json(context, problem.body, problem.status), cookies, problem: code };
}

/**
 * `GET /login/`: the form. A user who is logged in is redirected, unless `max_age` asks for a login that is no older than
 * that many seconds. If a second factor has to be set up first, the redirect leads there: an application would deny the
 * user, and lead back to the login.
 */
export async function showLogin(context: Authenticated): Promise<Reply> {
  const next = nextLocation(context, queryValue(context.target, "next") ?? "");
  const { auth } = context;
  if (auth.level !== "anonymous" && isRecent(auth, context)) {
    return redirect(auth.level === "full" ? (next ?? HOME) : "/security/");
  }
  const needsSetUp = !(await hasUsers(context.services.db));
  return render(context, { state: EMPTY_FORM, next, needsSetUp });
}

/** A value that is no number asks for nothing. */
function isRecent({ session }: CurrentSession, { target, services }: Authenticated): boolean {
  const maxAge = queryValue(target, "max_age") ?? "";
  return !/^\d{1,9}$/.test(maxAge) || isProvedWithin(session, Number(maxAge), services.now());
}

/** The form again, with its errors. */
export async function renderLogin(context: Authenticated, problem: Problem): Promise<Reply> {
  const state = await sentState(context, LOGIN_FORM, problem);
  const next = nextLocation(context, await sentValue(context, "next"));
  return render(context, { state, next, needsSetUp: false }, problem.status);
}

async function render(
  context: Authenticated,
  shown: Pick<LoginProps, "state" | "next" | "needsSetUp">,
  status = 200,
): Promise<Reply> {
  const { mail, config, db } = context.services;
  const hasMail = mail !== null;
  const form = hasMail ? LOGIN_BY_ADDRESS_FORM : LOGIN_FORM;
  // Before the first passkey, the button would only raise a question. In an outage, the form alone shows the error.
  const hasPasskeys = relyingPartyOf(context) !== null && (await passkeysExist(db).catch(() => false));
  const props = { ...shown, form, mayReset: hasMail, maySignUp: hasMail && config.signup === "open", hasPasskeys };
  return page(context, (frame) => loginPage(frame, props), status);
}
