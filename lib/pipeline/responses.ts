import type { Context, Endpoint } from "../context.ts";
import { renderJson } from "../http/json.ts";
import { prepareHeaders } from "./security-headers.ts";

/** No charset: RFC 8259 §11 defines none, and Django REST Framework sends none. */
const JSON_HEADERS = prepareHeaders({ "Content-Type": "application/json" });

/** JSON, indented where the client asked for it. */
export function json({ representation, endpoint, sessionRead }: Context, value: unknown, status = 200): Response {
  const headers = endpoint !== null && sessionRead ? endpoint.headers : JSON_HEADERS;
  return new Response(renderJson(value, representation.indent), { status, headers });
}

/** No body, and so no Content-Type. */
export function empty(status: 202 | 204): Response {
  return new Response(null, { status });
}

export function text(body: string): Response {
  return new Response(body, { headers: { "Content-Type": "text/plain; charset=utf-8" } });
}

/** @param path on this origin; 303 has a browser get it, whatever it sent (RFC 9110 §15.4.4) */
export function redirect(path: string, status: 302 | 303 = 303): Response {
  return new Response(null, { status, headers: { Location: path } });
}

/** What Django REST Framework tells of a view that is asked for its OPTIONS. */
export function describe(context: Context, { name }: Endpoint): Response {
  return json(context, {
    name,
    description: "",
    renders: ["application/json", "text/html"],
    parses: ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"],
  });
}

/** To the same path with its final slash: 308 keeps the method and the body (RFC 9110 §15.4.9), 301 is Django's. */
export function redirectToSlash(path: string, query: string, method: string): Response {
  const status = method === "GET" || method === "HEAD" ? 301 : 308;
  // A target that the runtime could make no URL of comes as it was sent: a header takes nothing but ASCII.
  const location = encodeURI(path) + (query === "" ? "" : `?${query.replace(/[^!-~]/gu, escapeCharacter)}`);
  return new Response(null, { status, headers: { Location: location, "Content-Type": "text/html; charset=utf-8" } });
}

/** A lone surrogate, which no encoding has, becomes U+FFFD. */
function escapeCharacter(character: string): string {
  return encodeURIComponent(character.toWellFormed());
}

/** The answer to a CORS preflight of a trusted origin (Fetch Standard §3.3.3): it carries no cookie, so no guard is asked. */
export function preflight(allow: string): Response {
  const headers = {
    "Access-Control-Allow-Methods": allow,
    "Access-Control-Allow-Headers": "content-type, x-csrftoken",
    "Access-Control-Max-Age": "600",
  };
  return new Response(null, { status: 204, headers });
}
