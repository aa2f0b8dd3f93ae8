import { type Html, html } from "../http/html.ts";
import { type FormDefinition, type FormState, form } from "./form.ts";
import { type Frame, layout } from "./layout.ts";
import { linkFacts } from "./link-facts.ts";
import type { MailFacts } from "./mail.ts";
import { fieldText } from "./messages/messages.ts";

export interface SignupProps {
  form: FormDefinition<"email">;
  state: FormState;
}

/** Asks for the link. */
export function signupPage(frame: Frame, { form: definition, state }: SignupProps): Html {
  const { words, siteName } = frame;
  const body = html`<p class="lead">${words.signUpAbout}</p>
${form(frame, definition, state, { focus: "email" })}`;
  return layout(frame, words.signUpAt(siteName), body);
}

/** After the request. It is the same whether or not the address has an account. */
export function signupSentPage(frame: Frame, email: string): Html {
  const { words } = frame;
  const body = html`<p>${words.signUpSent(email)}</p>
<p class="hint">${words.mailHelp}</p>
<p><a class="button quiet" href="/signup/">${words.otherAddress}</a></p>`;
  return layout(frame, words.checkYourMail, body);
}

export interface ConfirmSignupProps {
  form: FormDefinition<"username" | "password">;
  state: FormState;
  /** Of the link. The form sends it back. */
  token: string;
  /** The address of the account. */
  email: string;
  /** When and from where the link was asked for. */
  facts: MailFacts;
  /** Whether an operator has sent the link. */
  isInvitation: boolean;
  /** The fewest characters of a new password; null if the settings have no rule. */
  passwordRule: number | null;
}

/** The page of the link. */
export function confirmSignupPage(frame: Frame, props: ConfirmSignupProps): Html {
  const { words, siteName } = frame;
  const { form: definition, state, token, email, facts, isInvitation, passwordRule } = props;
  const errors = (state.validationErrors.fields["email"] ?? []).map((message) => fieldText(words, message));
  const body = html`<p class="lead">${words.signUpFor(email)}</p>
${errors.length > 0 && addressTaken(frame, errors)}
${linkFacts(frame, { username: null, facts }, isInvitation ? words.invitedAt : words.requestedAt)}
${form(frame, definition, state, { hidden: { token }, focus: "username", passwordRule })}
${!isInvitation && html`<p class="hint">${words.notRequested}</p>`}`;
  return layout(frame, words.signUpAt(siteName), body);
}

/** The account of the address is there, and so are the ways to it. */
function addressTaken({ words }: Frame, errors: readonly string[]): Html {
  return html`<div class="errors" role="alert">${errors.map((text) => html`<p>${text}</p>`)}</div>
<p class="ways"><a href="/login/">${words.logIn}</a>
<a href="/password/reset/">${words.forgotPassword}</a></p>`;
}
