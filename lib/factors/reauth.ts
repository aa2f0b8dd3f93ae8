import { findCredentialsOf, replacePassword } from "../../db/users.ts";
import { sessionActor } from "../audit/actor.ts";
import type { UserContext } from "../context.ts";
import { readChanges } from "../http/fields.ts";
import { fieldMessage } from "../http/message.ts";
import { NO_ERRORS, Problem } from "../http/problem.ts";
import { queryValue } from "../http/target.ts";
import { EMPTY_FORM } from "../pages/form.ts";
import { type ReauthProps, reauthPage } from "../pages/reauth.ts";
import { nearestPage, nextLocation } from "../pipeline/next-page.ts";
import { doneLocation, page, sentValue, wantsPage } from "../pipeline/page-responses.ts";
import type { Reply } from "../pipeline/reply.ts";
import { empty, redirect } from "../pipeline/responses.ts";
import { authorizedData, requireLiveSession } from "../session/authorized.ts";
import { lacksSecondFactor } from "../session/proof-age.ts";
import { renewProof } from "../session/session.ts";
import { type Attempt, releaseOnError } from "../throttle/attempts.ts";
import type { ProofThrottled } from "../throttle/proof-attempts.ts";
import { findCodeProof, readCode } from "../users/code-proof.ts";
import { proofMethods, secondFactorProofs } from "../users/factor-methods.ts";
import { PROVE_CODE_FORM, PROVE_PASSWORD_FORM } from "./forms.ts";

/** The default page afterwards. */
const HOME = "/profile/";

/**
 * `POST /reauth/` with `password`, or with `code` of an authenticator app: 204 and two new cookies. The session goes on
 * under a new token, and its user has proved to be present. A browser is redirected, to `next` if that is a page.
 *
 * @throws Problem invalid, not_authenticated; throttled, as at the login
 */
export async function reauth(context: UserContext & ProofThrottled): Promise<Reply> {
  const fields = { ...PROVE_PASSWORD_FORM.fields, ...PROVE_CODE_FORM.fields };
  const { password, code } = readChanges(await authorizedData(context), fields);
  if (code !== undefined) return answerProof(context, await proveByCode(context, code));
  if (password !== undefined) return answerProof(context, await proveByPassword(context, password));
  throw new Problem("invalid", { password: [fieldMessage("required")] });
}

/** @returns the `Set-Cookie` values. @throws Problem invalid, not_authenticated, throttled */
async function proveByPassword(context: UserContext & ProofThrottled, password: string): Promise<string[]> {
  const attempt = await context.reserveAttempt(context.auth.user.username);
  const cookies = await releaseOnError(attempt, () => checkPassword(context, password, attempt));
  if (cookies !== null) return cookies;
  await attempt.fail();
  throw new Problem("invalid", { password: [fieldMessage("password_incorrect")] });
}

/** Null if the password is wrong, or was changed since it was checked. */
async function checkPassword(context: UserContext, given: string, attempt: Attempt): Promise<string[] | null> {
  const { services, auth } = context;
  const credentials = await findCredentialsOf(services.db, auth.user.id);
  // A live session proves as much as a device cookie does.
  const caller = { ...attempt.caller, isKnown: true };
  const check = await services.hasher.check(given, credentials?.password ?? null, caller);
  // The check may have waited in a queue. A session that ended meanwhile learns nothing of the password.
  await requireLiveSession(context);
  if (credentials === null || !check.right) return null;
  const further: string[] = [];
  const cookies = await renewProof(context, "pwd", async (db) => {
    if (!(await replacePassword(db, credentials, check.replacement ?? credentials.password))) return false;
    const cookie = await attempt.succeed(db, credentials.user);
    if (cookie !== null) further.push(cookie);
    return true;
  });
  return cookies && [...cookies, ...further];
}

/** A recovery code is for the login alone. @returns the `Set-Cookie` values. @throws Problem invalid, not_authenticated, throttled */
async function proveByCode(context: UserContext & ProofThrottled, sent: string): Promise<string[]> {
  const { services, auth } = context;
  const incorrect = new Problem("invalid", { code: [fieldMessage("app_code_incorrect")] });
  const typed = readCode(sent);
  if (typed.kind !== "totp") throw incorrect;
  const attempt = await context.reserveFactorAttempt(auth.user, typed.kind);
  const proof = await findCodeProof(services, sessionActor(context), auth.user, typed);
  await requireLiveSession(context);
  const cookies =
    proof &&
    (await renewProof(context, proof.amr, async (db) => {
      if (!(await proof.consume(db))) return false;
      await attempt.settle(db);
      return true;
    }));
  if (cookies !== null) return cookies;
  await attempt.fail();
  throw incorrect;
}

/** A program gets 204, a browser is redirected. */
async function answerProof(context: UserContext, cookies: string[]): Promise<Reply> {
  if (!wantsPage(context)) return empty(204, { cookies });
  const next = nextLocation(context, await sentValue(context, "next"));
  return redirect(locationAfter(context, next, (await sentValue(context, "repeat")) === "on"), { cookies });
}

/** After a denied form or download, a notice on its page says that it can be asked for again. */
function locationAfter({ router }: UserContext, next: string | null, isRepeated: boolean): string {
  const location = next ?? HOME;
  return isRepeated && nearestPage(router, location) === location ? doneLocation(location, "proved") : location;
}

/**
 * `GET /reauth/`: the forms. `next` says where to go afterwards, `factors=2` that the password will not do, and
 * `repeat=on` that a form or a download was denied.
 */
export async function showReauth(context: UserContext): Promise<Reply> {
  const value = async (name: string) => queryValue(context.target, name) ?? "";
  return render(context, value, { passwordState: EMPTY_FORM, codeState: EMPTY_FORM });
}

/** The forms again, empty. The one that was sent has its errors. */
export async function renderReauth(context: UserContext, { validationErrors, status }: Problem): Promise<Reply> {
  const data = await context.data().catch(() => null);
  const isCode = data?.kind === "form" && data.fields.has("code");
  const sent = { values: {}, validationErrors };
  const other = { values: {}, validationErrors: NO_ERRORS };
  const states = isCode ? { passwordState: other, codeState: sent } : { passwordState: sent, codeState: other };
  return render(context, (name) => sentValue(context, name), states, status);
}

/** @param value what the request sent under a name; empty for nothing */
async function render(
  context: UserContext,
  value: (name: string) => Promise<string>,
  states: Pick<ReauthProps, "passwordState" | "codeState">,
  status = 200,
): Promise<Reply> {
  const needsSecondFactor = (await value("factors")) === "2" || lacksSecondFactor(context.auth);
  const methods = await (needsSecondFactor ? secondFactorProofs : proofMethods)(context, context.auth.user);
  // To set one up.
  if (needsSecondFactor && methods.length === 0) return redirect("/security/");
  const next = nextLocation(context, await value("next"));
  const isRepeated = (await value("repeat")) === "on";
  const forms = { passwordForm: PROVE_PASSWORD_FORM, codeForm: PROVE_CODE_FORM };
  const location = locationAfter(context, next, isRepeated);
  const props: ReauthProps = { ...forms, ...states, methods, needsSecondFactor, isRepeated, next, location };
  return page(context, (frame) => reauthPage(frame, props), status);
}
