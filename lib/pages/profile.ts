import { type Html, html } from "../http/html.ts";
import { type DeviceProps, deviceName } from "./device.ts";
import { type FormDefinition, type FormState, form } from "./form.ts";
import { csrfField, type Frame, layout } from "./layout.ts";
import { relativeTime } from "./time.ts";

export interface ProfileProps {
  form: FormDefinition<"first_name" | "last_name" | "email">;
  state: FormState;
  username: string;
  /** The login before this session's own; null if there is none on record. */
  previousLogin: PreviousLogin | null;
  /** Whether users can delete their accounts. */
  mayDelete: boolean;
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
}

export interface PreviousLogin extends DeviceProps {
  /** Epoch milliseconds. */
  at: number;
}

export function profilePage(frame: Frame, props: ProfileProps): Html {
  const { words } = frame;
  const { form: definition, state, username, previousLogin, address, mayDelete } = props;
  const body = html`<dl class="facts">
<div><dt>${words.username}</dt><dd>${username}</dd></div>
<div><dt>${words.previousLogin}</dt><dd>${previousLogin === null ? words.noPreviousLogin : login(frame, previousLogin)}</dd></div>
</dl>
<section aria-labelledby="details"><h2 id="details">${words.yourDetails}</h2>
<p class="hint">${words.detailsAbout}</p>
${form(frame, definition, state)}
${address && addressState(frame, address)}</section>
<section aria-labelledby="password"><h2 id="password">${words.password}</h2>
<p>${words.passwordAbout}</p>
<p class="actions"><a class="button quiet" href="/password/change/">${words.changePassword}</a>
<a class="button quiet" href="/security/">${words.goToSecurity}</a></p></section>
${yourData(frame, mayDelete)}`;
  return layout(frame, words.profile, body);
}

/** Below the form: what is known about the address, and the buttons that ask for a link and cancel a change. */
function addressState(frame: Frame, { email, isProved, pendingEmail }: AddressProps): Html {
  const { words } = frame;
  const text = isProved ? words.emailProved(email) : words.emailUnproved(email);
  const isKnown = email !== "" || pendingEmail !== null;
  const canAsk = email !== "" && !isProved && (pendingEmail ?? email) === email;
  const mayCancel = pendingEmail !== null && pendingEmail !== email;
  return html`${isKnown && html`<p class="state">${pendingEmail === null ? text : words.emailPending(pendingEmail, email)}</p>`}
${canAsk && html`<form method="post" action="/email/prove/">${csrfField(frame.member)}<button class="quiet">${words.sendEmailLink}</button></form>`}
${mayCancel && html`<form method="post" action="/email/cancel/">${csrfField(frame.member)}<button class="quiet">${words.cancelEmail}</button></form>`}`;
}

function yourData({ words }: Frame, mayDelete: boolean): Html {
  return html`<section aria-labelledby="data"><h2 id="data">${words.yourData}</h2>
<p>${words.yourDataAbout}</p>
<p class="actions"><a class="button quiet" href="/account/export/">${words.downloadData}</a>
${mayDelete && html`<a class="button quiet danger" href="/account/delete/">${words.deleteAccount}…</a>`}</p></section>`;
}

function login(frame: Frame, { at, ...device }: PreviousLogin): Html {
  return html`${relativeTime(frame, at)}, ${deviceName(frame, device)}`;
}
