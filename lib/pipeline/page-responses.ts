import type { Arrival } from "../context.ts";
import { deriveCsrfToken } from "../crypto/token.ts";
import type { Html } from "../http/html.ts";
import type { Problem } from "../http/problem.ts";
import { queryValue } from "../http/target.ts";
import { deviceName } from "../pages/device.ts";
import type { FieldName, FormDefinition, FormState } from "../pages/form.ts";
import type { Frame } from "../pages/layout.ts";
import { chooseLocale, type Locale, type Words } from "../pages/messages/messages.ts";
import { deadLinkPage, problemPage } from "../pages/problem.ts";
import { sessionName } from "../session/session-name.ts";
import { type Device, isKnownDevice } from "../session/user-agent.ts";
import { ICON, PASSKEYS, SCRIPT, STYLE, TIMES } from "../site/assets.ts";
import { isByLink } from "./link-guards.ts";
import { nearestPage } from "./next-page.ts";
import { type Reply, type ReplyParts, reply } from "./reply.ts";
import { redirect } from "./responses.ts";

/** The notices that `?done=…` may select. */
const NOTICES = {
  logout: "loggedOut",
  saved: "saved",
  emailLink: "emailLinkSent",
  emailCancelled: "emailCancelled",
  emailConfirmed: "emailConfirmed",
  password: "passwordChanged",
  newPassword: "passwordSet",
  session: "sessionEnded",
  sessions: "othersEnded",
  device: "deviceForgotten",
  deleted: "accountDeleted",
  proved: "proved",
  authenticator: "authenticatorAdded",
  authenticatorRemoved: "authenticatorRemoved",
  passkey: "passkeyRemoved",
  passkeyName: "passkeyRenamed",
  passkeyAdded: "passkeyAdded",
} as const satisfies Record<string, keyof Words>;

export type Done = keyof typeof NOTICES;

/** Whether a browser is answered, not a program. */
export function wantsPage({ representation }: Pick<Arrival, "representation">): boolean {
  return representation.format === "page";
}

/** @param draw makes the page from its frame */
export function page(context: Arrival, draw: (frame: Frame) => Html, status = 200): Reply {
  const known = frameOf(context);
  // During an outage the session is unknown. The page must not tell other tabs that it has ended.
  const frame = status < 500 ? known : { ...known, session: null };
  const headers = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Language": frame.language,
    "Content-Security-Policy": contentSecurityPolicy(frame.logoUrl, context.services.config.trustedOrigins),
    Vary: "Accept-Language, Sec-Fetch-Mode",
    // The address has the secret of a link.
    ...(context.endpoint?.routes.some(({ guard }) => isByLink(guard)) ? { "Referrer-Policy": "no-referrer" } : {}),
  };
  // Not compressed: a page holds a secret beside text that the address may choose (BREACH). It has a few kilobytes.
  return reply(new Response(draw(frame).text, { status, headers }));
}

/** A denial as a page. If a login is needed, a redirect to it, with the way back in `next`. */
export function errorPage(context: Arrival, { code, status }: Problem): Reply {
  const retryPath = pathToReturnTo(context);
  if (code === "login_expired") return redirect("/login/");
  if (code === "second_factor_setup_required") return redirect("/security/");
  if (code === "recent_login_required") return redirect(reauthPath(context, retryPath));
  if (code === "not_authenticated") return redirect(`/login/?next=${encodeURIComponent(retryPath.toWellFormed())}`);
  if (code === "invalid_link") {
    return page(context, (frame) => deadLinkPage(frame, afterDeadLink(context)), status);
  }
  const props = { status, requestId: context.requestId, retryPath };
  return page(context, (frame) => problemPage({ ...frame, session: null }, props), status);
}

/** Neither a form nor a download is asked for again afterwards. So the page says that nothing has happened. */
function reauthPath({ request: { method }, target: { path } }: Arrival, retryPath: string): string {
  const isShownAgain = method === "GET" && retryPath.split("?", 1)[0] === path;
  const next = retryPath === "/" ? {} : { next: retryPath.toWellFormed() };
  const query = new URLSearchParams(isShownAgain ? next : { ...next, repeat: "on" }).toString();
  return `/reauth/${query === "" ? "" : `?${query}`}`;
}

/** Where to ask for a new link. For an invitation, a person has to ask an operator. */
function afterDeadLink({ target: { path }, services: { config } }: Arrival): "reset" | "signup" | "home" {
  if (path === "/password/reset/confirm/" || path === "/not-me/") return "reset";
  return path === "/signup/confirm/" && config.signup === "open" ? "signup" : "home";
}

/** Postern's nearest page to the request's path, with the query if it is the page that the client asked for. */
function pathToReturnTo({ router, target: { path, query }, request }: Arrival): string {
  const nearest = nearestPage(router, path);
  return query === "" || request.method !== "GET" || nearest !== path ? nearest : `${path}?${query}`;
}

/** Redirects a browser to a page with a notice of what was done. */
export function redirectDone(path: string, done: Done, parts?: ReplyParts): Reply {
  return redirect(doneLocation(path, done), parts);
}

/** The address of a page with a notice of what was done. */
export function doneLocation(path: string, done: Done): string {
  return `${path}?done=${done}`;
}

/** To the sessions after one of another device has ended. The address names the device if the name is a known one. */
export function redirectLoggedOut(device: Device): Reply {
  const query = isKnownDevice(device) ? `&${new URLSearchParams(device)}` : "";
  return redirect(`/sessions/?done=session${query}`);
}

/** The values that a form was sent with, and its errors. Passwords are left out. A missing value is empty. */
export async function sentState<Form extends FormDefinition>(
  context: Arrival,
  { fields }: Form,
  { validationErrors }: Problem,
): Promise<FormState<FieldName<Form>>> {
  const shown = Object.keys(fields).filter((name) => fields[name]?.type !== "password");
  const sent = await Promise.all(shown.map(async (name) => [name, await sentValue(context, name)] as const));
  return { values: Object.fromEntries(sent) as Partial<Record<FieldName<Form>, string>>, validationErrors }; // Its own names.
}

/** The value that a field was sent with; empty if it is missing or not text. */
export async function sentValue(context: Arrival, name: string): Promise<string> {
  const data = await context.data().catch(() => null);
  const value = data?.kind === "form" ? data.fields.get(name) : undefined;
  return typeof value === "string" ? value : "";
}

function frameOf(context: Arrival): Frame {
  const { auth, request } = context;
  // Also if a second factor has to be set up first: a form needs the CSRF token, and other tabs must not think that the
  // session has ended.
  const current = auth === null || auth.level === "anonymous" ? null : auth;
  const { siteName, logoUrl } = context.services.config;
  const locale = chooseLocale(request.headers.get("accept-language"));
  return {
    ...locale,
    siteName,
    logoUrl,
    styleUrl: STYLE.path,
    scriptUrl: SCRIPT.path,
    timesUrl: TIMES.path,
    passkeysUrl: PASSKEYS.path,
    iconUrl: ICON.path,
    path: context.target.path,
    session: current ? sessionName(current.session) : "",
    member: current && {
      username: current.user.username,
      csrfToken: deriveCsrfToken(current.token),
    },
    notice: noticeOf(context, locale),
    now: context.services.now(),
  };
}

/** What `?done=…` has the page say. The device's name comes from the address too, so only known names are repeated. */
function noticeOf({ target }: Arrival, { words }: Locale): string | null {
  const done = queryValue(target, "done");
  if (done === null || !Object.hasOwn(NOTICES, done)) return null;
  const device = { browser: queryValue(target, "browser"), system: queryValue(target, "system") };
  if (done === "session" && isKnownDevice(device)) return words.deviceLoggedOut(deviceName({ words }, device));
  return words[NOTICES[done as Done]]; // `hasOwn` has checked that it is one.
}

/**
 * Everything from this origin and nothing inline (CSP Level 3). Only the logo may come from another one. A browser applies
 * `form-action` to redirects too, and a login may lead to a trusted origin.
 */
function contentSecurityPolicy(logoUrl: string | null, trustedOrigins: ReadonlySet<string>): string {
  const logo = logoUrl === null || logoUrl.startsWith("/") ? "" : ` ${new URL(logoUrl).origin}`;
  return (
    `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'${logo}; connect-src 'self'; ` +
    `form-action ${["'self'", ...trustedOrigins].join(" ")}; frame-ancestors 'none'; base-uri 'none'`
  );
}
