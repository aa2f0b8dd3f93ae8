import type { Arrival } from "../context.ts";
import { deriveCsrfToken } from "../crypto/token.ts";
import { queryValue } from "../http/address.ts";
import type { Html } from "../http/html.ts";
import type { Problem } from "../http/problem.ts";
import type { Frame } from "../pages/layout.ts";
import type { Words } from "../pages/messages/en.ts";
import { chooseTongue } from "../pages/messages/messages.ts";
import { refusalPage } from "../pages/refusal.ts";
import { sessionName } from "../session/session-name.ts";
import { ICON, SCRIPT, STYLE } from "../site/assets.ts";
import { nearestPage } from "./next-page.ts";
import { type Reply, type ReplyParts, reply } from "./reply.ts";
import { redirect } from "./responses.ts";

/** The notices that `?done=…` may select. */
const NOTICES = {
  logout: "loggedOut",
  saved: "saved",
  password: "passwordChanged",
  session: "sessionEnded",
  sessions: "othersEnded",
  device: "deviceForgotten",
} as const satisfies Record<string, keyof Words>;

export type Done = keyof typeof NOTICES;

/** Whether a browser is answered, not a program. */
export function wantsPage({ representation }: Pick<Arrival, "representation">): boolean {
  return representation.format === "page";
}

/** @param draw makes the page from its frame */
export function page(context: Arrival, draw: (frame: Frame) => Html, status = 200): Reply {
  const frame = frameOf(context);
  const headers = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Language": frame.language,
    "Content-Security-Policy": contentSecurityPolicy(frame.logoUrl),
    Vary: "Accept-Language, Sec-Fetch-Mode",
  };
  // Not compressed: a page holds a secret beside text that the address may choose (BREACH). It has a few kilobytes.
  return reply(new Response(draw(frame).text, { status, headers }));
}

/** A denial as a page. If a login is needed, a redirect to it, with the way back in `next`. */
export function errorPage(context: Arrival, { code, status }: Problem): Reply {
  if (code === "not_authenticated") {
    const { path, query } = context.target;
    const back = nearestPage(context.router, path);
    const next = query === "" || context.request.method !== "GET" || back !== path ? back : `${path}?${query}`;
    return redirect(`/login/?next=${encodeURIComponent(next.toWellFormed())}`);
  }
  return page(context, (frame) => refusalPage({ ...frame, session: null }, status, context.requestId), status);
}

/** Redirects a browser to a page with a notice. */
export function redirectDone(path: string, done: Done, parts?: ReplyParts): Reply {
  return redirect(`${path}?done=${done}`, parts);
}

/** The values of a form as it was sent; empty if a field did not arrive. */
export async function sentValues<Name extends string>(
  context: Arrival,
  ...names: Name[]
): Promise<Record<Name, string>> {
  const data = await context.data().catch(() => null);
  const fields: ReadonlyMap<string, unknown> = data?.kind === "form" ? data.fields : new Map();
  const entries = names.map((name) => [name, fields.get(name)] as const);
  const values = entries.map(([name, value]) => [name, typeof value === "string" ? value : ""]);
  return Object.fromEntries(values) as Record<Name, string>; // Each name has its value.
}

function frameOf(context: Arrival): Frame {
  const { auth, request } = context;
  const current = auth?.level === "full" ? auth : null;
  const { siteName, logoUrl } = context.services.config;
  const done = queryValue(context.target, "done");
  const tongue = chooseTongue(request.headers.get("accept-language"));
  const notice = done !== null && Object.hasOwn(NOTICES, done) ? NOTICES[done as Done] : null; // hasOwn has shown it.
  return {
    ...tongue,
    siteName,
    logoUrl: logoUrl ?? ICON.path,
    styleUrl: STYLE.path,
    scriptUrl: SCRIPT.path,
    iconUrl: ICON.path,
    path: context.target.path,
    session: current ? sessionName(current.session) : "",
    member: current && {
      username: current.user.username,
      csrfToken: deriveCsrfToken(current.token),
    },
    notice: notice === null ? null : tongue.words[notice],
  };
}

/** Everything from this origin and nothing inline. Only the logo may come from another one (CSP Level 3). */
function contentSecurityPolicy(logoUrl: string): string {
  const logo = logoUrl.startsWith("/") ? "" : ` ${new URL(logoUrl).origin}`;
  return (
    `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'${logo}; connect-src 'self'; ` +
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
  );
}
