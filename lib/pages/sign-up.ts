import { type Html, html } from "../http/html.ts";
import { type DeviceProps, deviceName } from "./device.ts";
import { type FormDefinition, type FormState, form } from "./form.ts";
import { type Frame, layout } from "./layout.ts";
import { fieldText } from "./messages/messages.ts";
import { relativeTime } from "./time.ts";

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
  /** The token of the link. The form sends it back. */
  token: string;
  /** The address of the account. */
  email: string;
  request: LinkRequest;
  /** The fewest characters of a new password; null if the settings have no rule. */
  passwordRule: number | null;
}

/** When and from where the link was asked for. */
interface LinkRequest extends DeviceProps {
  /** Epoch milliseconds. */
  at: number;
  /** Empty if it is unknown. */
  address: string;
  isInvitation: boolean;
}

/** Behind the link. */
export function confirmSignupPage(frame: Frame, props: ConfirmSignupProps): Html {
  const { words, siteName } = frame;
  const { form: definition, state, token, email, request, passwordRule } = props;
  const errors = (state.validationErrors.fields["email"] ?? []).map((message) => fieldText(words, message));
  const place = placeOf(frame, request);
  const body = html`<p class="lead">${words.signUpFor}</p>
<dl class="facts">
<div><dt>${words.email}</dt><dd>${email}${errors.length > 0 && html`<div class="errors" role="alert">${errors.map((text) => html`<p>${text}</p>`)}</div>`}</dd></div>
<div><dt>${request.isInvitation ? words.invitedAt : words.requestedAt}</dt><dd>${relativeTime(frame, request.at)}</dd></div>
${place !== "" && html`<div><dt>${words.requestedFrom}</dt><dd>${place}</dd></div>`}
</dl>
${form(frame, definition, state, { hidden: { token }, focus: "username", passwordRule })}
${!request.isInvitation && html`<p class="hint">${words.notRequested}</p>`}`;
  return layout(frame, words.signUpAt(siteName), body);
}

function placeOf(frame: Frame, { address, browser, system }: LinkRequest): string {
  const device = browser === null && system === null ? "" : deviceName(frame, { browser, system });
  return [device, address].filter((part) => part !== "").join(", ");
}
