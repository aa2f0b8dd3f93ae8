import { type Html, html } from "../http/html.ts";
import { ICONS } from "./icons.ts";
import { csrfField, type Frame } from "./layout.ts";
import type { Words } from "./messages/messages.ts";
import { recoveryCodesBody } from "./recovery-codes.ts";
import { relativeTime } from "./time.ts";

export interface PasskeyProps {
  /** The passkey's public name in addresses. */
  id: string;
  /** As its user calls it. */
  name: string;
  /** Epoch milliseconds. */
  createdAt: number;
  lastUsedAt: number | null;
  isBackedUp: boolean;
}

export interface PasskeySetUp {
  /** What the browser and its password manager may learn about the passkeys; null if passkeys are not possible here. */
  signals: PasskeySignals | null;
  /** Whether the user may have one more. */
  mayAdd: boolean;
  /** The longest name of a passkey. */
  maxNameCharacters: number;
}

/** The part of the page "Security" about passkeys. */
export interface PasskeysProps extends PasskeySetUp {
  passkeys: readonly PasskeyProps[];
  /** What follows if the only second factor is removed; null if the user has another one. */
  lastFactorWarning: string | null;
}

/** The arguments of `signalAllAcceptedCredentials` and `signalCurrentUserDetails` (WebAuthn Level 3 §5.1.10). */
export interface PasskeySignals {
  rpId: string;
  /** The user handle, in base64url; null if the user has no passkey. */
  userId: string | null;
  /** The credential ids, in base64url. */
  allAcceptedCredentialIds: readonly string[];
  name: string;
  displayName: string;
}

/** A button that asks for a passkey. */
export interface PasskeyButton {
  /** `login` needs no password, `secondFactor` is the second step of a login, `proof` is for a user who is logged in. */
  deed: "login" | "secondFactor" | "proof";
  /** The path or URL to go to afterwards, which `nextLocation` has checked; null for the default page. */
  next: string | null;
  /** Where the button stands, seen from the form that is the other way. Before the form, it is the more usual way. */
  place: "before" | "after" | "alone";
  /** Whether the button has the focus. Give it to no field then. */
  hasFocus?: boolean;
}

/** The default page after a login. */
const HOME = "/profile/";

/**
 * The button, with a line that parts it from the form beside it. Nothing else is needed: it brings its script and its texts.
 * The script shows it; without script, or without passkeys in the browser, a sentence says what is missing. Show it only if
 * `factorMethods` has `passkey`, and for a login if `relyingPartyOf` is not null.
 */
export function passkeyButton(frame: Frame, { deed, next, place, hasFocus = false }: PasskeyButton): Html {
  const { words } = frame;
  const or = html`<p class="or">${words.or}</p>`;
  const label = deed === "login" ? words.logInByPasskey : words.usePasskey;
  const isQuiet = place === "after";
  return html`<div class="passkey"${data(words, deed, next ?? HOME)}${hasFocus && html` data-focus`} hidden>
${place === "after" && or}<div class="errors" role="alert"></div>
<button type="button"${isQuiet && html` class="quiet"`}>${ICONS.key}${label}</button>
${place === "before" && or}</div>${needs(words)}${script(frame)}`;
}

/** The part of the page "Security" about passkeys; null if there is nothing to show. */
export function passkeysSection(frame: Frame, props: PasskeysProps): Html | null {
  const { words } = frame;
  const { passkeys, signals } = props;
  if (signals === null && passkeys.length === 0) return null;
  const list = html`<ul class="entries passkeys">
${passkeys.map((passkey) => item(frame, passkey, props))}
</ul>`;
  return html`<section aria-labelledby="passkeys"${signals && html` data-signals="${JSON.stringify(signals)}"`}>
<h2 id="passkeys">${words.passkeys}</h2>
<p>${words.passkeysAbout}</p>
${passkeys.length > 0 && list}
${signals === null ? html`<p class="hint">${words.passkeysImpossible}</p>` : adding(frame, props)}</section>`;
}

function item(frame: Frame, passkey: PasskeyProps, props: PasskeysProps): Html {
  const { words } = frame;
  const { name, createdAt, lastUsedAt, isBackedUp } = passkey;
  return html`<li>${ICONS.key}
<div class="what"><div class="title"><strong>${name}</strong>${isBackedUp && html`<span class="badge">${words.passkeySynced}</span>`}</div>
<div class="details"><span>${words.passkeyAddedAt} ${relativeTime(frame, createdAt)}</span> <span>${
    lastUsedAt === null ? words.neverUsed : html`${words.lastUsed} ${relativeTime(frame, lastUsedAt)}`
  }</span></div></div>
${changing(frame, passkey, props)}
</li>`;
}

/** A disclosure: the new name, and the removal, which it asks to confirm. It works without script. */
function changing(
  { words, member }: Frame,
  { id, name }: PasskeyProps,
  { maxNameCharacters, lastFactorWarning }: PasskeysProps,
): Html {
  const field = `name-${id}`;
  return html`<details class="confirm"><summary class="button quiet" aria-label="${words.changePasskey}: ${name}">${words.changePasskey}</summary>
<div class="panel"><form method="post" action="/security/passkeys/${id}/name/">${csrfField(member)}
<label for="${field}">${words.passkeyName}</label>
<div class="row"><input id="${field}" name="name" value="${name}" required maxlength="${maxNameCharacters}" autocomplete="off">
<button class="quiet">${words.renamePasskey}</button></div></form>
<form method="post" action="/security/passkeys/${id}/" data-removes>${csrfField(member)}<p>${words.removePasskeyAbout}${lastFactorWarning !== null && ` ${lastFactorWarning}`}</p>
<button class="danger" aria-label="${words.removePasskey}: ${name}">${words.removePasskey}</button></form></div></details>`;
}

/** The script sends the form, because only the browser makes a passkey. */
function adding(frame: Frame, { passkeys, mayAdd, maxNameCharacters }: PasskeysProps): Html {
  const { words } = frame;
  if (!mayAdd) return html`<p>${words.errors.form.too_many_passkeys}</p>${script(frame)}`;
  return html`<form class="passkey"${data(words, "add", "/security/?done=passkeyAdded")} hidden>
<div class="errors" role="alert"></div>
<label for="passkey-name">${words.newPasskeyName} <span class="hint">(${words.optional})</span></label>
<div class="row"><input id="passkey-name" name="name" maxlength="${maxNameCharacters}" autocomplete="off">
<button type="submit"${passkeys.length > 0 && html` class="quiet"`}>${words.addPasskey}</button></div></form>
<template id="codes"><h1 tabindex="-1">${words.recoveryCodes}</h1>${recoveryCodesBody(frame, [""])}</template>${needs(words)}${script(frame)}`;
}

function data(words: Words, deed: PasskeyButton["deed"] | "add", next: string): Html {
  return html` data-passkey="${deed}" data-next="${next}" data-texts="${JSON.stringify(textsOf(words, deed))}"`;
}

/** What public/passkeys.js says. */
function textsOf({ passkeyErrors, passkeysNeed, errors: { form } }: Words, deed: PasskeyButton["deed"] | "add") {
  const { cancelledLogin, cancelledSetUp, cancelled, ...rest } = passkeyErrors;
  return {
    ...rest,
    cancelled: deed === "login" ? cancelledLogin : deed === "add" ? cancelledSetUp : cancelled,
    needs: passkeysNeed,
    rejected: form.passkey_rejected,
    throttled: form.throttled,
    unavailable: form.unavailable,
  };
}

const needs = ({ passkeysNeed }: Words): Html => html`<noscript><p class="hint">${passkeysNeed}</p></noscript>`;

/** A browser runs a module once, however often a page names it. */
const script = ({ passkeysUrl }: Frame): Html => html`<script type="module" src="${passkeysUrl}"></script>`;
