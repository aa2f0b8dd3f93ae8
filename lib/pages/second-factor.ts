import { type Html, html } from "../http/html.ts";
import type { ProofMethod } from "../http/problem.ts";
import { box, type FormDefinition, type FormState, form, hasErrors } from "./form.ts";
import { type Frame, layout } from "./layout.ts";
import type { Words } from "./messages/messages.ts";
import { passkeyButton } from "./passkeys.ts";

export interface SecondFactorProps {
  form: FormDefinition<"code">;
  state: FormState;
  methods: readonly ProofMethod[];
  /** The path or URL to go to afterwards; null for the default page. */
  next: string | null;
  /** The box that has this browser remembered; null if none can be. */
  remember: { days: number; isTicked: boolean } | null;
}

/** The second step of a login. */
export function secondFactorPage(frame: Frame, props: SecondFactorProps): Html {
  const { form: definition, state, methods, next, remember } = props;
  const { words } = frame;
  const { days, isTicked = false } = remember ?? {};
  const checkbox = days === undefined ? null : { name: "remember", label: words.rememberBrowser(days), isTicked };
  const byPasskey = methods.includes("passkey");
  const byCode = methods.some((method) => method !== "passkey");
  // A field with an error has the focus.
  const focusesButton = byPasskey && !hasErrors(state);
  const place = byCode ? "before" : "alone";
  const body = html`<p class="lead">${leadOf(words, methods)}</p>
${byPasskey && passkeyButton(frame, { deed: "secondFactor", next, place, hasFocus: focusesButton })}
${
  byCode
    ? form(frame, definition, state, { hidden: { next }, checkbox, ...(!focusesButton && { focus: "code" }) })
    : html`${checkbox && box(checkbox)}<p><a class="button quiet" href="/login/">${words.cancel}</a></p>`
}`;
  return layout(frame, words.secondStep, body);
}

function leadOf(words: Words, methods: readonly ProofMethod[]): string {
  if (methods.includes("totp")) return methods.includes("passkey") ? words.secondStepPasskeyOrCode : words.enterCode;
  if (!methods.includes("passkey")) return words.enterRecoveryCode;
  return methods.includes("recovery_code") ? words.secondStepPasskeyOrRecovery : words.secondStepPasskey;
}
