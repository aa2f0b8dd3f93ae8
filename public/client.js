// Postern for front ends: import { login, logout, passkey, profile, fetch, events } from "/client.js";
// With a bundler the same file is "postern/client". Types: /client.d.ts
// No token is kept and none is needed: the browser's cookie proves who is logged in.

const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/** Postern's origin; null for the origin of the page. */
let server = null;

/** The channel to the other tabs: undefined until it is used, null if the browser has none. */
let tabs;

/** The session that the last event was about. "" for no session, null if nothing is known yet. */
let known = null;

class Events extends EventTarget {
  addEventListener(...parameters) {
    openTabs();
    super.addEventListener(...parameters);
  }
}

/** Dispatches `login` and `logout`: for this tab, for other tabs, and if the session ends by itself. */
export const events = new Events();

export function configure(options) {
  server = new URL(options.server).origin;
}

/** The server denied a login, a sign-up or a passkey. */
export class LoginError extends Error {
  name = "LoginError";

  constructor(status, { errors, code, methods }, retryAfterSeconds) {
    super(Object.values(errors).flat().join(" "));
    this.status = status;
    this.code = code;
    this.methods = methods;
    this.errors = errors;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export async function login(username, password) {
  await send("login/", { username, password });
  announceLogin();
}

export async function secondFactor(code, { remember = false } = {}) {
  await send("login/second-factor/", { code, ...(remember && { remember: "on" }) });
  announceLogin();
}

export const passkey = {
  isAvailable: () => isBrowser() && "PublicKeyCredential" in globalThis,

  async login({ autofill = false, signal } = {}) {
    const path = "login/passkey/";
    const { credential, rpId } = autofill ? await askByAutofill(path, signal) : await ask(path, signal);
    await send(path, { credential }).catch((error) => forgetUnknown(error, rpId, credential.id));
    announceLogin();
  },

  async secondFactor({ remember = false } = {}) {
    const path = "login/second-factor/passkey/";
    const { credential } = await ask(path);
    await send(path, { credential, ...(remember && { remember: "on" }) });
    announceLogin();
  },

  async prove() {
    const path = "reauth/passkey/";
    const { credential } = await ask(path);
    await send(path, { credential });
  },

  async add(name) {
    const path = "security/passkeys/";
    const publicKey = creationOptions(await send(`${path}options/`, {}));
    const credential = await navigator.credentials.create({ publicKey });
    return send(path, { credential: credentialJson(credential), name });
  },
};

export async function signup(email) {
  await send("signup/", { email });
}

export async function confirmSignup(token, username, password) {
  await send("signup/confirm/", { token, username, password });
  announceLogin();
}

export async function logout() {
  const response = await call("logout/", { method: "POST" });
  if (!response.ok) throw new Error(`Postern answered ${response.status} to the logout.`);
  announce("");
}

export async function profile() {
  const response = await call("profile/", { headers: { Accept: "application/json" } });
  if (response.status === 403) {
    note("");
    return null;
  }
  if (!response.ok) throw new Error(`Postern answered ${response.status} when asked for the profile.`);
  note("found");
  return response.json();
}

export async function fetch(input, init) {
  const token = csrfToken();
  const request = new Request(input, init);
  const isOurs = new URL(request.url).origin === location.origin;
  if (isOurs && token !== null && !SAFE_METHODS.has(request.method)) request.headers.set("X-CSRFToken", token);
  const response = await globalThis.fetch(request);
  // Other services of the site answer 401 or 403 without a session, and 403 for other reasons too. So ask.
  if (isOurs && (response.status === 401 || response.status === 403)) await profile().catch(() => null);
  return response;
}

/** @returns the answer's JSON, null if it has none. @throws LoginError */
async function send(path, fields) {
  const response = await call(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(fields),
  });
  if (response.ok) return response.json().catch(() => null);
  const wait = response.headers.get("Retry-After");
  throw new LoginError(response.status, await errorsOf(response), wait === null ? null : Number(wait));
}

function announceLogin() {
  announce(`begun ${new Date().toISOString()}`);
}

function call(path, { headers = {}, ...init } = {}) {
  openTabs();
  const token = csrfToken();
  const unsafe = init.method !== undefined && token !== null ? { "X-CSRFToken": token } : {};
  return globalThis.fetch(new URL(path, server ?? location.origin), {
    ...init,
    headers: { ...headers, ...unsafe },
    credentials: "include",
  });
}

function csrfToken() {
  if (!isBrowser())
    throw new Error("This module runs in a browser. On a server, pass the cookie on to Postern's /auth/.");
  return /(?:^|; )csrftoken=([^;]*)/.exec(document.cookie)?.[1] ?? null;
}

async function errorsOf(response) {
  const answer = await response.json().catch(() => null);
  const body = answer !== null && typeof answer === "object" ? answer : {};
  const { detail, code, methods = [], ...errors } = body;
  if (detail !== undefined) errors.non_field_errors = [detail];
  if (typeof code === "string") return { errors, code, methods };
  return { errors: code === undefined ? errors : { ...errors, code }, code: null, methods }; // A field of a form.
}

/** Has the browser ask for a passkey. */
async function ask(path, signal) {
  const options = await send(`${path}options/`, {});
  const publicKey = requestOptions(options);
  const credential = await navigator.credentials.get({ publicKey, signal });
  return { credential: credentialJson(credential), rpId: options.rpId };
}

/** If the server does not know the passkey, the browser offers it no more (WebAuthn Level 3 §5.1.10.1). */
async function forgetUnknown(error, rpId, credentialId) {
  if (error.code === "passkey_unknown")
    await PublicKeyCredential.signalUnknownCredential?.({ rpId, credentialId }).catch(() => {});
  throw error;
}

/** Waits for a passkey from the autofill of a field, however long that takes. A challenge is replaced before it expires. */
async function askByAutofill(path, signal) {
  if (!(await globalThis.PublicKeyCredential?.isConditionalMediationAvailable?.()))
    throw new DOMException("This browser has no autofill of passkeys.", "NotSupportedError");
  for (;;) {
    await becomeVisible();
    const options = await send(`${path}options/`, {});
    signal?.throwIfAborted();
    const replaced = new AbortController();
    const abort = () => replaced.abort(signal?.reason);
    signal?.addEventListener("abort", abort);
    const timer = setTimeout(abort, (options.timeout ?? 60_000) * 0.9);
    try {
      const request = { publicKey: requestOptions(options), mediation: "conditional", signal: replaced.signal };
      return { credential: credentialJson(await navigator.credentials.get(request)), rpId: options.rpId };
    } catch (error) {
      if (signal?.aborted || !replaced.signal.aborted) throw error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }
}

/** A page in the background makes no challenges. */
function becomeVisible() {
  return new Promise((resolve) => {
    if (document.visibilityState === "visible") return resolve();
    document.addEventListener("visibilitychange", resolve, { once: true });
  });
}

// Safari before 18.4 and Chromium before 129 have passkeys, but neither of their JSON. Nor have the objects of some
// password managers.

function requestOptions(json) {
  if (PublicKeyCredential.parseRequestOptionsFromJSON) return PublicKeyCredential.parseRequestOptionsFromJSON(json);
  return { ...json, challenge: bytesOf(json.challenge), allowCredentials: json.allowCredentials?.map(withBytes) };
}

function creationOptions(json) {
  if (PublicKeyCredential.parseCreationOptionsFromJSON) return PublicKeyCredential.parseCreationOptionsFromJSON(json);
  const excludeCredentials = json.excludeCredentials?.map(withBytes);
  return { ...json, challenge: bytesOf(json.challenge), user: withBytes(json.user), excludeCredentials };
}

function credentialJson(credential) {
  try {
    return credential.toJSON();
  } catch {
    const { id, type, response, authenticatorAttachment } = credential;
    const names = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
    const parts = names.flatMap((name) => (response[name] ? [[name, base64url(response[name])]] : []));
    return {
      id,
      rawId: id,
      type,
      authenticatorAttachment,
      clientExtensionResults: credential.getClientExtensionResults(),
      response: { ...Object.fromEntries(parts), transports: response.getTransports?.() },
    };
  }
}

const withBytes = ({ id, ...rest }) => ({ ...rest, id: bytesOf(id) });

function bytesOf(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
}

function base64url(buffer) {
  const text = btoa(String.fromCharCode(...new Uint8Array(buffer)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Not at import: a server that renders pages imports the module too, and an open channel keeps its process alive. */
function openTabs() {
  if (tabs !== undefined || !isBrowser()) return;
  tabs = "BroadcastChannel" in globalThis ? new BroadcastChannel("postern") : null;
  tabs?.addEventListener("message", ({ data }) => {
    if (typeof data?.session === "string") change(data.session);
  });
}

function isBrowser() {
  return "document" in globalThis;
}

/** A login or a logout in this tab. */
function announce(session) {
  change(session);
  tabs?.postMessage({ session });
}

/** A login or a logout in any tab. Dispatches its event once. */
function change(session) {
  if (session === known) return;
  known = session;
  events.dispatchEvent(new Event(session === "" ? "logout" : "login"));
}

/** The server's answer about the session. It is an event only if it differs from what is known. */
function note(session) {
  if (known === null) known = session;
  else if ((known === "") !== (session === "")) change(session);
}
