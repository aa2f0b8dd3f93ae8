import { type Html, html } from "../http/html.ts";
import { type FormDefinition, type FormState, form } from "./form.ts";
import { type Frame, layout } from "./layout.ts";
import { type LinkFactsProps, linkFacts } from "./link-facts.ts";

export interface RequestResetProps {
  form: FormDefinition<"username">;
  state: FormState<"username">;
}

/** Asks for the link. */
export function requestResetPage(frame: Frame, { form: definition, state }: RequestResetProps): Html {
  const { words } = frame;
  const body = html`<p class="lead">${words.resetAbout}</p>
${form(frame, definition, state, { focus: "username" })}`;
  return layout(frame, words.forgotPassword, body);
}

/** After the request. It is the same whether or not there is such an account. */
export function resetRequestedPage(frame: Frame): Html {
  const { words } = frame;
  const body = html`<p>${words.resetSentAbout}</p>
<p class="hint">${words.resetSentHelp}</p>
<p><a class="button quiet" href="/password/reset/">${words.resetAgain}</a></p>`;
  return layout(frame, words.checkYourMail, body);
}

export interface NewPasswordProps extends LinkFactsProps {
  form: FormDefinition<"new_password">;
  state: FormState;
  /** Of the link. The form sends it back. */
  token: string;
  /** The fewest characters of a new password; null if the settings have no rule. */
  passwordRule: number | null;
}

/** The page of the link. */
export function newPasswordPage(frame: Frame, props: NewPasswordProps): Html {
  const { form: definition, state, token, passwordRule, username } = props;
  const { words } = frame;
  // Password managers store passwords by username.
  const extras = { hidden: { token }, focus: "new_password", username, passwordRule };
  const body = html`<p class="lead">${words.passwordAbout}</p>
${linkFacts(frame, props, words.requestedAt)}
${form(frame, definition, state, extras)}`;
  return layout(frame, words.resetPassword, body);
}
