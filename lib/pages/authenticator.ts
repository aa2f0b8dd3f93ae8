import { type Html, html } from "../http/html.ts";
import { type FormDefinition, type FormState, form } from "./form.ts";
import { csrfField, type Frame, layout } from "./layout.ts";
import { qrCode } from "./qr-code.ts";

export interface AuthenticatorProps {
  form: FormDefinition<"code">;
  state: FormState;
  /** Sent back with the code. */
  token: string;
  /** In base32. */
  secret: string;
  /** The `otpauth:` address. */
  uri: string;
  /** True for a dark module. */
  modules: readonly (readonly boolean[])[];
  /** Whether the user has an authenticator app, which this one replaces. */
  replaces: boolean;
}

/** The setup of an authenticator app. */
export function authenticatorPage(frame: Frame, props: AuthenticatorProps): Html {
  const { words } = frame;
  const { form: definition, state, token, secret, uri, modules, replaces } = props;
  const groups = secret.match(/.{1,4}/g) ?? [];
  const body = html`<p class="lead">${words.scanAbout}${replaces && ` ${words.scanReplaces}`}</p>
<div class="scan">${qrCode(modules, words.qrCode)}
<div><p><a class="button quiet" href="${uri}">${words.openApp}</a></p>
<p>${words.typeKey}</p>
<p><code class="key">${groups.join(" ")}</code></p></div></div>
<p>${words.confirmAbout}</p>
${form(frame, definition, state, { hidden: { token }, focus: "code" })}`;
  return layout(frame, words.setUpAuthenticator, body);
}

/** In place of the QR code after ten minutes, or after too many wrong codes. */
export function setupExpiredPage(frame: Frame): Html {
  const { words, member } = frame;
  const body = html`<p>${words.setupExpiredAbout}</p>
<form method="post" action="/security/authenticator/">${csrfField(member)}<div class="actions"><button>${words.startAgain}</button><a class="button quiet" href="/security/">${words.cancel}</a></div></form>`;
  return layout(frame, words.setupExpired, body);
}
