import { type Html, html } from "../http/html.ts";
import type { ProofMethod } from "../http/problem.ts";
import { type FormDefinition, type FormState, form, hasErrors } from "./form.ts";
import { type Frame, layout } from "./layout.ts";
import { passkeyButton } from "./passkeys.ts";

export interface ReauthProps {
  passwordForm: FormDefinition<"password">;
  codeForm: FormDefinition<"code">;
  passwordState: FormState;
  codeState: FormState;
  /** The ways that the page offers. */
  methods: readonly ProofMethod[];
  /** Whether only a second factor will do. */
  needsSecondFactor: boolean;
  /** Whether a form or a download was denied because this proof was missing. */
  isRepeated: boolean;
  /** The path or URL to go to afterwards; null for the default page. The forms send it back. */
  next: string | null;
  /** Where the script of the passkey goes: the same, with the notice. */
  location: string;
}

/** The order of the ways on the page. */
const ORDER: readonly ProofMethod[] = ["passkey", "password", "totp"];

/** A user who is logged in proves to be present. Each way has a form of its own. */
export function reauthPage(frame: Frame, props: ReauthProps): Html {
  const { words } = frame;
  const { methods, needsSecondFactor, isRepeated, codeState, passwordState } = props;
  const byPasskey = methods.includes("passkey");
  const byPassword = methods.includes("password");
  const byCode = methods.includes("totp");
  // A field with an error has the focus, in either form. Otherwise the first way has it.
  const focus =
    hasErrors(codeState) || hasErrors(passwordState) ? null : ORDER.find((method) => methods.includes(method));
  const place = byPassword || byCode ? "before" : "alone";
  const body = html`<p class="lead">${needsSecondFactor ? words.proveSecond : words.proveAbout}</p>
${isRepeated && html`<p>${words.proveAgain}</p>`}
${methods.length === 0 && html`<p>${words.proveNoWay}</p>`}
${byPasskey && passkeyButton(frame, { deed: "proof", next: props.location, place, hasFocus: focus === "passkey" })}
${byPassword && passwordForm(frame, props, focus === "password")}
${byCode && (byPassword ? orCodeForm(frame, props) : codeForm(frame, props, focus === "totp"))}`;
  return layout(frame, words.proveTitle, body);
}

function passwordForm(frame: Frame, props: ReauthProps, hasFocus: boolean): Html {
  const extras = { hidden: hiddenOf(props), username: frame.member?.username ?? null };
  return form(frame, props.passwordForm, props.passwordState, { ...extras, ...(hasFocus && { focus: "password" }) });
}

function orCodeForm(frame: Frame, props: ReauthProps): Html {
  return html`<section aria-labelledby="by-app"><h2 id="by-app">${frame.words.proveByApp}</h2>
${codeForm(frame, props, false)}</section>`;
}

function codeForm(frame: Frame, props: ReauthProps, hasFocus: boolean): Html {
  const extras = { hidden: hiddenOf(props), ...(hasFocus && { focus: "code" }) };
  return html`<p class="hint">${frame.words.proveCodeAbout}</p>
${form(frame, props.codeForm, props.codeState, extras)}`;
}

function hiddenOf({ next, needsSecondFactor, isRepeated }: ReauthProps): Record<string, string | null> {
  return { next, factors: needsSecondFactor ? "2" : null, repeat: isRepeated ? "on" : null };
}
