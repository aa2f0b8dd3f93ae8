import { type Html, html } from "../http/html.ts";
import { type DeviceProps, deviceName } from "./device.ts";
import { EMPTY_FORM, type FormDefinition, type FormState, form } from "./form.ts";
import { type Frame, layout } from "./layout.ts";
import { relativeTime } from "./time.ts";

export interface ProfileProps {
  form: FormDefinition<"first_name" | "last_name" | "email">;
  state: FormState;
  username: string;
  /** The login before this session's own; null if there is none on record. */
  previousLogin: PreviousLogin | null;
  /** Null without mail. */
  address: AddressProps | null;
}

/** The email address, as stored. */
export interface AddressProps {
  /** Empty for none. */
  email: string;
  isProved: boolean;
  /** The address that a link was sent to, and that is not proved yet; null for none. */
  pendingEmail: string | null;
  /** Sends a link to the stored address. */
  form: FormDefinition<never>;
}

export interface PreviousLogin extends DeviceProps {
  /** Epoch milliseconds. */
  at: number;
}

export function profilePage(frame: Frame, props: ProfileProps): Html {
  const { words } = frame;
  const { form: definition, state, username, previousLogin, address } = props;
  const body = html`<dl class="facts">
<div><dt>${words.username}</dt><dd>${username}</dd></div>
<div><dt>${words.previousLogin}</dt><dd>${previousLogin === null ? words.noPreviousLogin : login(frame, previousLogin)}</dd></div>
</dl>
<section aria-labelledby="details"><h2 id="details">${words.yourDetails}</h2>
<p class="hint">${words.detailsAbout}</p>
${address && addressState(frame, address)}
${form(frame, definition, state)}
${address && proveForm(frame, address)}</section>
<section aria-labelledby="password"><h2 id="password">${words.password}</h2>
<p>${words.passwordAbout}</p>
<p><a class="button quiet" href="/password/change/">${words.changePassword}</a></p></section>`;
  return layout(frame, words.profile, body);
}

function addressState({ words }: Frame, { email, isProved, pendingEmail }: AddressProps): Html | null {
  if (pendingEmail !== null) return html`<p class="state">${words.emailPending(pendingEmail, email)}</p>`;
  if (email === "") return null;
  return html`<p class="state">${isProved ? words.emailProved(email) : words.emailUnproved(email)}</p>`;
}

function proveForm(frame: Frame, { email, isProved, pendingEmail, form: definition }: AddressProps): Html | null {
  return email === "" || isProved || pendingEmail === email ? null : form(frame, definition, EMPTY_FORM);
}

function login(frame: Frame, { at, ...device }: PreviousLogin): Html {
  return html`${relativeTime(frame, at)}, ${deviceName(frame, device)}`;
}
