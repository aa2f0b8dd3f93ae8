// The buttons for passkeys. They appear by this script, so none is dead without it. lib/pages/passkeys.ts writes the parts.

import { LoginError, passkey } from "./client.js";
import { addCodeButtons } from "./page.js";

/** What each button does. Resolves when the server has accepted the passkey. */
const DEEDS = {
  login: () => passkey.login(),
  // The box is in the form for a code.
  secondFactor: () => passkey.secondFactor({ remember: document.querySelector("[name=remember]")?.checked }),
  proof: () => passkey.prove(),
  add: ({ elements }) => passkey.add(elements.name.value),
};

/** By the name of a browser's error (WebAuthn Level 3 §5.1.3 and §5.1.4), the text that explains it. */
const BROWSER_ERRORS = {
  NotAllowedError: "cancelled",
  AbortError: "cancelled",
  InvalidStateError: "known",
  SecurityError: "wrongAddress",
  NotSupportedError: "unsuitable",
  ConstraintError: "unsuitable",
  TypeError: "offline", // By fetch.
};

const SERVER_ERRORS = { 400: "rejected", 429: "throttled", 503: "unavailable" };

/** The autofill that waits for a passkey. A browser asks for one passkey at a time. */
let waiting = null;

/** Shows a part, with its button. */
function enhance(part) {
  const { passkey: deed, texts } = part.dataset;
  if (!passkey.isAvailable())
    return part.replaceWith(...(deed === "login" ? [] : [paragraph(JSON.parse(texts).needs)]));
  const button = part.querySelector("button");
  // The form for a new passkey is sent by Enter too.
  const [target, type] = part instanceof HTMLFormElement ? [part, "submit"] : [button, "click"];
  target.addEventListener(type, (event) => {
    event.preventDefault();
    if (button.ariaBusy !== "true") run(part, button);
  });
  part.hidden = false;
  if (part.dataset.focus !== undefined) button.focus();
  if (deed === "login") offerAutofill(part);
}

async function run(part, button) {
  waiting?.abort();
  button.ariaBusy = "true";
  show(part, "");
  try {
    finish(part, await DEEDS[part.dataset.passkey](part));
  } catch (error) {
    button.ariaBusy = null;
    explain(part, error);
    if (part.dataset.passkey === "login") offerAutofill(part);
  }
}

/** The username's autofill offers passkeys too. After a passkey that the server denied, it does so again. */
async function offerAutofill(part) {
  for (let tries = 0; tries < 3; tries++) {
    waiting = new AbortController();
    try {
      return finish(part, await passkey.login({ autofill: true, signal: waiting.signal }));
    } catch (error) {
      // Without autofill, the button is left.
      if (!(error instanceof LoginError) || error.status !== 400) return;
      explain(part, error);
    }
  }
}

/** @param added the new passkey, if it is one */
function finish({ dataset }, added) {
  if (added?.recovery_codes) return showCodes(added.recovery_codes);
  // Another page follows. Until then, page.js must not reload this one because of the login in this very tab.
  delete document.documentElement.dataset.session;
  location.assign(dataset.next);
}

function explain(part, error) {
  if (!(error instanceof LoginError)) return show(part, BROWSER_ERRORS[error.name] ?? "failed");
  const { code, status, retryAfterSeconds } = error;
  if (code === "recent_login_required")
    return location.assign(`/reauth/?${new URLSearchParams({ next: location.pathname, repeat: "on" })}`);
  // The session has ended, or the login has expired. The server says so on a page.
  if (status === 403) return location.reload();
  show(part, code === "passkey_unknown" ? "unknown" : (SERVER_ERRORS[status] ?? "failed"), retryAfterSeconds);
}

/** @param name of the text; empty for none. A screen reader reads it, because it changes. The focus stays. */
function show(part, name, seconds = null) {
  const text = JSON.parse(part.dataset.texts)[name] ?? "";
  const format = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "always" });
  const content = text.replace("{wait}", () => format.format(seconds ?? 60, "second"));
  part.querySelector("[role=alert]").replaceChildren(...(content === "" ? [] : [paragraph(content)]));
}

const paragraph = (text) => Object.assign(document.createElement("p"), { textContent: text });

/**
 * Tells the browser and its password manager which passkeys the server knows, and how the user is called, so that they
 * offer no others (WebAuthn Level 3 §5.1.10). After the removal of the last one, the page does not know the user's handle.
 */
async function signal({ dataset }) {
  const { allAcceptedCredentialIds, name, displayName, rpId, ...known } = JSON.parse(dataset.signals);
  const removed = JSON.parse(sessionStorage.getItem("passkey removed") ?? "{}");
  sessionStorage.removeItem("passkey removed");
  const userId = known.userId ?? (removed.name === name ? removed.userId : null);
  if (userId === null) return;
  for (const form of document.querySelectorAll("form[data-removes]"))
    form.addEventListener("submit", () => sessionStorage.setItem("passkey removed", JSON.stringify({ name, userId })));
  await PublicKeyCredential.signalAllAcceptedCredentials?.({ rpId, userId, allAcceptedCredentialIds });
  await PublicKeyCredential.signalCurrentUserDetails?.({ rpId, userId, name, displayName });
}

/** Shows the recovery codes that came with the first passkey, on the page that they would have had by themselves. */
function showCodes(codes) {
  const main = document.querySelector("main");
  const content = document.querySelector("#codes").content.cloneNode(true);
  const [item] = content.querySelectorAll("li");
  item.replaceWith(...codes.map((code) => withCode(item.cloneNode(true), code)));
  main.replaceChildren(content);
  addCodeButtons(main.querySelector(".codes"));
  main.querySelector("h1").focus();
}

function withCode(item, code) {
  item.querySelector("code").textContent = code;
  return item;
}

for (const part of document.querySelectorAll("[data-passkey]")) enhance(part);
for (const section of document.querySelectorAll("[data-signals]")) signal(section).catch(() => {}); // It is a hint.
