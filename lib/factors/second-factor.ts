import { consumePendingLogin, countPendingAttempt, deletePendingLogin } from "../../db/pending-logins.ts";
import type { User } from "../../db/users.ts";
import { visitorActor } from "../audit/actor.ts";
import type { PendingContext } from "../context.ts";
import { isTicked, readFields } from "../http/fields.ts";
import { fieldMessage } from "../http/message.ts";
import { Problem } from "../http/problem.ts";
import { queryValue } from "../http/target.ts";
import { EMPTY_FORM, type FormState } from "../pages/form.ts";
import { secondFactorPage } from "../pages/second-factor.ts";
import { nextLocation } from "../pipeline/next-page.ts";
import { page, sentState, sentValue, wantsPage } from "../pipeline/page-responses.ts";
import type { Reply } from "../pipeline/reply.ts";
import { empty, redirect } from "../pipeline/responses.ts";
import { expiredPendingCookie } from "../session/pending-login.ts";
import { createSession } from "../session/session.ts";
import type { FactorAttempt, FactorThrottled } from "../throttle/factor-attempts.ts";
import { findCodeProof, type Proof, readCode } from "../users/code-proof.ts";
import { factorMethods } from "../users/factor-methods.ts";
import { trustDays } from "../users/second-factor-policy.ts";
import { SECOND_FACTOR_FORM } from "./forms.ts";

/** After so many wrong codes the login begins again, with the password. */
export const MAX_ATTEMPTS = 5;

const DAY_MS = 86_400_000;

/** The default page after a login. */
const HOME = "/profile/";

/**
 * `POST /login/second-factor/` with `code`, of an authenticator app or a recovery code: 202 and the cookies, as
 * `POST /login/`. With `remember` `on`, later logins by this browser need the password alone, for some days.
 *
 * @throws Problem invalid if the code is wrong or was used; login_expired after five wrong ones; throttled
 */
export async function secondFactor(context: PendingContext & FactorThrottled): Promise<Reply> {
  const { services, pending } = context;
  const { user } = pending.credentials;
  const typed = readCode(readFields(await context.data(), SECOND_FACTOR_FORM.fields).code);
  const attempt = await context.reserveFactorAttempt(user, typed.kind);
  const count = await countPendingAttempt(services.db, pending.login.id, services.now(), MAX_ATTEMPTS);
  if (count === null) {
    // Counted, so it may be the one that begins a wait.
    await attempt.fail();
    throw new Problem("login_expired");
  }
  const proof = await findCodeProof(services, visitorActor(context), user, typed);
  const cookies = proof && (await completeLogin(context, proof, attempt));
  if (cookies === null) {
    if (count >= MAX_ATTEMPTS) await deletePendingLogin(services.db, pending.login.id);
    await attempt.fail();
    throw new Problem("invalid", { code: [fieldMessage("code_incorrect")] });
  }
  return answerLogin(context, user, cookies);
}

/** @returns the `Set-Cookie` values; null if the proof was used, or the pending login was */
export async function completeLogin(
  context: PendingContext,
  proof: Proof,
  attempt: Pick<FactorAttempt, "isNewDevice" | "succeed">,
): Promise<string[] | null> {
  const { services, pending } = context;
  const cookies = await createSession(context, pending.credentials, {
    attempt,
    amr: `pwd ${proof.amr}`,
    trustUntil: await trustAsked(context),
    consume: async (db) =>
      (await consumePendingLogin(db, pending.login.id, services.now())) && (await proof.consume(db)),
  });
  return cookies && [...cookies, expiredPendingCookie(context)];
}

/** How long this browser is to be remembered; null if it is not. */
async function trustAsked(context: PendingContext): Promise<number | null> {
  const { config, now } = context.services;
  const days = trustDays(config);
  return days > 0 && isTicked(await context.data(), "remember") ? now() + days * DAY_MS : null;
}

/** A program gets 202; a browser is redirected, to `next` if that is a page. */
export async function answerLogin(context: PendingContext, user: User, cookies: string[]): Promise<Reply> {
  const parts = { cookies, loggedInUserId: user.id };
  if (!wantsPage(context)) return empty(202, parts);
  return redirect(nextLocation(context, await sentValue(context, "next")) ?? HOME, parts);
}

/** `GET /login/second-factor/`: the form. */
export function showSecondFactor(context: PendingContext): Promise<Reply> {
  return render(context, { state: EMPTY_FORM, next: queryValue(context.target, "next") ?? "", isTicked: false });
}

/** The form again, empty, with its errors. */
export async function renderSecondFactor(context: PendingContext, problem: Problem): Promise<Reply> {
  const state = await sentState(context, SECOND_FACTOR_FORM, problem);
  const [next, remember] = [await sentValue(context, "next"), await sentValue(context, "remember")];
  return render(context, { state: { ...state, values: {} }, next, isTicked: remember === "on" }, problem.status);
}

async function render(
  context: PendingContext,
  { state, next, isTicked }: { state: FormState; next: string; isTicked: boolean },
  status = 200,
): Promise<Reply> {
  const days = trustDays(context.services.config);
  const props = {
    form: SECOND_FACTOR_FORM,
    state,
    methods: await factorMethods(context, context.pending.credentials.user),
    next: nextLocation(context, next),
    remember: days > 0 ? { days, isTicked } : null,
  };
  return page(context, (frame) => secondFactorPage(frame, props), status);
}
