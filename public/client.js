// Postern for front ends: import { login, logout, profile, fetch, events } from "/client.js";
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

/** The server denied a login or a sign-up. */
export class LoginError extends Error {
  name = "LoginError";

  constructor(status, errors, retryAfterSeconds) {
    super(Object.values(errors).flat().join(" "));
    this.status = status;
    this.errors = errors;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export async function login(username, password) {
  await send("login/", { username, password });
  announceLogin();
}

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

/** @throws LoginError */
async function send(path, fields) {
  const response = await call(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(fields),
  });
  if (response.ok) return;
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
  const body = await response.json().catch(() => ({}));
  const { detail, ...errors } = body !== null && typeof body === "object" ? body : {};
  return detail === undefined ? errors : { ...errors, non_field_errors: [detail] };
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
