import { encodeBase32NoPadding } from "@oslojs/encoding";
import { findTotp } from "../../db/factors.ts";
import { sessionActor } from "../audit/actor.ts";
import type { UserContext } from "../context.ts";
import { readFields } from "../http/fields.ts";
import { fieldMessage } from "../http/message.ts";
import { Problem } from "../http/problem.ts";
import { authenticatorPage, setupExpiredPage } from "../pages/authenticator.ts";
import { EMPTY_FORM, type FormState } from "../pages/form.ts";
import { recoveryCodesPage } from "../pages/recovery-codes.ts";
import { page, redirectDone, sentState, sentValue, wantsPage } from "../pipeline/page-responses.ts";
import type { Reply } from "../pipeline/reply.ts";
import { empty, json } from "../pipeline/responses.ts";
import { authorizedData } from "../session/authorized.ts";
import { provenSession } from "../session/session.ts";
import type { SetupThrottled } from "../throttle/setup-attempts.ts";
import { readCode } from "../users/code-proof.ts";
import { findTotpStep, totpUri } from "../users/totp.ts";
import {
  beginTotp,
  cancelTotpSetup,
  confirmTotp,
  findTotpSetup,
  removeTotp,
  type TotpSetup,
} from "../users/totp-factor.ts";
import { CONFIRM_TOTP_FORM, SETUP_TOKEN } from "./forms.ts";
import { qrModules } from "./qr-code.ts";

/**
 * `POST /security/authenticator/`: 201 with a new secret, and the token that confirms it within ten minutes. Nothing
 * changes until then.
 *
 * @throws Problem not_authenticated
 */
export async function setUpAuthenticator(context: UserContext): Promise<Reply> {
  await authorizedData(context);
  const setup = await beginTotp(context.services, sessionActor(context), context.auth.user);
  if (wantsPage(context)) return render(context, setup, EMPTY_FORM);
  const { token, secret, uri } = describe(context, setup);
  return json(context, { token, secret, uri }, 201);
}

/**
 * `POST /security/authenticator/confirm/` with `token` and `code`: 201, and the app is a second factor of the user. The
 * session goes on under a new token. The first second factor brings recovery codes.
 *
 * @throws Problem invalid if the code is wrong, or the token expired, was used, or had five wrong codes; not_authenticated
 */
export async function confirmAuthenticator(context: UserContext & SetupThrottled): Promise<Reply> {
  const fields = { token: SETUP_TOKEN, ...CONFIRM_TOTP_FORM.fields };
  const { token, code } = readFields(await authorizedData(context), fields);
  const step = await checkCode(context, token, code);
  const { context: renewed, cookies, store } = provenSession(context, "otp mfa");
  const { services, auth } = context;
  const confirmed = await confirmTotp(services, sessionActor(context), auth.user, { token, step, alongside: store });
  if (confirmed === null) throw expired();
  const { recoveryCodes } = confirmed;
  if (!wantsPage(context)) return { ...json(renewed, { recovery_codes: recoveryCodes }, 201), cookies };
  if (recoveryCodes === null) return redirectDone("/security/", "authenticator", { cookies });
  const shown = page(renewed, (frame) =>
    recoveryCodesPage({ ...frame, notice: frame.words.authenticatorAdded }, recoveryCodes),
  );
  return { ...shown, cookies };
}

/** @returns the time step of the code. @throws Problem invalid */
async function checkCode(context: UserContext & SetupThrottled, token: string, typed: string): Promise<number> {
  const { services, auth } = context;
  const setup = await findTotpSetup(services, auth.user, token);
  const count = setup && (await context.countCode(token));
  if (setup === null || count === "denied") throw expired();
  const step = findTotpStep(setup.secret, readCode(typed).code, services.now(), NONE_USED);
  if (step !== null) return step;
  if (count === "last") await cancelTotpSetup(services, sessionActor(context), auth.user);
  throw new Problem("invalid", { code: [fieldMessage("setup_code_incorrect")] });
}

/** Of a new secret. */
const NONE_USED = -1;

function expired(): Problem {
  return new Problem("invalid", { token: [fieldMessage("setup_expired")] });
}

/** The same QR code again, with the errors. */
export async function renderConfirm(context: UserContext, problem: Problem): Promise<Reply> {
  const { services, auth } = context;
  const setup = await findTotpSetup(services, auth.user, await sentValue(context, "token"));
  if (setup === null) return page(context, setupExpiredPage, problem.status);
  const state = await sentState(context, CONFIRM_TOTP_FORM, problem);
  return render(context, setup, { ...state, values: {} }, problem.status);
}

/** `DELETE /security/authenticator/`: 204. @throws Problem not_found if the user has none; not_authenticated */
export async function removeAuthenticator(context: UserContext): Promise<Reply> {
  await authorizedData(context);
  await removeTotp(context.services, sessionActor(context), context.auth.user);
  return wantsPage(context) ? redirectDone("/security/", "authenticatorRemoved") : empty(204);
}

async function render(context: UserContext, setup: TotpSetup, state: FormState, status = 200): Promise<Reply> {
  const replaces = (await findTotp(context.services.db, context.auth.user.id)) !== null;
  const shown = describe(context, setup);
  const props = { form: CONFIRM_TOTP_FORM, state, ...shown, modules: qrModules(shown.uri), replaces };
  return page(context, (frame) => authenticatorPage(frame, props), status);
}

function describe({ services, auth }: UserContext, { token, secret }: TotpSetup) {
  const uri = totpUri(services.config.siteName, auth.user, secret);
  return { token, secret: encodeBase32NoPadding(secret), uri };
}
