import { type Html, html } from "../http/html.ts";
import { csrfField, type Frame, layout } from "./layout.ts";
import { type PasskeyProps, type PasskeySetUp, passkeysSection } from "./passkeys.ts";
import { relativeTime } from "./time.ts";

/** With so few codes left, the page warns. */
const FEW_CODES = 3;

export interface SecurityProps {
  /** Null if there is none. */
  totp: TotpProps | null;
  passkeys: readonly PasskeyProps[];
  passkeySetUp: PasskeySetUp;
  /** The number that is left. */
  recoveryCodes: number;
  /** Whether the settings demand a second factor of this user. */
  isRequired: boolean;
  /** Whether browsers can be remembered. */
  hasTrust: boolean;
}

export interface TotpProps {
  /** Epoch milliseconds. */
  createdAt: number;
  lastUsedAt: number | null;
  /** False if the secret key that sealed the app's secret is lost. */
  isReadable: boolean;
}

/** The page "Security". A user who has to set up a second factor first sees only how. */
export function securityPage(frame: Frame, props: SecurityProps): Html {
  const { words } = frame;
  const hasFactor = props.totp !== null || props.passkeys.length > 0;
  const mustSetUp = props.isRequired && !hasFactor;
  const body = html`${
    mustSetUp
      ? html`<p class="notice warning">${words.securityRequired}</p><p class="lead">${words.securityMore}</p>`
      : html`<p class="lead">${hasFactor ? words.securityAbout : words.securityMore}</p>${password(frame)}`
  }
${passkeysSection(frame, { ...props.passkeySetUp, passkeys: props.passkeys, lastFactorWarning: lastFactorWarning(frame, props) })}
${authenticator(frame, props)}
${recovery(frame, props.recoveryCodes, hasFactor)}
${!mustSetUp && props.hasTrust && remembered(frame)}`;
  return layout(frame, words.security, body);
}

/** What follows if the only passkey is removed; null if the user has another second factor. */
function lastFactorWarning({ words }: Frame, { passkeys, totp, isRequired }: SecurityProps): string | null {
  if (passkeys.length !== 1 || totp !== null) return null;
  return isRequired ? words.removeRequiredAbout : words.removeLastAbout;
}

function password({ words }: Frame): Html {
  return html`<section aria-labelledby="password"><h2 id="password">${words.password}</h2>
<p>${words.passwordAbout}</p>
<p><a class="button quiet" href="/password/change/">${words.changePassword}</a></p></section>`;
}

function authenticator(frame: Frame, props: SecurityProps): Html {
  const { words, member } = frame;
  const { totp } = props;
  return html`<section aria-labelledby="authenticator"><h2 id="authenticator">${words.authenticator}</h2>
<p>${words.authenticatorAbout}</p>
${totp !== null && (totp.isReadable ? uses(frame, totp) : html`<p class="errors">${words.authenticatorUnreadable}</p>`)}
<div class="actions"><form method="post" action="/security/authenticator/">${csrfField(member)}<button${totp !== null && html` class="quiet"`}>${totp === null ? words.setUpAuthenticator : words.setUpAnother}</button></form>
${totp !== null && removal(frame, props)}</div></section>`;
}

function uses(frame: Frame, { createdAt, lastUsedAt }: TotpProps): Html {
  const { words } = frame;
  return html`<p class="details"><span>${words.authenticatorSince} ${relativeTime(frame, createdAt)}</span>${
    lastUsedAt !== null &&
    lastUsedAt !== createdAt &&
    html` <span>${words.lastUsed} ${relativeTime(frame, lastUsedAt)}</span>`
  }</p>`;
}

/** A disclosure asks for confirmation without script. */
function removal({ words, member }: Frame, { passkeys, isRequired }: SecurityProps): Html {
  const isLast = passkeys.length === 0;
  const consequence = isRequired ? words.removeRequiredAbout : words.removeLastAbout;
  return html`<details class="confirm"><summary class="button quiet danger">${words.removeAuthenticator}</summary>
<form method="post" action="/security/authenticator/remove/">${csrfField(member)}<p>${words.removeAuthenticatorAbout}${isLast && ` ${consequence}`}</p><button class="danger">${words.removeAuthenticatorNow}</button></form></details>`;
}

function recovery({ words, member }: Frame, left: number, hasFactor: boolean): Html {
  const isFew = left <= FEW_CODES;
  const state = html`<p${isFew && html` class="errors"`}>${words.recoveryLeft(left)}${isFew && ` ${words.recoveryFew}`}</p>
<details class="confirm"><summary class="button quiet">${words.makeCodes}</summary>
<form method="post" action="/security/recovery-codes/">${csrfField(member)}<p>${words.makeCodesAbout}</p><button>${words.makeCodesNow}</button></form></details>`;
  return html`<section aria-labelledby="recovery"><h2 id="recovery">${words.recoveryCodes}</h2>
<p>${words.recoveryAbout}${!hasFactor && ` ${words.recoveryLater}`}</p>
${hasFactor && state}</section>`;
}

function remembered({ words }: Frame): Html {
  return html`<section aria-labelledby="remembered"><h2 id="remembered">${words.rememberedBrowsers}</h2>
<p>${words.rememberedWhere}</p>
<p><a class="button quiet" href="/sessions/">${words.goToSessions}</a></p></section>`;
}
