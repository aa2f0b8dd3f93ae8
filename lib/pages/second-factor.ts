import { type Html, html } from "../http/html.ts";
import type { ProofMethod } from "../http/problem.ts";
import { type FormDefinition, type FormState, form } from "./form.ts";
import { type Frame, layout } from "./layout.ts";

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
  const lead = methods.includes("totp") ? words.enterCode : words.enterRecoveryCode;
  const body = html`<p class="lead">${lead}</p>
${form(frame, definition, state, { hidden: { next }, checkbox, focus: "code" })}`;
  return layout(frame, words.secondStep, body);
}
