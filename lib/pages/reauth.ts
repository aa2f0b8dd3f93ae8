import { type Html, html } from "../http/html.ts";
import type { ProofMethod } from "../http/problem.ts";
import { type FormDefinition, type FormState, form } from "./form.ts";
import { type Frame, layout } from "./layout.ts";

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
  /** The path or URL to go to afterwards; null for the default page. */
  next: string | null;
}

/** A user who is logged in proves to be present. Each way has a form of its own. */
export function reauthPage(frame: Frame, props: ReauthProps): Html {
  const { words } = frame;
  const { methods, needsSecondFactor, isRepeated } = props;
  const withPassword = methods.includes("password");
  const withCode = methods.includes("totp");
  const body = html`<p class="lead">${needsSecondFactor ? words.proveSecond : words.proveAbout}</p>
${isRepeated && html`<p>${words.proveAgain}</p>`}
${methods.length === 0 && html`<p>${words.proveNoWay}</p>`}
${withPassword && passwordForm(frame, props)}
${withCode && (withPassword ? orCodeForm(frame, props) : codeForm(frame, props))}`;
  return layout(frame, words.proveTitle, body);
}

function passwordForm(frame: Frame, props: ReauthProps): Html {
  // The focus is on the field with an error, which may be the other form's.
  const focus = isUntouched(props.codeState) ? { focus: "password" } : {};
  const username = frame.member?.username ?? null;
  return form(frame, props.passwordForm, props.passwordState, { hidden: hiddenOf(props), username, ...focus });
}

function orCodeForm(frame: Frame, props: ReauthProps): Html {
  return html`<section aria-labelledby="by-app"><h2 id="by-app">${frame.words.proveByApp}</h2>
${codeForm(frame, props)}</section>`;
}

function codeForm(frame: Frame, props: ReauthProps): Html {
  const focus = props.methods.includes("password") ? {} : { focus: "code" };
  return html`<p class="hint">${frame.words.proveCodeAbout}</p>
${form(frame, props.codeForm, props.codeState, { hidden: hiddenOf(props), ...focus })}`;
}

function hiddenOf({ next, needsSecondFactor, isRepeated }: ReauthProps): Record<string, string | null> {
  return { next, factors: needsSecondFactor ? "2" : null, repeat: isRepeated ? "on" : null };
}

function isUntouched({ validationErrors: { fields, form } }: FormState): boolean {
  return Object.keys(fields).length === 0 && form.length === 0;
}
